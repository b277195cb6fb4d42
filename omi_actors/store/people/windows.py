"""Windows of a person: numbered slots with a conversation each, exactly one of them active; and the person's space.

Not here: conversations (conversations.py), the other preferences (preferences.py). Threads: the writer's; lists run in
a session's reader, since clients poll them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from omi_actors.domain.answers.prompt import DEFAULT
from omi_actors.domain.people.conversations import Conversation
from omi_actors.store.people.accounts import lock_account
from omi_actors.store.people.conversations import CONVERSATION_COLUMNS, Stamp, build_conversation, find_conversation
from omi_actors.store.transaction import Transaction

_WINDOWS = (
    f"SELECT slot, is_active, {CONVERSATION_COLUMNS} FROM context_window"  # noqa: S608 (our own words)
    " JOIN conversation ON conversation.id = context_window.conversation_id"
    " JOIN session ON session.id = session_id AND session.account_id = context_window.account_id"
    " WHERE context_window.account_id = ?"
)
_PUT = (
    "INSERT INTO context_window (account_id, slot, conversation_id, is_active, created_at)"
    " SELECT session.account_id, CAST(? AS INTEGER), conversation.id, TRUE, CAST(? AS DOUBLE PRECISION)"
    " FROM conversation JOIN session ON session.id = session_id WHERE conversation.id = ? AND account_id = ?"
    " ON CONFLICT (account_id, slot) DO UPDATE SET conversation_id = excluded.conversation_id, is_active = TRUE"
)
_SET_SPACE = (
    "INSERT INTO user_preference (account_id, meeting_transcribe, inject_memories, mute, active_space, created_at,"
    " updated_at) VALUES (?, FALSE, FALSE, FALSE, ?, ?, ?) ON CONFLICT (account_id)"
    " DO UPDATE SET active_space = excluded.active_space, updated_at = excluded.updated_at"
)


@dataclass(frozen=True, slots=True)
class Window:
    """A slot with its conversation."""

    slot: int
    is_active: bool
    conversation: Conversation


def stamp_windows(tx: Transaction, account_id: str, *, limit: int = 0) -> Stamp:
    """Return a value that changes whenever what `load_windows` loads does: all its rows. One statement."""
    del limit  # there are five
    return tuple(map(tuple, tx.fetch(f"{_WINDOWS} ORDER BY slot", (account_id,))))


def load_windows(tx: Transaction, account_id: str, *, limit: int = 0) -> tuple[Window, ...]:
    """Load the windows of an account; a slot without a conversation is left out."""
    return tuple(map(_build, stamp_windows(tx, account_id, limit=limit)))


def load_window(tx: Transaction, account_id: str, slot: int) -> Window | None:
    """Load one window of an account; None if the slot has no conversation."""
    row = tx.fetch_one(f"{_WINDOWS} AND slot = ?", (account_id, slot))
    return None if row is None else _build(row)


def activate_window(tx: Transaction, account_id: str, slot: int) -> bool:
    """Make a window the active one. Return False if the slot has no conversation; then nothing changes."""
    lock_account(tx, account_id)
    if load_window(tx, account_id, slot) is None:
        return False
    _deactivate(tx, account_id)
    tx.run("UPDATE context_window SET is_active = TRUE WHERE account_id = ? AND slot = ?", (account_id, slot))
    return True


def put_window(tx: Transaction, account_id: str, slot: int, conversation_id: str, *, now_s: float) -> bool:
    """Put a conversation of an account into a slot and make it active. False: it has no such conversation."""
    lock_account(tx, account_id)
    if find_conversation(tx, account_id, conversation_id) is None:
        return False
    _deactivate(tx, account_id)
    return tx.run(_PUT, (slot, now_s, conversation_id, account_id)) == 1


def load_space(tx: Transaction, account_id: str) -> str:
    """Load the space of an account."""
    row = tx.fetch_one("SELECT active_space FROM user_preference WHERE account_id = ?", (account_id,))
    return DEFAULT.name if row is None else str(row[0])


def switch_space(tx: Transaction, account_id: str, space: str, *, now_s: float) -> None:
    """Store the space of an account."""
    tx.run(_SET_SPACE, (account_id, space, now_s, now_s))


def _deactivate(tx: Transaction, account_id: str) -> None:
    tx.run("UPDATE context_window SET is_active = FALSE WHERE account_id = ? AND is_active", (account_id,))


def _build(row: Sequence[Any]) -> Window:
    slot, is_active, *conversation = row
    return Window(slot, bool(is_active), build_conversation(conversation))
