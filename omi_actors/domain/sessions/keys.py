"""Keys of sessions: a wearable's, `omi:<uid>`, and those that a person begins, `account:<account's id>:<label>`.

Not here: keys of anonymous chats and of the operator's (web/auth.py). Threads: any; pure.
"""

_WEARABLE = "omi:"
_ACCOUNT = "account:"


def wearable_key(uid: str) -> str:
    """Return the key of a wearable's session."""
    return _WEARABLE + uid


def account_prefix(account_id: str) -> str:
    """Return the start of the keys of an account's own sessions; `:` and a label follow."""
    return _ACCOUNT + account_id


def account_in(session_key: str) -> str | None:
    """Return the id of the account whose own session this is; None: it is no account's own."""
    return session_key.split(":", 2)[1] if session_key.startswith(_ACCOUNT) else None


def wearable_in(session_key: str) -> str | None:
    """Return the uid of the wearable whose session this is; None: it is no wearable's."""
    return session_key.removeprefix(_WEARABLE) if session_key.startswith(_WEARABLE) else None
