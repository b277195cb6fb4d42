"""Links between accounts and wearables. A verified link makes the account the owner of the wearable's session.

Not here: codes and their rules (domain/people/linking.py). Threads: changes run in the writer between group
commits, lists in the cold reader.
"""
# mypy: disallow-untyped-calls=False
# (Pony's stubs leave select untyped.)

from dataclasses import dataclass
from hmac import compare_digest
from typing import Any

from pony import orm

from omi_actors.domain.people.linking import (
    CODE_LIFETIME_S,
    MAX_ATTEMPTS,
    UNDO_LIFETIME_S,
    Confirm,
    Link,
    Start,
    counted_attempts,
)
from omi_actors.domain.sessions.keys import wearable_key
from omi_actors.ids import new_id
from omi_actors.store.people.memories import erase_of_wearable
from omi_actors.store.transaction import EntityTransaction

# Fences the session's actor, on whichever node it lives: its next turn loads the session with its new person.
_LET_RELOAD = "epoch = epoch + 1"
# The conversations of a wearable's session, for the rows of its former owner that point at them.
_TALKS = "SELECT id FROM conversation WHERE session_id IN (SELECT id FROM session WHERE session_key = ?)"


def list_links(tx: EntityTransaction, account_id: str) -> tuple[Link, ...]:
    """Load the wearables that an account has linked, or is linking, by uid."""
    rows = orm.select(
        (one.omi_uid, one.is_verified, one.verified_at, one.created_at)
        for one in tx.db.OmiLink
        if one.account.id == account_id
    )
    return tuple(Link(*row) for row in rows.order_by(1))


def start_link(tx: EntityTransaction, account_id: str, omi_uid: str, *, code_digest: str | None, now_s: float) -> Start:
    """Store a new code for linking this wearable. An earlier code stops being valid; wrong attempts stay counted.

    Without `code_digest` none may be sent now. Then nothing is stored, since a code that is not sent could be guessed.
    """
    link = tx.db.OmiLink.get_for_update(account=account_id, omi_uid=omi_uid)
    if link is not None and link.is_verified:
        return Start.ALREADY_LINKED
    if _is_taken(tx, omi_uid):
        return Start.TAKEN
    if code_digest is None:
        return Start.LIMITED
    if link is None:
        link = tx.db.OmiLink(
            id=new_id(), account=account_id, omi_uid=omi_uid, is_verified=False, failed_attempts=0, created_at=now_s
        )
    failed = counted_attempts(link.failed_attempts, link.code_expires_at, now_s)
    if failed >= MAX_ATTEMPTS:
        return Start.RESTING
    link.set(code_sha256=code_digest, code_expires_at=now_s + CODE_LIFETIME_S, failed_attempts=failed)
    return Start.STARTED


def confirm_link(
    tx: EntityTransaction, account_id: str, omi_uid: str, *, code_digest: str, undo_digest: str, now_s: float
) -> Confirm:
    """Verify a link by its code. If the code is right, the wearable's session becomes the account's.

    A wrong code is counted. `undo_digest` names the link for `undo_link`.

    Raises:
        DuplicateError: another account has linked the wearable at the same moment.
    """
    link = tx.db.OmiLink.get_for_update(account=account_id, omi_uid=omi_uid)
    outcome = _judge(tx, link, code_digest, now_s)
    if outcome is Confirm.WRONG:
        link.failed_attempts += 1
    elif outcome is Confirm.LINKED:
        link.set(
            is_verified=True,
            verified_at=now_s,
            code_sha256=None,
            code_expires_at=None,
            failed_attempts=0,
            undo_sha256=undo_digest,
        )
        tx.db.flush()
        attach_session(tx, account_id, omi_uid)
    return outcome


def attach_session(tx: EntityTransaction, account_id: str, omi_uid: str) -> int:
    """Make the account the owner of the wearable's session, if it has none. Return the number of sessions changed."""
    return tx.run(
        f"UPDATE session SET account_id = ?, {_LET_RELOAD} WHERE session_key = ? AND account_id IS NULL",  # noqa: S608 (our own words)
        (account_id, wearable_key(omi_uid)),
    )


def unlink(tx: EntityTransaction, account_id: str, omi_uid: str) -> bool:
    """Remove a link. The wearable's session is then nobody's. Return False if there is no such link."""
    link = tx.db.OmiLink.get_for_update(account=account_id, omi_uid=omi_uid)
    if link is not None:
        _remove(tx, link)
    return link is not None


@dataclass(frozen=True, slots=True)
class Undoing:
    """The undoing of a wearable's link; `has_more`: what the account has of the wearable is not all deleted yet."""

    omi_uid: str
    has_more: bool


def undo_link(tx: EntityTransaction, undo_digest: str, *, now_s: float, limit: int) -> Undoing | None:
    """Delete up to `limit` memories that the account has from the wearable; when none is left, remove the link.

    None: the digest names no link, or one that is too old.
    """
    link = _find_undo(tx, undo_digest, now_s)
    if link is None:
        return None
    omi_uid = str(link.omi_uid)
    if erase_of_wearable(tx, link.account.id, omi_uid, limit=limit):
        return Undoing(omi_uid, has_more=True)
    _remove(tx, link)
    return Undoing(omi_uid, has_more=False)


def can_undo(tx: EntityTransaction, undo_digest: str, *, now_s: float) -> bool:
    """Return True if a link can be undone by this digest."""
    return _find_undo(tx, undo_digest, now_s) is not None


def find_session(tx: EntityTransaction, account_id: str, omi_uid: str) -> bool | None:
    """Return whether the session of a linked wearable has conversations; None if the account has no such session."""
    session = tx.db.Session.get(session_key=wearable_key(omi_uid))
    if session is None or session.account is None or session.account.id != account_id:
        return None
    return bool(orm.exists(one for one in tx.db.Conversation if one.session == session))


def _find_undo(tx: EntityTransaction, undo_digest: str, now_s: float) -> Any | None:
    link = tx.db.OmiLink.get(undo_sha256=undo_digest)
    return link if link is not None and now_s < link.verified_at + UNDO_LIFETIME_S else None


def _judge(tx: EntityTransaction, link: Any | None, code_digest: str, now_s: float) -> Confirm:
    """Return the outcome of a code for this link; None: the account has not asked for one."""
    if link is None:
        return Confirm.NOT_STARTED
    if link.is_verified:
        return Confirm.ALREADY_LINKED
    if _is_taken(tx, link.omi_uid):
        return Confirm.TAKEN
    if counted_attempts(link.failed_attempts, link.code_expires_at, now_s) >= MAX_ATTEMPTS:
        return Confirm.RESTING
    if now_s >= (link.code_expires_at or 0.0):
        return Confirm.EXPIRED
    return Confirm.LINKED if compare_digest(link.code_sha256, code_digest) else Confirm.WRONG


def _is_taken(tx: EntityTransaction, omi_uid: str) -> bool:
    """Return True if an account has verified this wearable. Only one can."""
    return bool(orm.exists(one for one in tx.db.OmiLink if one.omi_uid == omi_uid and one.is_verified))


def _remove(tx: EntityTransaction, link: Any) -> None:
    """Delete a link; if it was verified, with all by which its account reaches the wearable's conversations."""
    account_id, session_key = link.account.id, wearable_key(link.omi_uid)
    was_verified = link.is_verified
    link.delete()
    tx.db.flush()
    if was_verified:
        of_account = (account_id, session_key)
        tx.run(f"DELETE FROM context_window WHERE account_id = ? AND conversation_id IN ({_TALKS})", of_account)  # noqa: S608 (our own words)
        tx.run(
            "UPDATE user_preference SET default_conversation_id = NULL WHERE account_id = ?"  # noqa: S608 (the same)
            f" AND default_conversation_id IN ({_TALKS})",
            of_account,
        )
        tx.run(
            f"UPDATE session SET account_id = NULL, {_LET_RELOAD} WHERE account_id = ? AND session_key = ?",  # noqa: S608 (the same)
            of_account,
        )
