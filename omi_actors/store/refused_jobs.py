"""Jobs that are refused in the commit that enqueues them: their lane is full, or their payload too large.

The turn is stored all the same. The job is born dead, with a reason for the operator, and its question is told so.
Not here: enqueueing (commits.py). Threads: the writer's.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from omi_actors.errors import OmiError, QueueFullError, TooLargeError
from omi_actors.store.answer_rows import answer_with_failure
from omi_actors.store.transaction import Transaction

# Bytes of JSON. A question has a thousand characters, what comes along with a typed one some ten thousand.
MAX_PAYLOAD_BYTES = 262_144
# In place of a payload that is larger. No kind has an empty one.
TOO_LARGE = "{}"


@dataclass(frozen=True, slots=True)
class NewRow:
    """A job that this transaction has enqueued; of its lane at most `lane_cap` may wait or run."""

    job_id: str
    lane: str
    lane_cap: int


def refuse_jobs(tx: Transaction, jobs: Sequence[NewRow]) -> None:
    """Refuse those of `jobs`, in their order, that must not wait. One that was known already is none of them."""
    ids = [job.job_id for job in jobs]
    for job_id in _find_too_large(tx, ids):
        _refuse(tx, job_id, TooLargeError(f"its payload has more than {MAX_PAYLOAD_BYTES} bytes"))
    for job_id, cap in _find_excess(tx, jobs):
        _refuse(tx, job_id, QueueFullError(f"its lane holds {cap} jobs (QUEUE_LANE_CAP)"))


def _find_too_large(tx: Transaction, ids: Sequence[str]) -> list[str]:
    rows = tx.fetch(
        f"SELECT job_id FROM job WHERE job_id IN ({', '.join('?' * len(ids))}) AND payload = '{TOO_LARGE}'",  # noqa: S608
        ids,
    )
    return [job_id for (job_id,) in rows]


def _find_excess(tx: Transaction, jobs: Sequence[NewRow]) -> Iterable[tuple[str, int]]:
    """Return the newest of each lane that holds too many, with its cap."""
    caps = {job.lane: job.lane_cap for job in jobs}
    counts = tx.fetch(
        "SELECT lane, count(*) FROM job WHERE state IN ('ready', 'running')"  # noqa: S608 (placeholders)
        f" AND lane IN ({', '.join('?' * len(caps))}) GROUP BY lane",
        tuple(caps),
    )
    for lane, count in counts:
        excess = int(count) - caps[lane]
        if excess > 0:
            yield from ((job.job_id, job.lane_cap) for job in [job for job in jobs if job.lane == lane][-excess:])


def _refuse(tx: Transaction, job_id: str, error: OmiError) -> None:
    changed = tx.run(
        "UPDATE job SET state = 'dead', finished_at = ?, error = ? WHERE job_id = ? AND state = 'ready'",
        (tx.now_s(), str(error), job_id),
    )
    if changed:
        answer_with_failure(tx, job_id, error)
