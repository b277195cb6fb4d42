"""Keys of sessions: `omi:<uid>` a wearable's, `account:<account's id>:<label>` begun by a person, `scratch:<label>`.

`api:<account's id>:<space>` is a person's session with programs that speak OpenAI's API.

A scratch session is the operator's replay of a webhook: nobody's, never notified, deleted soon.

Not here: keys of anonymous chats and of the operator's (web/auth.py). Threads: any; pure.
"""

_WEARABLE = "omi:"
_ACCOUNT = "account:"
_API = "api:"
SCRATCH = "scratch:"


def wearable_key(uid: str) -> str:
    """Return the key of a wearable's session."""
    return _WEARABLE + uid


def scratch_key(label: str) -> str:
    """Return the key of a scratch session."""
    return SCRATCH + label


def account_prefix(account_id: str) -> str:
    """Return the start of the keys of an account's own sessions; `:` and a label follow."""
    return _ACCOUNT + account_id


def api_key(account_id: str, space: str) -> str:
    """Return the key of a person's session with programs that speak OpenAI's API; the space is their model."""
    return f"{_API}{account_id}:{space}"


def account_in(session_key: str) -> str | None:
    """Return the id of the account whose own session this is; None: it is no account's own."""
    return session_key.split(":", 2)[1] if session_key.startswith((_ACCOUNT, _API)) else None


def wearable_in(session_key: str) -> str | None:
    """Return the uid of the wearable whose session this is; None: it is no wearable's."""
    return session_key.removeprefix(_WEARABLE) if session_key.startswith(_WEARABLE) else None
