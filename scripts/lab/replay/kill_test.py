"""Kill test: load a server, `kill -9` at random times, restart on the same data; then count losses and duplicates.

The load is webhooks of wearables, and what persons do with their accounts. What was not acknowledged is sent again
after the restart, which must not add duplicates. Not here: the server (server_process.py), the persons (people.py), the
end of a test (verify.py, people_kept.py), the judgement (judge.py, deliveries.py, people_judge.py). Threads: one event
loop. Run as scripts/kill_test.
"""

import asyncio
import contextlib
import itertools
import random
import shlex
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import click
import msgspec

from omi_actors.clock import Clock, SystemClock
from scripts.lab.replay.accept_log import AcceptLog, load_deeds, load_promises
from scripts.lab.replay.deliveries import Arrival, judge_deliveries
from scripts.lab.replay.fake_omi import FakeOmi
from scripts.lab.replay.fake_omi import Mode as OmiMode
from scripts.lab.replay.fake_openai import Mode
from scripts.lab.replay.fake_openai_process import spawn_fake_openai
from scripts.lab.replay.generator import ConversationGenerator
from scripts.lab.replay.http import Target
from scripts.lab.replay.judge import judge, merge_promises
from scripts.lab.replay.kill_report import KillReport, render_json
from scripts.lab.replay.people import People
from scripts.lab.replay.people_judge import judge_people
from scripts.lab.replay.people_kept import settle_people
from scripts.lab.replay.postgres_server import fresh_postgres_database
from scripts.lab.replay.recording import RecordedRequest
from scripts.lab.replay.report import render_table
from scripts.lab.replay.sender import Sender
from scripts.lab.replay.server_process import ServerProcess, build_server
from scripts.lab.replay.verify import settle

# Tries to send the rest after the last kill before it counts as refused.
_LAST_TRIES = 5
# Settings (ms) that use every delivery channel, so that kills hit each of them, and limits beyond a load's reach: it
# has few persons at one address, who act as much as many.
KILL_SETTINGS = {
    "NEXT_WEBHOOK_GRACE_MS": "300",
    "WEBHOOK_REPLY_DEADLINE_MS": "400",
    "MESSAGE_REPLY_DEADLINE_MS": "250",
    "RATE_LIMIT_MAX_REQUESTS": "1000000000",
    "LOGIN_MAX_FAILURES": "1000000",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class KillPlan:
    """Plan of a kill test. Each round lasts between `round_min_s` and `round_max_s` seconds, evenly distributed.

    Of the persons, `linked` have a wearable that speaks. A person pauses `pause_s` on average between two changes.
    """

    rounds: int = 20
    seed: int = 1
    users: int = 40
    rate_per_s: float = 200.0
    round_min_s: float = 0.5
    round_max_s: float = 5.0
    answers_within_s: float = 60.0
    persons: int = 24
    linked: int = 8
    pause_s: float = 0.2


class KillTest:
    """Runner of a plan. It starts and kills the server, which notifies `omi`.

    `accept_file` must not exist.
    """

    def __init__(  # noqa: PLR0913 (one per part)
        self,
        plan: KillPlan,
        *,
        server: ServerProcess,
        target: Target,
        omi: FakeOmi,
        accept_file: Path,
        clock: Clock,
        say: Callable[[str], None],
    ) -> None:
        self._plan = plan
        self._server = server
        self._target = target
        self._omi = omi
        self._accept_file = accept_file
        self._clock = clock
        self._say = say
        self._rng = random.Random(plan.seed)  # noqa: S311 (moments of a test)
        self._traffic = ConversationGenerator(seed=plan.seed, users=plan.users, rate_per_s=plan.rate_per_s)
        self._is_up = False
        self._kills_mono_s: list[float] = []
        self._replies: list[Arrival] = []

    async def run(self) -> KillReport:
        """Run all rounds and the check. The server is always stopped afterwards."""
        recoveries_s: list[float] = []
        try:
            with AcceptLog(self._accept_file) as log:
                await self._server.start()
                people = self._build_people(log)
                refused = await self._rounds(log, people, recoveries_s)
            promised = merge_promises(load_promises(self._accept_file))
            within_s = self._plan.answers_within_s
            kept = await settle(promised, self._target, self._contact, clock=self._clock, within_s=within_s)
            theirs = await settle_people(people.everybody, self._target, clock=self._clock, within_s=within_s)
            exit_code = await self._server.stop()
        finally:
            self._server.kill()
        return KillReport(
            verdict=judge(promised, kept),
            deliveries=judge_deliveries(promised, kept, self._arrivals(), self._kills_mono_s),
            people=judge_people(
                load_deeds(self._accept_file),
                theirs,
                refused=people.changes.refused,
                repeated=people.changes.repeated,
            ),
            restarts=len(recoveries_s),
            longest_recovery_s=max(recoveries_s, default=0.0),
            refused=refused,
            exit_code=exit_code,
            seed=self._plan.seed,
        )

    def _build_people(self, log: AcceptLog) -> People:
        plan, wearables = self._plan, self._traffic.uids[: self._plan.linked]
        return People(self._target, log, seed=plan.seed, count=plan.persons, wearables=wearables, pause_s=plan.pause_s)

    async def _rounds(self, log: AcceptLog, people: People, recoveries_s: list[float]) -> int:
        """Kill the server once a round, while the persons live; return the number of webhooks never acknowledged."""
        pending: list[RecordedRequest] = []
        living = asyncio.create_task(people.live())
        try:
            for number in range(1, self._plan.rounds + 1):
                people.changes.up.set()
                pending = await self._round(log, pending, people)
                recoveries_s.append(await self._server.start())
                self._say(f"round {number}: killed, ready again after {recoveries_s[-1]:.2f} s")
            people.changes.up.set()
            people.finish()
            await living
        finally:
            living.cancel()
        return await self._send_rest(log, pending)

    async def _round(self, log: AcceptLog, pending: list[RecordedRequest], people: People) -> list[RecordedRequest]:
        """Send the remaining and new webhooks until the kill; return those that were sent but not acknowledged."""
        self._is_up = True
        requests = itertools.chain(_at_once(pending), self._traffic_until_the_kill())
        sending = asyncio.create_task(self._send(requests, log))
        await asyncio.wait({sending}, timeout=self._rng.uniform(self._plan.round_min_s, self._plan.round_max_s))
        self._is_up = False
        people.changes.up.clear()
        self._server.kill()
        self._kills_mono_s.append(self._clock.mono_s())
        # Not cancelled, so that replies sent before the kill are read to their end.
        return await sending

    def _traffic_until_the_kill(self) -> Iterator[RecordedRequest]:
        for request in self._traffic:
            if not self._is_up:
                return
            yield request

    async def _send_rest(self, log: AcceptLog, pending: list[RecordedRequest]) -> int:
        for _ in range(_LAST_TRIES):
            pending = await self._send(_at_once(pending), log)
        return len(pending)

    async def _send(self, requests: Iterable[RecordedRequest], log: AcceptLog | None = None) -> list[RecordedRequest]:
        """Send, record the replies, and return the webhooks that were not acknowledged."""
        sender = Sender(self._target, clock=self._clock, accept_log=log)
        await sender.send(requests)
        self._replies += [
            Arrival(one.request.query["uid"], one.message, one.request.body, one.replied_mono_s)
            for one in sender.outcomes
            if one.message
        ]
        return sender.unacknowledged()

    def _arrivals(self) -> list[Arrival]:
        return [*self._replies, *(Arrival(one.uid, one.text, "", one.at_mono_s) for one in self._omi.pushes)]

    async def _contact(self, requests: list[RecordedRequest]) -> set[str]:
        before = len(self._replies)
        await self._send(requests)
        return {one.uid for one in self._replies[before:]}


def _at_once(requests: list[RecordedRequest]) -> list[RecordedRequest]:
    return [msgspec.structs.replace(request, at_s=0.0) for request in requests]


# Delays (s) long enough that kills hit every stage of an answer.
_MODEL_DELAY_S = 0.1
_OMI_DELAY_S = 0.05


@click.command()
@click.option("--rounds", default=20, show_default=True, help="Number of kills.")
@click.option("--seed", type=int, help="The same seed repeats the traffic and the times of the kills.")
@click.option("--rate", default=200.0, show_default=True, help="Webhooks per second.")
@click.option("--database", type=click.Choice(["sqlite", "postgres"]), default="sqlite", show_default=True)
@click.option("--database-url", default="", help="An empty PostgreSQL database, instead of one started for the test.")
@click.option("--json", "json_file", type=click.Path(dir_okay=False, path_type=Path), help="Also write the result.")
def main(
    *, rounds: int, seed: int | None, rate: float, database: str, database_url: str, json_file: Path | None
) -> None:
    """Start the server, load it, kill -9, restart with the same data; repeat this, then count.

    The load is webhooks of wearables, and persons who change what is theirs. Exits with 1 if acknowledged data is
    missing, duplicate or another, if a question does not have exactly one answer, or if an answer did not arrive, or
    arrived twice without a kill that explains it. To publish: run it on both databases with --json
    docs/kills-sqlite.json and docs/kills-postgres.json; then scripts/chaos --docs.
    """
    plan = KillPlan(rounds=rounds, seed=int(SystemClock().now_s()) if seed is None else seed, rate_per_s=rate)
    with contextlib.ExitStack() as stack:
        if database == "postgres" and not database_url:
            database_url = stack.enter_context(fresh_postgres_database())
        model_url = stack.enter_context(spawn_fake_openai(Mode.DELAY, delay_s=_MODEL_DELAY_S))
        work_dir = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="kill-test-")))
        report = asyncio.run(_run(plan, work_dir, database_url, model_url))
    figures = {"database": "postgres" if database_url else "sqlite", **report.figures()}
    click.echo(render_table(figures))
    for wrong in report.wrongs():
        click.echo(f"  {wrong}", err=True)
    if json_file is not None:
        command = shlex.join(["scripts/kill_test", *sys.argv[1:]])
        json_file.write_bytes(render_json(report, figures, command=command, now_s=SystemClock().now_s()))
    sys.exit(0 if report.is_good else 1)


async def _run(plan: KillPlan, work_dir: Path, database_url: str, model_url: str) -> KillReport:
    clock = SystemClock()
    omi = FakeOmi(mode=OmiMode.DELAY, delay_s=_OMI_DELAY_S, clock=clock)
    listening = omi.listen()
    extra = KILL_SETTINGS | omi.settings
    server, target = build_server(work_dir, clock=clock, database_url=database_url, model_url=model_url, extra=extra)
    accept_file = work_dir / "accepted.jsonl"
    test = KillTest(plan, server=server, target=target, omi=omi, accept_file=accept_file, clock=clock, say=click.echo)
    try:
        return await test.run()
    finally:
        listening.stop()
        await listening.close_all_connections()


if __name__ == "__main__":
    main()
