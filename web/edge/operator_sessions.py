"""The operator's sessions in browsers, and the one-time keys that open them. Only digests are kept.

Not here: cookies and pages (handlers/operator.py), ADMIN_TOKEN (web/auth.py). Threads: the event loop; a thread
writes the file, of at most 3 kB, at a sign-in or sign-out.
"""

import asyncio
import contextlib
import hashlib
import hmac
from pathlib import Path

import msgspec

from config.durable import make_folder, replace_file
from omi_actors.clock import Clock
from omi_actors.ids import new_secret

# Seconds. A link is usually opened right after it was printed.
KEY_LIFETIME_S = 600.0
# Seconds: one sign-in a working day.
SESSION_LIFETIME_S = 12 * 3600.0
# More than one person needs. Above this number the oldest is deleted.
_MAX_KEYS = 8
_MAX_SESSIONS = 32
FILE_NAME = "operator-sessions.json"


class OperatorSessions:
    """Issues keys and opens sessions. Sessions are stored in `file`: sign-ins and sign-outs survive a restart.

    The digests depend on `secret`: with another one, no stored session is open.
    """

    def __init__(self, clock: Clock, file: Path, secret: str = "") -> None:
        self._clock = clock
        self._secret = secret.encode()
        self._file = file
        # Digests, oldest first, with the UTC second at which each ends.
        self._keys: dict[str, float] = {}
        self._sessions = _load(file)
        self._saving = asyncio.Lock()

    def issue_key(self) -> str:
        """Return a new key for one sign-in within ten minutes."""
        key = new_secret()
        _put(self._keys, self._digest(key), self._clock.now_s() + KEY_LIFETIME_S, _MAX_KEYS)
        return key

    async def redeem(self, key: str) -> str | None:
        """Exchange a key for the token of a new session; return None if the key is unknown, used or too old."""
        ends_at = self._keys.pop(self._digest(key), 0.0)
        if ends_at <= self._clock.now_s():
            return None
        token = new_secret()
        _put(self._sessions, self._digest(token), self._clock.now_s() + SESSION_LIFETIME_S, _MAX_SESSIONS)
        await self._save()
        return token

    def is_open(self, token: str) -> bool:
        """Return True if a token belongs to an open session."""
        return self._sessions.get(self._digest(token), 0.0) > self._clock.now_s()

    async def end(self, token: str) -> None:
        """End the session of this token."""
        if self._sessions.pop(self._digest(token), None) is not None:
            await self._save()

    def _digest(self, token: str) -> str:
        return hmac.new(self._secret, token.encode(errors="replace"), hashlib.sha256).hexdigest()

    async def _save(self) -> None:
        """Replace the file. An OSError makes the request fail, since a restart would undo the sign-in or sign-out."""
        async with self._saving:  # the later state is the later file
            now_s = self._clock.now_s()
            self._sessions = {digest: ends_at for digest, ends_at in self._sessions.items() if ends_at > now_s}
            await asyncio.to_thread(_replace, self._file, msgspec.json.encode(self._sessions))


def _replace(file: Path, content: bytes) -> None:
    make_folder(file.parent)
    replace_file(file, content)


def _put(entries: dict[str, float], digest: str, ends_at: float, most: int) -> None:
    while len(entries) >= most:
        del entries[next(iter(entries))]
    entries[digest] = ends_at


def _load(file: Path) -> dict[str, float]:
    """Load the sessions of a file. If it is missing or damaged, return none: the operator signs in again."""
    with contextlib.suppress(OSError, msgspec.MsgspecError):
        return msgspec.json.decode(file.read_bytes(), type=dict[str, float])
    return {}
