"""Rolling upgrade: nodes behind nginx are replaced one after another by newer releases, under load; then count.

A release is a copy of this checkout's program, or of a commit's, with further steps of the schema. The first upgrade
adds to the schema, the second one removes; old and new nodes run side by side meanwhile. Not here: nginx
(nginx_server.py), the judgement (judge.py, deliveries.py). Threads: one event loop. Run as scripts/rolling.
"""

import asyncio
import contextlib
import itertools
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import click

from omi_actors.clock import Clock, SystemClock
from scripts.lab.replay.accept_log import AcceptLog, load_promises
from scripts.lab.replay.deliveries import Arrival, DeliveryVerdict, judge_deliveries
from scripts.lab.replay.fake_omi import FakeOmi
from scripts.lab.replay.fake_openai import Mode
from scripts.lab.replay.fake_openai_process import spawn_fake_openai
from scripts.lab.replay.generator import ConversationGenerator
from scripts.lab.replay.http import Target
from scripts.lab.replay.judge import Verdict, judge, merge_promises
from scripts.lab.replay.kill_test import KILL_SETTINGS
from scripts.lab.replay.nginx_server import running_nginx
from scripts.lab.replay.postgres_server import fresh_postgres_database
from scripts.lab.replay.recording import RecordedRequest
from scripts.lab.replay.redis_server import running_redis
from scripts.lab.replay.report import render_table
from scripts.lab.replay.sender import Outcome, Sender
from scripts.lab.replay.server_process import ServerProcess, build_server
from scripts.lab.replay.verify import settle

_ROOT = Path(__file__).parents[3]
_ROOMS = ("omi_actors", "web", "config")
# What a release adds to a table that every webhook writes, and what the next one removes.
ADDS = "ALTER TABLE session ADD COLUMN rolling_mood TEXT NOT NULL DEFAULT '';\n"
REMOVES = "-- needs: {before}\nALTER TABLE session DROP COLUMN rolling_mood;\n"
# Seconds between two nodes, longer than nginx leaves a node out after a failure (omi.conf).
_BETWEEN_S = 3.0
_MODEL_DELAY_S = 0.05


@dataclass(frozen=True, slots=True)
class RollingPlan:
    """Plan of a test: `upgrades` 1 adds to the schema, 2 also removes again. `commit` is the first release's."""

    nodes: int = 3
    upgrades: int = 2
    users: int = 30
    rate_per_s: float = 60.0
    seed: int = 1
    between_s: float = _BETWEEN_S
    answers_within_s: float = 60.0
    commit: str = ""


@dataclass(slots=True)
class RollingReport:
    """Result of a test. `refused` are webhooks that were not kept, with the reply."""

    verdict: Verdict
    deliveries: DeliveryVerdict
    refused: list[str] = field(default_factory=list)
    upgraded: int = 0
    exit_codes: list[int] = field(default_factory=list)
    old_refused: str = ""

    @property
    def is_good(self) -> bool:
        """Return True if nothing was refused, lost or doubled, and each node stopped by itself."""
        return self.verdict.is_kept and self.deliveries.is_kept and not self.refused and not any(self.exit_codes)

    def figures(self) -> dict[str, object]:
        """Return the counts by name."""
        return {
            "nodes_upgraded": self.upgraded,
            "accepted": self.verdict.accepted,
            "lost": len(self.verdict.lost),
            "stored_twice": len(self.verdict.stored_twice),
            "questions_accepted": self.verdict.questions_accepted,
            "answered_once": self.verdict.answered_once,
            "answered_twice": len(self.verdict.answered_twice),
            **self.deliveries.figures(),
            "refused": len(self.refused),
        }


def build_release(folder: Path, steps: Sequence[str], commit: str = "") -> Path:
    """Return a folder with the program, whose schema has these steps besides."""
    if commit:
        folder.mkdir(parents=True)
        packed = subprocess.run(["git", "archive", commit, *_ROOMS], cwd=_ROOT, check=True, stdout=subprocess.PIPE)  # noqa: S603, S607 (our own checkout)
        subprocess.run(["tar", "-x", "-C", folder], input=packed.stdout, check=True)  # noqa: S603, S607 (same)
    else:
        for room in _ROOMS:
            shutil.copytree(_ROOT / room, folder / room, ignore=shutil.ignore_patterns("__pycache__"))
    for database in ("sqlite", "postgres"):
        place = folder / "omi_actors" / "store" / "migrations" / database
        for script in steps:
            number = len(list(place.glob("*.sql"))) + 1
            (place / f"{number:04d}_rolling.sql").write_text(script.format(before=number - 1))
    return folder


class RollingTest:
    """Runner of a plan on one database."""

    def __init__(
        self, plan: RollingPlan, folder: Path, settings: Mapping[str, str], clock: Clock, say: Callable[[str], None]
    ) -> None:
        self._plan = plan
        self._folder = folder
        self._settings = settings
        self._clock = clock
        self._say = say
        self._is_over = False
        self._outcomes: list[Outcome] = []
        steps = [ADDS, REMOVES][: plan.upgrades]
        self._releases = [build_release(folder / "release-0", (), plan.commit)]
        self._releases += [
            build_release(folder / f"release-{number}", steps[:number]) for number in range(1, plan.upgrades + 1)
        ]
        self._nodes: list[tuple[str, Target, ServerProcess]] = []

    async def run(self, omi: FakeOmi) -> RollingReport:
        """Run all upgrades and the check; the nodes are always stopped."""
        report = RollingReport(Verdict(), DeliveryVerdict())
        first = self._build_node("a", None, 0)
        self._nodes = [first, *(self._build_node(name, first[1], 0) for name in "bcdef"[: self._plan.nodes - 1])]
        try:
            await first[2].start()  # it makes the schema
            await asyncio.gather(*(process.start() for _, _, process in self._nodes[1:]))
            with running_nginx(self._folder / "nginx", [target.port for _, target, _ in self._nodes]) as port:
                front = Target("127.0.0.1", port, token=first[1].token, admin_token=first[1].admin_token)
                await self._upgrade_under_load(front, report)
                await self._judge(front, omi, report)
            report.exit_codes += [await process.stop() for _, _, process in self._nodes]
            report.old_refused = await self._start_old() if self._plan.upgrades > 1 else ""
        finally:
            for _, _, process in self._nodes:
                process.kill()
        return report

    def _build_node(self, name: str, like: Target | None, release: int) -> tuple[str, Target, ServerProcess]:
        own = self._folder / name
        own.mkdir(exist_ok=True)
        extra = {**self._settings, "NODE_NAME": name, "PYTHONPATH": str(self._releases[release])}
        if like is not None:
            extra |= {"WEBHOOK_TOKEN": like.token, "ADMIN_TOKEN": like.admin_token}
        process, target = build_server(own, clock=self._clock, extra=extra)
        return name, target, process

    async def _upgrade_under_load(self, front: Target, report: RollingReport) -> None:
        with AcceptLog(self._folder / "accepted.jsonl") as log:
            sender = Sender(front, clock=self._clock, accept_log=log)
            sending = asyncio.create_task(sender.send(self._traffic()))
            try:
                for release in range(1, self._plan.upgrades + 1):
                    await self._upgrade_all(release, report)
                self._is_over = True
                await sending
            finally:
                self._is_over = True
                sending.cancel()
        self._outcomes = sender.outcomes
        report.refused = [
            f"{one.request.query['uid']}: {one.status} {one.dropped}"
            for one in sender.outcomes
            if not one.is_acknowledged
        ]

    async def _upgrade_all(self, release: int, report: RollingReport) -> None:
        for index, (name, target, process) in enumerate(self._nodes):
            report.exit_codes.append(await process.stop())
            process = ServerProcess(  # noqa: PLW2901 (the next release of it)
                process.command,
                settings={**process.settings, "PYTHONPATH": str(self._releases[release])},
                port=target.port,
                log_file=process.log_file,
                clock=self._clock,
            )
            self._nodes[index] = name, target, process
            ready_s = await process.start()
            report.upgraded += 1
            self._say(f"release {release}: node {name} is upgraded, ready after {ready_s:.1f} s")
            await asyncio.sleep(self._plan.between_s)

    def _traffic(self) -> Iterator[RecordedRequest]:
        plan = self._plan
        talk = ConversationGenerator(seed=plan.seed, users=plan.users, rate_per_s=plan.rate_per_s)
        return itertools.takewhile(lambda _: not self._is_over, talk)

    async def _judge(self, front: Target, omi: FakeOmi, report: RollingReport) -> None:
        promised = merge_promises(load_promises(self._folder / "accepted.jsonl"))

        async def contact(requests: list[RecordedRequest]) -> set[str]:
            sender = Sender(front, clock=self._clock)
            await sender.send(requests)
            self._outcomes += sender.outcomes
            return {one.request.query["uid"] for one in sender.outcomes if one.message}

        kept = await settle(promised, front, contact, clock=self._clock, within_s=self._plan.answers_within_s)
        arrivals = [
            Arrival(one.request.query["uid"], one.message, one.request.body, one.replied_mono_s)
            for one in self._outcomes
            if one.message
        ]
        arrivals += [Arrival(one.uid, one.text, "", one.at_mono_s) for one in omi.pushes]
        report.verdict = judge(promised, kept)
        report.deliveries = judge_deliveries(promised, kept, arrivals, ())

    async def _start_old(self) -> str:
        """Start the first release once more, which the second upgrade's schema must refuse; return its last line."""
        name, target, process = self._nodes[0]
        old = ServerProcess(
            process.command,
            settings={**process.settings, "PYTHONPATH": str(self._releases[0])},
            port=target.port,
            log_file=self._folder / name / "old.log",
            clock=self._clock,
        )
        with contextlib.suppress(RuntimeError):
            await old.start()
        old.kill()
        return (self._folder / name / "old.log").read_text().splitlines()[-1]


@contextlib.contextmanager
def built_test(plan: RollingPlan, folder: Path, omi: FakeOmi, say: Callable[[str], None]) -> Iterator[RollingTest]:
    """Start what the nodes need, and yield the test."""
    clock = SystemClock()
    with (
        fresh_postgres_database() as url,
        running_redis() as redis,
        spawn_fake_openai(Mode.DELAY, delay_s=_MODEL_DELAY_S) as model_url,
    ):
        settings = {
            **KILL_SETTINGS,
            **omi.settings,
            "WEBHOOK_REPLY_DEADLINE_MS": "12000",  # as in production: a webhook may wait for a takeover
            "DATABASE_URL": url,
            "ALLOW_UNSYNCED_COMMITS": "true",  # it lives no longer than the test
            "REDIS_URL": redis.url,
            "OPENAI_BASE_URL": model_url,
            "OPENAI_API_KEY": "not-a-secret",
            "OPENAI_MODEL": "fake",
            "MODEL_USER_REQUESTS_PER_MINUTE": "0",
            "MODEL_REQUESTS_PER_MINUTE": "0",
            "MODEL_USER_TOKENS_PER_DAY": "0",
            "MODEL_TOKENS_PER_DAY": "0",
            "TRUST_PROXY": "loopback",
        }
        yield RollingTest(plan, folder, settings, clock, say)


@click.command()
@click.option("--nodes", default=3, show_default=True, type=click.IntRange(2, 6), help="Number of nodes.")
@click.option("--rate", default=60.0, show_default=True, help="Webhooks per second.")
@click.option("--users", default=30, show_default=True, help="Number of wearables.")
@click.option("--seed", default=1, show_default=True, help="The same seed repeats the traffic.")
@click.option("--from", "commit", default="", help="Commit of the first release; default: this checkout.")
def main(*, nodes: int, rate: float, users: int, seed: int, commit: str) -> None:
    """Upgrade all nodes behind nginx one after another, twice, under load; then count.

    Exits with 1 if a webhook was refused, or acknowledged data is missing or duplicate, or an answer arrived twice.
    """
    plan = RollingPlan(nodes=nodes, rate_per_s=rate, users=users, seed=seed, commit=commit)

    async def run(folder: Path) -> RollingReport:
        omi = FakeOmi(clock=SystemClock())
        listening = omi.listen()
        try:
            with built_test(plan, folder, omi, click.echo) as test:
                return await test.run(omi)
        finally:
            listening.stop()
            await listening.close_all_connections()

    with tempfile.TemporaryDirectory(prefix="rolling-") as folder:
        report = asyncio.run(run(Path(folder)))
    click.echo(render_table(report.figures()))
    click.echo(f"the first release, started once more: {report.old_refused}")
    for wrong in [*report.refused, *report.verdict.wrongs(), *report.deliveries.wrongs()]:
        click.echo(f"  {wrong}", err=True)
    sys.exit(0 if report.is_good else 1)


if __name__ == "__main__":
    main()
