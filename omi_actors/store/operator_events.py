"""The audit: what the operator did, each event in the transaction that did it.

Not here: who may read it (web/). Threads: a store actor's.
"""

import json
from collections.abc import Mapping
from typing import Any

from omi_actors.domain.work.queue_admin import Action, OperatorEvent
from omi_actors.store.transaction import Transaction


def record_event(
    tx: Transaction, action: Action, target: Mapping[str, Any], *, job_count: int, request_id: str
) -> None:
    """Record what is done in this transaction. `target` says in ids what is meant, never in words of anybody."""
    tx.run(
        "INSERT INTO operator_event (happened_at, action, target, job_count, request_id) VALUES (?, ?, ?, ?, ?)",
        (tx.now_s(), action.value, json.dumps(dict(target)), job_count, request_id),
    )


def load_events(tx: Transaction, *, before: int | None, limit: int) -> tuple[OperatorEvent, ...]:
    """Load a page of events, newest first, those with numbers below `before`."""
    older, params = ("WHERE id < ?", (before,)) if before is not None else ("", ())
    rows = tx.fetch(
        "SELECT id, who, happened_at, action, target, job_count, request_id FROM operator_event"  # noqa: S608 (our own)
        f" {older} ORDER BY id DESC LIMIT ?",
        (*params, limit),
    )
    return tuple(_build_event(*row) for row in rows)


def _build_event(number: int, who: str, happened_at: float, action: str, *more: Any) -> OperatorEvent:
    target, job_count, request_id = more
    return OperatorEvent(
        number=number,
        who=who,
        happened_at=happened_at,
        action=action,
        target=json.loads(target),
        job_count=job_count,
        request_id=request_id,
    )
