"""Follow-ups: notifications that a person sends to their own wearable. Each is sent at most once.

The intent is committed before Omi's API is called, and counts in the wearable's budget of this UTC hour like notified
answers. Not here: notified answers (store/notifications.py), the call (jobs/followup.py). Threads: the writer's.
"""

from dataclasses import dataclass
from typing import Any

from omi_actors.domain.answers.notifications import NotificationLimits, hour_start_s
from omi_actors.domain.work.jobs import NewJob
from omi_actors.store.commits import INSERT_JOB, build_job_row
from omi_actors.store.jobs import check_lease, finish_job
from omi_actors.store.messages import enqueues
from omi_actors.store.transaction import Transaction

_WEARABLE = (
    "SELECT omi_link.omi_uid, session.id FROM omi_link"
    " LEFT JOIN session ON session.session_key = 'omi:' || omi_link.omi_uid"
    " AND session.account_id = omi_link.account_id"
    " WHERE omi_link.account_id = ? AND is_verified"
)
_ADD = (
    "INSERT INTO notification_event (id, account_id, session_id, channel, status, text, created_at, changed_at)"
    " VALUES (?, ?, ?, 'omi', 'queued', ?, ?, ?)"
)
_FIND = "SELECT status, text, created_at, account_id, session_id FROM notification_event WHERE id = ?"
_IS_LINKED = "SELECT 1 FROM omi_link WHERE account_id = ? AND omi_uid = ? AND is_verified"
# A wearable that has said nothing yet has no session; then the account's notifications without one count.
_COUNT_SPENT = (
    "SELECT count(*) FROM notification_event WHERE {owner} AND created_at >= ? AND channel = 'omi'"
    " AND status IN ('sending', 'sent', 'unknown')"
)
_SET = "UPDATE notification_event SET status = ?, error = ?, changed_at = ? WHERE id = ?"


@dataclass(frozen=True, slots=True)
class Wearable:
    """A person's verified wearable, and its session if it has one."""

    uid: str
    session_id: str | None


@dataclass(frozen=True, slots=True)
class FollowupBegun:
    """Result of the begin: with a `text` it must be sent now. If that is None, the job is done, because of `reason`."""

    reason: str = ""
    text: str | None = None


def find_wearable(tx: Transaction, account_id: str, session_id: str | None) -> Wearable | None:
    """Return the wearable of a session, or the one that the account verified last; None if there is no such one."""
    where, more = ("", ()) if session_id is None else (" AND session.id = ?", (session_id,))
    row = tx.fetch_one(f"{_WEARABLE}{where} ORDER BY verified_at DESC, omi_uid LIMIT 1", (account_id, *more))
    return None if row is None else Wearable(*row)


@enqueues
def enqueue_followup(
    tx: Transaction, account_id: str, followup_id: str, wearable: Wearable, text: str, job: NewJob
) -> None:
    """Store a follow-up with its job."""
    now_s = job.created_at
    tx.run(_ADD, (followup_id, account_id, wearable.session_id, text, now_s, now_s))
    tx.run(INSERT_JOB.one, build_job_row(job, wearable.session_id))


def begin_followup(
    tx: Transaction, *, job_id: str, token: str, followup_id: str, uid: str, limits: NotificationLimits
) -> FollowupBegun:
    """Store the intent to send, if that is still right; otherwise finish the job.

    Raises: LeaseLostError when `token` does not hold the job any more; nothing is written.
    """
    check_lease(tx, job_id, token)
    row = tx.fetch_one(f"{_FIND} {tx.locked('notification_event')}", (followup_id,))
    begun = FollowupBegun("gone") if row is None else _begin(tx, followup_id, uid, limits, row)
    if begun.text is None:
        finish_job(tx, job_id, token, finished_at=tx.now_s())
    return begun


def _begin(
    tx: Transaction,
    followup_id: str,
    uid: str,
    limits: NotificationLimits,
    row: Any,
) -> FollowupBegun:
    status, text, created_at, account_id, session_id = row
    now_s = tx.now_s()
    reason = ""
    if status == "sending":
        # Our own job, begun before: it was cut while it was sending.
        _set(tx, followup_id, "unknown", "cut")
        return FollowupBegun("cut")
    if status != "queued":
        return FollowupBegun("taken")
    if tx.fetch_one(_IS_LINKED, (account_id, uid)) is None:
        reason = "unlinked"
    elif now_s - created_at >= limits.expires_s:
        reason = "expired"
    elif limits.is_set_aside:
        reason = "set_aside"
    elif _count_spent(tx, account_id, session_id, hour_start_s(now_s)) >= limits.per_hour:
        reason = "no_budget"
    _set(tx, followup_id, "error" if reason else "sending", reason)
    return FollowupBegun(reason, None if reason else text)


def _count_spent(tx: Transaction, account_id: str, session_id: str | None, since: float) -> int:
    owner = "session_id = ?" if session_id else "account_id = ? AND session_id IS NULL"
    (spent,) = tx.fetch(_COUNT_SPENT.format(owner=owner), (session_id or account_id, since))[0]
    return int(spent)


def end_followup(  # noqa: PLR0913
    tx: Transaction, *, job_id: str, token: str, followup_id: str, status: str, error: str, is_over: bool
) -> None:
    """Store the end of an attempt.

    Raises: LeaseLostError when `token` does not hold the job any more; nothing is written.
    """
    if is_over:
        finish_job(tx, job_id, token, finished_at=tx.now_s())
    else:
        check_lease(tx, job_id, token)
    row = tx.fetch_one(f"{_FIND} {tx.locked('notification_event')}", (followup_id,))
    if row is not None and row[0] == "sending":  # else an earlier call stored it, and its reply was lost
        _set(tx, followup_id, status, error)


def end_dead_followup(tx: Transaction, followup_id: str) -> None:
    """End the follow-up of a dead job. If it was being sent, nobody knows whether it was."""
    row = tx.fetch_one(f"{_FIND} {tx.locked('notification_event')}", (followup_id,))
    status = {"queued": "error", "sending": "unknown"}.get(row[0] if row else "")
    if status is not None:
        _set(tx, followup_id, status, "given_up")


def _set(tx: Transaction, followup_id: str, status: str, error: str) -> None:
    tx.run(_SET, (status, error or None, tx.now_s(), followup_id))
