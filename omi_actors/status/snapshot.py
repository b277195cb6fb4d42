"""The contents of the operator's page: state, causes, checks, tiles and tables.

Not here: building them (causes.py, tiles.py, tables.py), HTML (web/pages/). Threads: the event loop. Text is not yet
escaped.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from omi_actors.instruments.counts import count, gauge
from omi_actors.instruments.metrics import REGISTRY
from omi_actors.instruments.readings import Readings, take_readings
from omi_actors.instruments.requests import REQUESTS
from omi_actors.parts import Parts
from omi_actors.status.causes import Cause, describe_state, find_causes
from omi_actors.status.fault import Facts
from omi_actors.status.tables import Table, build_tables
from omi_actors.status.tiles import Figures, Tile, build_tiles
from omi_actors.tree import Tree


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Contents of the operator's page. `status` is pass, warn or fail, `state` the same in one sentence.

    `checks` has the name, state and words of each check. `started_at` is UTC seconds.
    """

    status: str
    state: str
    causes: Sequence[Cause] = ()
    checks: Sequence[tuple[str, str, str]] = ()
    tiles: Sequence[Tile] = ()
    tables: Sequence[Table] = ()
    started_at: float = 0.0
    node: str = ""
    is_demo: bool = False


def take_snapshot(tree: Tree, parts: Parts, health: Mapping[str, Any], *, is_draining: bool) -> Snapshot:
    """Return the snapshot of this moment. The copy of all metrics takes a few milliseconds."""
    now, readings, clock = take_readings(REGISTRY), tree.readings, parts.clock
    recent = now.since(readings.of_5_minutes_ago)
    readings.minutes.fold()
    facts = Facts(
        checks=health["checks"],
        spells=readings.spells,
        mono_s=clock.mono_s(),
        now_s=clock.now_s(),
        gauges=gauge(now),
        paused=readings.queue.paused if readings.queue is not None else {},
        last_errors={group.where: group.type for group in REQUESTS.errors.values()},
        is_draining=is_draining,
    )
    figures = Figures(count(now), count(recent), facts.gauges, readings.minutes)
    return build_snapshot(health, now, recent, facts, figures, node=parts.settings.node_name)


def build_snapshot(
    health: Mapping[str, Any], now: Readings, recent: Readings, facts: Facts, figures: Figures, *, node: str
) -> Snapshot:
    """Return the snapshot. `health` is the operator's; `recent` is the growth of `now` in the last 5 minutes."""
    causes = find_causes(facts)
    status, state = describe_state(causes)
    checks = health["checks"]
    return Snapshot(
        status=status,
        state=state,
        causes=causes,
        checks=[(name, str(check["status"]), str(check.get("note", ""))) for name, check in checks.items()],
        tiles=build_tiles(figures),
        tables=build_tables(health, now, recent, figures.minutes),
        started_at=facts.now_s - float(health["uptime"]),
        node=node,
        is_demo=checks["model"].get("provider") == "demo",
    )
