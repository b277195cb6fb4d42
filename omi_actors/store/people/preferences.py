"""Preferences of accounts, and of the sessions that belong to one.

A settings screen saves at each keystroke, so all of this is SQL.
Not here: fields and their validity (domain/people/preferences.py), spaces (windows.py). Threads: changes run in the
writer's group, the rest in a session's reader.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from omi_actors.domain.people.preferences import Preferences, enter, read_preferences
from omi_actors.domain.sessions.keys import account_in, wearable_in
from omi_actors.store.transaction import Transaction

# Flags with a column each, since other statements read them.
_FLAGS = ("inject_memories", "meeting_transcribe", "mute")
_COLUMNS = f"entered, default_conversation_id, {', '.join(_FLAGS)}"
_LOAD = f"SELECT {_COLUMNS} FROM user_preference WHERE account_id = ?"  # noqa: S608 (our own words)
_CREATE = (
    "INSERT INTO user_preference (account_id, meeting_transcribe, inject_memories, mute, created_at, updated_at)"
    " SELECT id, FALSE, FALSE, FALSE, ?, ? FROM account WHERE id = ? ON CONFLICT DO NOTHING"
)
_SAVE = (
    "UPDATE user_preference SET entered = ?, default_conversation_id = ?, updated_at = ?,"  # noqa: S608 (the same)
    f" {', '.join(f'{flag} = ?' for flag in _FLAGS)} WHERE account_id = ?"
)
_OWNS = (
    "SELECT 1 FROM conversation JOIN session ON session.id = session_id WHERE conversation.id = ? AND account_id = ?"
)
# A session that is not stored yet belongs to the account in its key, or to the account that has linked its wearable.
_OF_SESSION = (
    f"SELECT {_COLUMNS} FROM user_preference WHERE account_id ="  # noqa: S608 (the same)
    " COALESCE((SELECT account_id FROM session WHERE session_key = ?), ?,"
    " (SELECT account_id FROM omi_link WHERE omi_uid = ? AND is_verified))"
)
# More than one person has in use; chats of earlier days are not live.
_MAX_SESSIONS = 1_000
_SESSIONS = "SELECT session_key FROM session WHERE account_id = ? ORDER BY last_seen_at DESC LIMIT ?"
_CHANGED = (
    "SELECT session_key FROM user_preference JOIN session ON session.account_id = user_preference.account_id"
    " WHERE user_preference.updated_at >= ? LIMIT ?"
)


@dataclass(frozen=True, slots=True)
class StoredPreferences:
    """The preferences of an account as entered. `session_keys` are its sessions that a change concerns."""

    entered: Mapping[str, Any]
    default_conversation_id: str | None = None
    session_keys: tuple[str, ...] = ()


def load_preferences(tx: Transaction, account_id: str) -> StoredPreferences:
    """Load the preferences of an account; without a row it has entered nothing."""
    row = tx.fetch_one(_LOAD, (account_id,))
    return StoredPreferences({}) if row is None else _build(row)


def change_preferences(
    tx: Transaction, account_id: str, changes: Mapping[str, Any], *, default_conversation: tuple[str | None] | None
) -> StoredPreferences | None:
    """Change what an account has entered. `default_conversation` holds the new one, None keeps it.

    Return None, and change nothing, if the new default conversation is not the account's, or the account is gone.
    """
    new = default_conversation[0] if default_conversation else None
    if new is not None and tx.fetch_one(_OWNS, (new, account_id)) is None:
        return None
    now_s = tx.now_s()
    tx.run(_CREATE, (now_s, now_s, account_id))
    row = tx.fetch_one(f"{_LOAD} {tx.locked('user_preference')}", (account_id,))
    if row is None:
        return None
    before = _build(row)
    entered = enter(before.entered, changes)
    chosen = default_conversation[0] if default_conversation else before.default_conversation_id
    kept = json.dumps({name: value for name, value in entered.items() if name not in _FLAGS})
    flags = (entered.get(flag, False) for flag in _FLAGS)
    tx.run(_SAVE, (kept, chosen, now_s, *flags, account_id))
    keys = tuple(key for (key,) in tx.fetch(_SESSIONS, (account_id, _MAX_SESSIONS)))
    return StoredPreferences(entered, chosen, keys)


def load_for_session(tx: Transaction, session_key: str) -> Preferences | None:
    """Load the valid preferences of the person to whom a session belongs; None: of nobody, or without any."""
    row = tx.fetch_one(_OF_SESSION, (session_key, account_in(session_key), wearable_in(session_key)))
    return None if row is None else read_preferences(_build(row).entered)


def wants_no_answers(tx: Transaction, session_id: str, now_s: float) -> bool:
    """Return True if the person of a session wants to be told nothing now: muted, in quiet hours, or in a meeting."""
    row = tx.fetch_one(
        f"SELECT {_COLUMNS} FROM user_preference"  # noqa: S608 (the same)
        " WHERE account_id = (SELECT account_id FROM session WHERE id = ?)",
        (session_id,),
    )
    return row is not None and read_preferences(_build(row).entered).wants_no_answers(now_s)


def load_changed_sessions(tx: Transaction, *, within_s: float, limit: int) -> tuple[str, ...]:
    """Load the keys of sessions whose persons have changed their preferences in the last `within_s` seconds."""
    return tuple(key for (key,) in tx.fetch(_CHANGED, (tx.now_s() - within_s, limit)))


def _build(row: Any) -> StoredPreferences:
    entered, conversation_id, *flags = row
    set_flags = {name: True for name, is_set in zip(_FLAGS, flags, strict=True) if is_set}
    return StoredPreferences({**json.loads(entered), **set_flags}, conversation_id)
