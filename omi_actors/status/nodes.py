"""The nodes on one database: each stores a report every few seconds, and any of them answers for all.

A node that is paused or dead answers nobody, so no node asks another: its last report, and the report's age, are in the
store. Without Redis it is the same.
Not here: the rows (store/node_reports.py), one text of all metrics (instruments/exposition.py), leases and jobs of
nodes (store/nodes.py). Threads: the event loop; a thread writes the metrics as text.
"""

import asyncio
import contextlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

import msgspec
from prometheus_client import generate_latest

from config.groups.store import name_siblings
from omi_actors import __version__
from omi_actors.instruments.counts import count, gauge
from omi_actors.instruments.exposition import merge_metrics
from omi_actors.instruments.latencies import ANSWER, COMMIT, WEBHOOK
from omi_actors.instruments.metrics import REGISTRY
from omi_actors.instruments.readings import take_readings
from omi_actors.kit.errors import ExpectedError
from omi_actors.parts import Parts
from omi_actors.status.units import format_seconds
from omi_actors.store import node_reports
from omi_actors.store.facade import Store
from omi_actors.tree import Tree

# The name of the check of the other nodes, among the checks of /health.
CHECK = "other_nodes"
_ORDER = ("pass", "warn", "fail")
_SEVERAL = 2
# Seconds between two reports. Prometheus asks every 15 s or more, so a newer report is there each time.
PERIOD_S = 5.0
# Seconds after which a node is silent: it has missed two reports. Its metrics are left out, so that no old number is
# taken for a new one.
SILENT_S = 15.0
# Seconds for the store to answer a request for all metrics; a scrape has ten.
_LOAD_S = 2.0
# Seconds for the last write: a store that is away must not hold up the stop.
_LEAVE_S = 1.0


class NodeReport(msgspec.Struct):
    """A node's state and main figures. `troubles` are state and note of each check that does not pass.

    `total` and `recent` are counts since the start and of the last 5 minutes, `gauges` present values
    (instruments/counts.py), `p95` seconds of the last 5 minutes by recorder.
    """

    version: str
    uptime_s: float
    troubles: dict[str, tuple[str, str]]
    total: dict[str, float]
    recent: dict[str, float]
    gauges: dict[str, float]
    p95: dict[str, float | None]

    @property
    def status(self) -> str:
        """Return the worst state of its checks."""
        return find_worst(status for status, _ in self.troubles.values())


def find_worst(states: Iterable[str]) -> str:
    """Return the worst of these states; pass without any."""
    return max(states, key=_ORDER.index, default="pass")


def build_report(tree: Tree, parts: Parts, checks: Mapping[str, Mapping[str, Any]]) -> NodeReport:
    """Return this node's report. `checks` are its own."""
    readings = tree.readings
    now = take_readings(REGISTRY)
    readings.minutes.fold()
    return NodeReport(
        version=__version__,
        uptime_s=round(parts.clock.mono_s() - readings.started_mono_s, 1),
        troubles={
            name: (str(check["status"]), str(check.get("note", "")))
            for name, check in checks.items()
            if check["status"] != "pass" and name != CHECK
        },
        total=count(now),
        recent=count(now.since(readings.of_5_minutes_ago)),
        gauges=gauge(now),
        p95={name: readings.minutes.summary((name,), minutes=5).p95 for name in (WEBHOOK, ANSWER, COMMIT)},
    )


def build_nodes(tree: Tree, parts: Parts, check: Callable[[], Mapping[str, Mapping[str, Any]]]) -> "Nodes | None":
    """Return the nodes of a database that several may share; None with a file. `check` returns this node's checks."""
    settings = parts.settings
    if not settings.is_postgres:
        return None
    near = name_siblings(settings.node_name, settings.processes)
    report = partial(build_report, tree, parts)
    return Nodes(tree.store, lambda: report(check()), node=settings.node_name, near=near)


class Nodes:
    """Stores this node's report, and has the latest reports of the others.

    nodes = Nodes(store, build, node="a", near=("a", "b"))
    task = asyncio.create_task(nodes.run())
    nodes.check()            # for /health
    await nodes.export(…)    # for /metrics
    """

    def __init__(
        self,
        store: Store,
        build: Callable[[], NodeReport],
        *,
        node: str,
        near: Sequence[str],
    ) -> None:
        """Make it. `near` are the nodes at this node's address, itself included."""
        self._store = store
        self._build = build
        self._node = node
        self.near = frozenset(near)
        self._reports: list[tuple[str, float, NodeReport]] = []

    async def run(self) -> None:
        """Report and load reports until cancelled."""
        while True:
            with contextlib.suppress(ExpectedError):  # the store's own check tells of it; ages go on
                await self._report()
            await asyncio.sleep(PERIOD_S)

    async def leave(self) -> None:
        """Drop this node's report, since the node stops."""
        with contextlib.suppress(ExpectedError, TimeoutError):
            async with asyncio.timeout(_LEAVE_S):
                await self._store.write(node_reports.drop_report)

    async def _report(self) -> None:
        metrics = await asyncio.to_thread(_write_metrics)
        figures = msgspec.json.encode(self._build()).decode()
        await self._store.write(node_reports.put_report, figures=figures, metrics=metrics)
        stored = await self._store.read(node_reports.load_figures)
        self._reports = [(one.node, one.age_s, read) for one in stored if (read := _read(one.content))]

    # --- answers for all

    def list_reports(self) -> list[tuple[str, float, NodeReport]]:
        """Return name, age in seconds and report of each node that is known, this one included, by name.

        The ages are those of the last load: a store that is away for this node makes no other node silent.
        """
        return self._reports

    def check(self, own: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
        """Check the other nodes: the worst of them, with its name, is the check's state and note.

        What `own`, this node's checks, tell as well is not told again: a model that fails does so at all nodes.
        """
        others = [one for one in self.list_reports() if one[0] != self._node]
        nodes = {name: _judge(age_s, report, own) for name, age_s, report in others}
        check: dict[str, Any] = {"status": find_worst(one["status"] for one in nodes.values()), "nodes": nodes}
        if check["status"] != "pass":
            worst = next(name for name, one in nodes.items() if one["status"] == check["status"])
            check |= {"worst": worst, "note": f"node {worst}: {nodes[worst]['note']}"}
        return check

    def show(self) -> list[dict[str, Any]]:
        """Return the rows of the operator's page: each node's main figures, then all together. Empty for one node."""
        reports = self.list_reports()
        if len(reports) < _SEVERAL:
            return []
        rows = [_show(name, age_s, report) for name, age_s, report in reports]
        living = [row for row in rows if not row["silentMs"]]
        sums = {name: sum(row[name] for row in living) for name in _SUMMED}
        return [*rows, {"node": "", "status": "", "count": len(living), **sums}]

    async def export(self, *, of_all: bool) -> str:
        """Return the metrics of the nodes at this address, or of all nodes on the database.

        All come from the store, also this node's: whichever node answers, a count never goes back. While the store
        does not answer, there are this node's alone.
        """
        try:
            async with asyncio.timeout(_LOAD_S):
                stored = await self._store.read(node_reports.load_metrics)
        except (ExpectedError, TimeoutError):
            return merge_metrics({self._node: _write_metrics()}, ())
        wanted = [one for one in stored if of_all or one.node in self.near]
        texts = {one.node: one.content for one in wanted if one.age_s < SILENT_S}
        return merge_metrics(texts, [one.node for one in wanted if one.node not in texts])


def _judge(age_s: float, report: NodeReport, own: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return the state of another node, with what is worst there."""
    judged: dict[str, Any] = {"status": "pass", "version": report.version, "age_seconds": round(age_s, 1)}
    if age_s >= SILENT_S:
        return judged | {"status": "warn", "note": f"it has not reported for {format_seconds(age_s)}"}
    for name, (status, note) in report.troubles.items():
        is_told = _ORDER.index(str(own.get(name, {}).get("status", "pass"))) >= _ORDER.index(status)
        if not is_told and _ORDER.index(status) > _ORDER.index(judged["status"]):
            judged |= {"status": status, "note": f"{name}: {note}" if note else name}
    return judged


# Figures of a row that add up.
_SUMMED = ("webhooks", "questions", "failed", "sessions", "memoryBytes")


def _show(name: str, age_s: float, report: NodeReport) -> dict[str, Any]:
    """Return the row of one node. Counts and p95 are those of its last 5 minutes."""
    recent, gauges = report.recent, report.gauges
    times = {f"{key}P95Ms": _ms(report.p95.get(name)) for key, name in _TIMES.items()}
    return {
        "node": name,
        "status": report.status,
        "trouble": ", ".join(report.troubles),
        "silentMs": _ms(age_s) if age_s >= SILENT_S else None,
        "webhooks": recent.get("webhooks", 0.0),
        "questions": recent.get("questions", 0.0),
        "failed": recent.get("failed", 0.0) + recent.get("unanswered", 0.0),
        "sessions": gauges.get("sessions", 0.0),
        "memoryBytes": gauges.get("memory_bytes", 0.0),
        "lagMs": _ms(gauges.get("loop_lag_s")),
        "uptimeMs": _ms(report.uptime_s),
        "version": report.version,
        **times,
    }


_TIMES = {"webhook": WEBHOOK, "answer": ANSWER, "commit": COMMIT}


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1e3, 1)


def _write_metrics() -> str:
    return generate_latest(REGISTRY).decode()


def _read(content: str) -> NodeReport | None:
    """Return a report; None if a program of another version has written another form."""
    try:
        return msgspec.json.decode(content, type=NodeReport)
    except msgspec.MsgspecError:
        return None
