"""Row: speed of enqueueing and claiming jobs, with a backlog and with an empty table, in alternating runs.

Not here: the statements (store/). Threads: the caller's, which blocks; the tables are filled before the timing.
"""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, ExitStack
from functools import partial
from itertools import count
from pathlib import Path
from statistics import median
from typing import Any

from omi_actors.clock import Clock
from omi_actors.domain.work.jobs import NewJob
from omi_actors.store.commits import INSERT_JOB, build_job_row
from omi_actors.store.engine import Engine, StoreConfig, Write
from omi_actors.store.jobs import claim_jobs, release_job
from omi_actors.store.transaction import NodeIdentity, Transaction

NewDatabase = Callable[[], AbstractContextManager[str]]

# Jobs of one transaction: as many as one group commit, or some claims, have under load.
_BATCH = 64
# Transactions of one run and step: more than one, since the disk decides the time of a single sync.
_BATCHES = 10
_LANE_CAP = 1_000
_PAGE = 5_000


def measure_queue(
    jobs: int, runs: int, *, folder: Path, clock: Clock, new_postgres: NewDatabase | None
) -> Mapping[str, Any]:
    """Return jobs per second and, for each backlog, the speed divided by an empty queue's speed (median of `runs`)."""
    figures: dict[str, Any] = {"jobs": jobs, "runs": runs}
    for name, new in (("sqlite", None), ("postgres", new_postgres)):
        if name == "sqlite" or new is not None:
            figures |= {f"{name}_{key}": value for key, value in _measure(jobs, runs, folder, clock, new).items()}
    figures["least_share"] = min(value for key, value in figures.items() if key.endswith("_share"))
    return figures


def _measure(jobs: int, runs: int, folder: Path, clock: Clock, new: NewDatabase | None) -> dict[str, float]:
    # The lane of the n-th job, by backlog.
    backlogs: dict[str, Callable[[int], str]] = {"lanes": str, "full_lanes": lambda number: str(number // _LANE_CAP)}
    with ExitStack() as stack:
        engines = {"empty": _open(stack, folder, new, "empty")}
        for name, lane_of in backlogs.items():
            engines[name] = _open(stack, folder, new, name)
            _fill(engines[name], jobs, lane_of)
        numbers = count()
        times = [{name: _run(engine, next(numbers), clock) for name, engine in engines.items()} for _ in range(runs)]
    figures: dict[str, float] = {
        f"{step}_per_s": round(_BATCH * _BATCHES / median(one["empty"][index] for one in times))
        for index, step in enumerate(("enqueue", "claim"))
    }
    for name in backlogs:
        for index, step in enumerate(("enqueue", "claim")):
            shares = [one["empty"][index] / one[name][index] for one in times]
            figures[f"{step}_{name}_share"] = round(median(shares), 2)
    return figures


def _open(stack: ExitStack, folder: Path, new: NewDatabase | None, name: str) -> Engine:
    url = "" if new is None else stack.enter_context(new())
    engine = Engine(StoreConfig(url=url, data_dir=folder / name), NodeIdentity("bench", 1))
    engine.open()
    stack.callback(engine.close)
    return engine


def _fill(engine: Engine, jobs: int, lane_of: Callable[[int], str]) -> None:
    for first in range(0, jobs, _PAGE):
        page = [_new(f"fill-{number}", lane_of(number)) for number in range(first, min(first + _PAGE, jobs))]
        _do(engine, _insert(page))


def _run(engine: Engine, number: int, clock: Clock) -> tuple[float, float]:
    """Enqueue jobs, each in its own lane, claim as many, and delete them. Return the seconds of each step."""
    names = [[f"run-{number}-{batch}-{index}" for index in range(_BATCH)] for batch in range(_BATCHES)]
    inserts = [_insert([_new(name, name, priority=1) for name in some]) for some in names]
    began = clock.mono_s()
    for insert in inserts:
        _do(engine, insert)
    enqueued = clock.mono_s()
    claimed = [_do(engine, partial(claim_jobs, kinds=("answer",), limit=_BATCH, lease_s=30.0)) for _ in inserts]
    ended = clock.mono_s()
    assert all(len(jobs) == _BATCH for jobs in claimed)  # noqa: S101 (else the figures mean nothing)
    engine.commit_group([partial(release_job, job_id=job.job_id, token=job.token) for jobs in claimed for job in jobs])
    _do(engine, lambda tx: tx.run("DELETE FROM job WHERE priority = 1"))
    return enqueued - began, ended - enqueued


def _insert(new: list[NewJob]) -> Callable[[Transaction], int]:
    rows = [(*row[:4], None, *row[5:]) for row in (build_job_row(job, "") for job in new)]
    return lambda tx: tx.run_bulk(INSERT_JOB, rows)


def _new(name: str, lane: str, priority: int = 10) -> NewJob:
    return NewJob(
        job_id=name,
        kind="answer",
        lane=lane,
        idempotency_key=name,
        payload={"question": "How far is the moon?"},
        created_at=0.0,
        run_at=0.0,
        priority=priority,
    )


def _do(engine: Engine, write: Write) -> Any:
    (outcome,) = engine.commit_group([write])
    if outcome.error is not None:
        raise outcome.error
    return outcome.value
