"""The state of the queue: counts by state and kind, and the paused kinds.

Not here: the page of the counts (status/queue_status.py), pausing (queue_admin.py). Threads: a store actor's.
"""

from collections.abc import Sequence
from types import MappingProxyType
from typing import Any

from omi_actors.domain.work.jobs import JobState, KindCounts, QueueCounts
from omi_actors.domain.work.queue_admin import ALL_KINDS
from omi_actors.store.transaction import Transaction

# Finished jobs are most of the table; they are counted by state only.
_OVER = "SELECT state, count(*) FROM job {by_state} WHERE state NOT IN ('ready', 'running') GROUP BY state"
_BY_KIND = (
    "SELECT kind, SUM(CASE WHEN state = 'ready' THEN 1 ELSE 0 END),"
    " SUM(CASE WHEN state = 'ready' AND attempts > 0 THEN 1 ELSE 0 END),"
    " SUM(CASE WHEN state = 'running' THEN 1 ELSE 0 END), SUM(CASE WHEN state = 'dead' THEN 1 ELSE 0 END),"
    " MIN(CASE WHEN state = 'ready' THEN created_at END)"
    " FROM (SELECT kind, state, attempts, created_at FROM job {by_lane} WHERE state IN ('ready', 'running')"
    " UNION ALL SELECT kind, state, attempts, created_at FROM job {by_state}"
    " WHERE state NOT IN ('ready', 'running') AND state = 'dead') AS job GROUP BY kind ORDER BY kind"
)


def count_queue(tx: Transaction) -> QueueCounts:
    """Count jobs by state, and by kind."""
    indexes = {"by_state": tx.indexed_by("job_over"), "by_lane": tx.indexed_by("job_lane_order")}
    kinds = {row[0]: _build_counts(row[1:]) for row in tx.fetch(_BY_KIND.format(**indexes))}
    by_state = dict.fromkeys((state.value for state in JobState), 0)
    by_state.update(tx.fetch(_OVER.format(**indexes)))
    by_state["ready"] = sum(one.ready for one in kinds.values())
    by_state["running"] = sum(one.running for one in kinds.values())
    oldest = [one.oldest_ready_at for one in kinds.values() if one.oldest_ready_at is not None]
    return QueueCounts(
        by_state=MappingProxyType(by_state),
        ready_by_kind=MappingProxyType({kind: one.ready for kind, one in kinds.items() if one.ready}),
        oldest_ready_at=min(oldest, default=None),
        retrying=sum(one.retrying for one in kinds.values()),
        kinds=MappingProxyType(kinds),
        paused=MappingProxyType(load_pauses(tx)),
    )


def _build_counts(row: Sequence[Any]) -> KindCounts:
    ready, retrying, running, dead, oldest = row
    # PostgreSQL's sums are decimals.
    return KindCounts(
        ready=int(ready), retrying=int(retrying), running=int(running), dead=int(dead), oldest_ready_at=oldest
    )


def load_pauses(tx: Transaction) -> dict[str, float]:
    """Load the paused kinds (`*` for all kinds), with the start of each pause in UTC seconds."""
    return dict(tx.fetch("SELECT kind, paused_at FROM queue_pause ORDER BY kind"))


def without_paused(tx: Transaction, kinds: Sequence[str]) -> tuple[str, ...]:
    """Return those of `kinds` that are not paused."""
    paused = load_pauses(tx)
    return () if ALL_KINDS in paused else tuple(kind for kind in kinds if kind not in paused)
