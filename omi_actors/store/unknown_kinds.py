"""Jobs of kinds that this program does not have: found when it starts, and buried with what is to be done about them.

They would wait for ever, and what comes after them in their lane with them.
Not here: payloads that cannot be read (domain/work/jobs.py). Threads: the writer's.
"""

from collections.abc import Sequence

from omi_actors.domain.work.jobs import unknown_kind
from omi_actors.store.given_up import settle_given_up
from omi_actors.store.transaction import Transaction

# Others' commits wait for it.
LIMIT = 200


def bury_unknown_kinds(tx: Transaction, kinds: Sequence[str]) -> dict[str, int]:
    """Bury waiting jobs of other kinds than these, at most `LIMIT` of them; return their numbers by kind."""
    rows = tx.fetch(
        f"SELECT job_id, kind FROM job {tx.indexed_by('job_lane_order')} WHERE state IN ('ready', 'running')"  # noqa: S608
        f" AND state = 'ready' AND kind NOT IN ({', '.join('?' * len(kinds))})"
        f" ORDER BY seq LIMIT {LIMIT} {tx.skip_locked}",
        tuple(kinds),
    )
    counts: dict[str, int] = {}
    for job_id, kind in rows:
        counts[kind] = counts.get(kind, 0) + 1
        error = f"{unknown_kind(kind)}. Start one that has them and retry {job_id}, or discard it."
        tx.run(
            "UPDATE job SET state = 'dead', finished_at = ?, error = ? WHERE job_id = ?", (tx.now_s(), error, job_id)
        )
        settle_given_up(tx, job_id)
    return counts
