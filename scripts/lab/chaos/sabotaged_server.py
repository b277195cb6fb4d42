"""Server with planted bugs, for faults that no request can cause.

Run as a process: python -m scripts.lab.chaos.sabotaged_server PLANT…
Not here: faults without plants. Threads: the server's main one; signals are handled there.
Plants: `crash_word`: a segment with CRASH_WORD crashes its session's turn. `job_word`: the job of a question with
JOB_WORD fails, until it is dead. `crash_loop`: after SIGUSR2 every turn of
the answer sweeper crashes. `clock`: the wall clock is off by the seconds in the file CLOCK_FILE, read at the start and
at SIGUSR2; the monotonic one is right. `short_leases`: leases of jobs are LEASE_S long. `short_rest`: retention is
paused for only REST_S of uptime, with a heartbeat every second, so that rounds run after the pause, too.
"""

import signal
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType

from omi_actors import parts, tree
from omi_actors.actors.maintenance import node_lease
from omi_actors.actors.maintenance.answer_sweeper import AnswerSweeper
from omi_actors.actors.session.actor import SessionActor
from omi_actors.actors.session.messages import IngestSegments
from omi_actors.cli import main
from omi_actors.clock import SystemClock
from omi_actors.domain.sessions.records import AnswerDone, Withdrawn
from omi_actors.domain.work import retention
from omi_actors.domain.work.jobs import ClaimedJob
from omi_actors.jobs.answer import AnswerJob
from omi_actors.jobs.kinds import JobDeps
from scripts.lab.chaos.stage import CLOCK_FILE

CRASH_WORD = "crashword"
JOB_WORD = "jobword"
LEASE_S = 2.0
REST_S = 2.0


class PlantedError(Exception):
    """A planted bug."""


def _plant_crash_word() -> None:
    receive = SessionActor.receive

    def crash(self: SessionActor, message: object) -> object:
        if isinstance(message, IngestSegments) and any(CRASH_WORD in one.text for one in message.segments):
            raise PlantedError
        return receive(self, message)

    _replace(SessionActor, "receive", crash)


def _plant_job_word() -> None:
    run = AnswerJob.run

    async def fail(self: AnswerJob, job: ClaimedJob, deps: JobDeps) -> AnswerDone | Withdrawn:
        if JOB_WORD in job.payload["question"]:
            raise PlantedError
        return await run(self, job, deps)

    _replace(AnswerJob, "run", fail)


def _plant_crash_loop() -> None:
    receive = AnswerSweeper.receive
    is_broken: list[bool] = []

    def crash(self: AnswerSweeper, message: object) -> object:
        if is_broken:
            raise PlantedError
        return receive(self, message)

    _replace(AnswerSweeper, "receive", crash)
    signal.signal(signal.SIGUSR2, lambda _number, _frame: is_broken.append(True))


def _plant_clock() -> None:
    file, off_s = Path(CLOCK_FILE), [0.0]

    def now_s(_self: SystemClock) -> float:
        return time.time() + off_s[0]  # noqa: TID251 (a clock of our own)

    def set_clock(*_: object) -> None:
        off_s[0] = float(file.read_text()) if file.exists() else 0.0

    set_clock()
    _replace(SystemClock, "now_s", now_s)
    signal.signal(signal.SIGUSR2, set_clock)


def _plant_short_leases() -> None:
    # Both modules have the name: claims, and jobs enqueued with a lease.
    for owner in (tree, parts):
        _replace(owner, "JOB_LEASE_S", LEASE_S)


def _plant_short_rest() -> None:
    _replace(retention, "REST_S", REST_S)
    _replace(node_lease, "_BEATS", 5)


def _replace(owner: type | ModuleType, name: str, value: object) -> None:
    """Replace an attribute. Raises: AttributeError when it does not exist."""
    getattr(owner, name)
    setattr(owner, name, value)


PLANTS: Mapping[str, Callable[[], None]] = {
    "crash_word": _plant_crash_word,
    "job_word": _plant_job_word,
    "crash_loop": _plant_crash_loop,
    "clock": _plant_clock,
    "short_leases": _plant_short_leases,
    "short_rest": _plant_short_rest,
}


if __name__ == "__main__":
    for plant in sys.argv[1:]:
        PLANTS[plant]()
    main(["serve"])
