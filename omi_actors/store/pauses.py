"""Kinds of jobs that are paused: none of them is begun, on any node, until they are resumed.

Not here: claiming (jobs.py), who may pause (web/). Threads: a store actor's.
"""

from collections.abc import Sequence

from omi_actors.domain.work.queue_admin import ALL_KINDS, Action
from omi_actors.store.operator_events import record_event
from omi_actors.store.transaction import Transaction


def pause_kind(tx: Transaction, kind: str, *, request_id: str) -> bool:
    """Begin no more jobs of this kind, or of `*`; False if it was so already."""
    changed = tx.run(
        "INSERT INTO queue_pause (kind, paused_at) VALUES (?, ?) ON CONFLICT DO NOTHING", (kind, tx.now_s())
    )
    record_event(tx, Action.PAUSE, {"kind": kind}, job_count=0, request_id=request_id)
    return changed == 1


def resume_kind(tx: Transaction, kind: str, *, request_id: str) -> bool:
    """Begin jobs of this kind again; `*` ends every pause. False if there was none to end."""
    where, params = ("", ()) if kind == ALL_KINDS else ("WHERE kind = ?", (kind,))
    changed = tx.run(f"DELETE FROM queue_pause {where}", params)  # noqa: S608 (our own words)
    record_event(tx, Action.RESUME, {"kind": kind}, job_count=0, request_id=request_id)
    return changed > 0


def load_pauses(tx: Transaction) -> dict[str, float]:
    """Load the paused kinds, `*` for all, with the times (UTC seconds) since which they are."""
    return dict(tx.fetch("SELECT kind, paused_at FROM queue_pause ORDER BY kind"))


def without_paused(tx: Transaction, kinds: Sequence[str]) -> tuple[str, ...]:
    """Return those of `kinds` that are not paused."""
    paused = load_pauses(tx)
    return () if ALL_KINDS in paused else tuple(kind for kind in kinds if kind not in paused)
