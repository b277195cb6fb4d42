"""Notifications: enqueue, begin and end them, each in one transaction with the changes of delivery and job.

The rows also count the budget: all that were sent, or may have been, in this UTC hour. So it survives restarts.
Not here: other steps of a delivery (answers.py), whether to notify (domain/answers/delivery.py). Threads: the writer's.
"""

from typing import Any

from omi_actors.domain.answers.delivery import Event, Phase, state_after
from omi_actors.domain.answers.delivery_records import DeliveryChange
from omi_actors.domain.answers.notifications import (
    HOUR_S,
    NotificationBegun,
    NotificationEnd,
    NotificationLimits,
    hour_start_s,
)
from omi_actors.domain.work.jobs import NewJob
from omi_actors.ids import new_id
from omi_actors.store.answers import LEFT_TO_REPLIES, change_delivery, let_owner_reload
from omi_actors.store.commits import INSERT_JOB, build_job_row
from omi_actors.store.jobs import check_lease, finish_job
from omi_actors.store.messages import enqueues
from omi_actors.store.people.preferences import wants_no_answers
from omi_actors.store.transaction import Transaction

_FIND = (
    "SELECT delivery.state, delivery.channel, delivery.session_id, session.uid, said.text,"
    " COALESCE(asked.created_at, delivery.created_at) FROM delivery JOIN session ON session.id = delivery.session_id"
    " JOIN message AS said ON said.id = delivery.message_id"
    " LEFT JOIN message AS asked ON asked.job_id = said.job_id AND asked.role = 'user' WHERE delivery.id = ?"
)
_FIND_CHOSEN = "SELECT state FROM delivery WHERE id = ? AND channel = 'notify'"
_COUNT_SPENT = (
    "SELECT count(*) FROM notification_event WHERE session_id = ? AND created_at >= ? AND channel = 'omi'"
    " AND status IN ('sending', 'sent', 'unknown')"
)
# One row for each delivery: an attempt that certainly sent nothing leaves it `queued` for the next one.
_NOTE = (
    "INSERT INTO notification_event (id, session_id, delivery_id, channel, status, text, error, created_at, changed_at)"
    " VALUES (?, ?, ?, 'omi', ?, ?, ?, ?, ?) ON CONFLICT (delivery_id) DO UPDATE SET status = excluded.status,"
    " error = excluded.error, created_at = excluded.created_at, changed_at = excluded.changed_at"
)
_GIVE_UP = (
    "UPDATE notification_event SET status = 'error', error = 'taken', changed_at = ?"
    " WHERE delivery_id = ? AND status = 'queued'"
)
_IS_ENQUEUED = "SELECT 1 FROM job WHERE idempotency_key = ? AND state IN ('ready', 'running')"
_SET_DELIVERY = "UPDATE delivery SET state = ?, channel = ?, changed_at = ?, node = ?, incarnation = ? WHERE id = ?"
_KEPT = state_after(Phase.CHOSEN, Event.NOT_ALLOWED).value
_UNKNOWN = state_after(Phase.NOTIFYING, Event.UNCLEAR).value
_BEGUN = state_after(Phase.CHOSEN, Event.BEGUN).value
_STATUS_OF_STATE = {"sent": "sent", "unknown": "unknown", "kept": "error", "pending": "queued"}


@enqueues
def enqueue_notification(tx: Transaction, change: DeliveryChange, job: NewJob) -> bool:
    """Choose the notification as channel of a delivery, and enqueue its job. Return False if the state has changed.

    If its job ran already, while a reply held the answer, the answer is kept for a next reply.
    """
    if not change_delivery(tx, change):
        return False
    (session_id,) = tx.fetch_one("SELECT session_id FROM delivery WHERE id = ?", (change.delivery_id,)) or ("",)
    tx.run(INSERT_JOB.one, build_job_row(job, session_id))
    if tx.fetch_one(_IS_ENQUEUED, (job.idempotency_key,)) is None:
        _set_state(tx, change.delivery_id, _KEPT, "taken")
    return True


def begin_notification(
    tx: Transaction, *, job_id: str, token: str, delivery_id: str, limits: NotificationLimits
) -> NotificationBegun:
    """Store the intent to notify if the answer is unsent, not too old and within budget; otherwise finish the job.

    Raises: LeaseLostError when `token` does not hold the job any more; nothing is written.
    """
    check_lease(tx, job_id, token)
    # Locked, so that no other node delivers the answer by a reply between this read and our step.
    found = tx.fetch_one(f"{_FIND} {tx.locked('delivery')}", (delivery_id,))
    begun = NotificationBegun(state="gone") if found is None else _begin(tx, delivery_id, found, limits)
    if begun.text is None:
        finish_job(tx, job_id, token, finished_at=tx.now_s())
    return begun


def _begin(tx: Transaction, delivery_id: str, found: Any, limits: NotificationLimits) -> NotificationBegun:
    state, channel, session_id, uid, text, asked_at = found
    now_s = tx.now_s()
    if (state, channel) == ("sending", "notify"):
        # Our own job, begun before: it was cut while it was sending.
        return _stand(tx, delivery_id, _UNKNOWN, "cut")
    if state != "pending":
        tx.run(_GIVE_UP, (now_s, delivery_id))
        return NotificationBegun(state=state, reason="taken")
    if now_s - asked_at >= limits.expires_s:
        return _stand(tx, delivery_id, _KEPT, "expired")
    if wants_no_answers(tx, session_id, now_s):
        return _stand(tx, delivery_id, _KEPT, "unwanted")
    if limits.is_set_aside:
        return _stand(tx, delivery_id, _KEPT, "set_aside")
    (spent,) = tx.fetch_one(_COUNT_SPENT, (session_id, hour_start_s(now_s))) or (0,)
    has_budget = spent < limits.per_hour
    status, reason = ("sending", "") if has_budget else ("error", "no_budget")
    tx.run(_NOTE, (new_id(), session_id, delivery_id, status, text, reason or None, now_s, now_s))
    if not has_budget:
        return _stand(tx, delivery_id, _KEPT, "no_budget")
    tx.run(_SET_DELIVERY, (_BEGUN, "notify", now_s, tx.node.name, tx.node.incarnation, delivery_id))
    return NotificationBegun(state=_BEGUN, uid=uid, text=text)


def _stand(tx: Transaction, delivery_id: str, state: str, reason: str) -> NotificationBegun:
    """Set the states of a delivery and of its notification, and return them: nothing is sent."""
    _set_state(tx, delivery_id, state, reason)
    return NotificationBegun(state=state, reason=reason)


def count_spent(tx: Transaction, session_key: str) -> tuple[int, float]:
    """Return the notifications of a wearer in this UTC hour, and the seconds until the next hour."""
    now_s = tx.now_s()
    began_s = hour_start_s(now_s)
    row = tx.fetch_one("SELECT id FROM session WHERE session_key = ?", (session_key,))
    (spent,) = (0,) if row is None else tx.fetch(_COUNT_SPENT, (row[0], began_s))[0]
    return spent, began_s + HOUR_S - now_s


def end_notification(tx: Transaction, end: NotificationEnd) -> None:
    """Store the end of an attempt to send a notification.

    Raises: LeaseLostError when `end.token` does not hold the job any more; nothing is written.
    """
    if end.is_over:
        finish_job(tx, end.job_id, end.token, finished_at=tx.now_s())
    else:
        check_lease(tx, end.job_id, end.token)
    found = tx.fetch_one(f"{_FIND_CHOSEN} {tx.locked('delivery')}", (end.delivery_id,))
    if found is not None and found[0] == _BEGUN:  # else an earlier call stored it, and its reply was lost
        _set_state(tx, end.delivery_id, end.state, end.error)


def end_dead_notification(tx: Transaction, delivery_id: str) -> None:
    """Let the answer of a dead notification wait for the next webhook. If it was being sent, it becomes unknown."""
    found = tx.fetch_one(f"{_FIND_CHOSEN} {tx.locked('delivery')}", (delivery_id,))
    state = {"pending": _KEPT, "sending": _UNKNOWN}.get(found[0] if found else "")
    if state is not None:
        _set_state(tx, delivery_id, state, "given_up")


def _set_state(tx: Transaction, delivery_id: str, state: str, error: str) -> None:
    """Set the states of a delivery and of its notification. A pending delivery still waits for its notification."""
    now_s = tx.now_s()
    channel = "" if state == "kept" else "notify"
    tx.run(_SET_DELIVERY, (state, channel, now_s, tx.node.name, tx.node.incarnation, delivery_id))
    tx.run(
        "UPDATE notification_event SET status = ?, error = ?, changed_at = ? WHERE delivery_id = ?",
        (_STATUS_OF_STATE[state], error or None, now_s, delivery_id),
    )
    if state in LEFT_TO_REPLIES:
        let_owner_reload(tx, delivery_id)
