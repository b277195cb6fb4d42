"""The operator's sessions in browsers, and the one-time keys that open them. Only digests are kept.

Not here: cookies and pages (handlers/operator.py), ADMIN_TOKEN (web/auth.py). Threads: the event loop; a thread
writes the file, of at most 4 kB, at a sign-in or sign-out.
"""

import asyncio
import contextlib
import fcntl
import hashlib
import hmac
import os
from collections.abc import Callable, Iterator
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
# The beginning of a key's name in the file; a session has none.
_KEY = "key:"

# Digests, oldest first, with the UTC second at which each ends.
_Entries = dict[str, float]


class OperatorSessions:
    """Issues keys and opens sessions. Sessions are stored in `file`: sign-ins and sign-outs survive a restart.

    Several processes may have the file: each looks whether another one has replaced it. If the keys are shared, they
    are in the file, too; else a restart ends them. The digests depend on `secret`: with another one, no stored session
    is open.
    """

    def __init__(self, clock: Clock, file: Path, secret: str = "", *, shares_keys: bool = False) -> None:
        self._clock = clock
        self._secret = secret.encode()
        self._file = file
        self._shares_keys = shares_keys
        self._own_keys: _Entries = {}
        self._stored: _Entries = {}
        self._seen: tuple[int, ...] = ()
        self._saving = asyncio.Lock()

    def issue_key(self) -> str:
        """Return a new key for one sign-in within ten minutes."""
        key = new_secret()
        name, ends_at = _KEY + self._digest(key), self._clock.now_s() + KEY_LIFETIME_S
        if self._shares_keys:
            self._replace(lambda entries: _put(entries, name, ends_at, _MAX_KEYS))
        else:
            _put(self._own_keys, name, ends_at, _MAX_KEYS)
        return key

    async def redeem(self, key: str) -> str | None:
        """Exchange a key for the token of a new session; return None if the key is unknown, used or too old."""
        name, token, now_s = _KEY + self._digest(key), new_secret(), self._clock.now_s()
        if not self._shares_keys and self._own_keys.pop(name, 0.0) <= now_s:
            return None

        def open_session(entries: _Entries) -> bool:
            if self._shares_keys and entries.pop(name, 0.0) <= now_s:
                return False
            return _put(entries, self._digest(token), now_s + SESSION_LIFETIME_S, _MAX_SESSIONS)

        return token if await self._change(open_session) else None

    def is_open(self, token: str) -> bool:
        """Return True if a token belongs to an open session."""
        seen = _mark_of(self._file)
        if seen != self._seen:
            self._seen, self._stored = seen, _load(self._file)
        return self._stored.get(self._digest(token), 0.0) > self._clock.now_s()

    async def end(self, token: str) -> None:
        """End the session of this token."""
        if self.is_open(token):
            await self._change(lambda entries: entries.pop(self._digest(token), None) is not None)

    def _digest(self, token: str) -> str:
        return hmac.new(self._secret, token.encode(errors="replace"), hashlib.sha256).hexdigest()

    async def _change(self, change: Callable[[_Entries], bool]) -> bool:
        """Change the file. An OSError makes the request fail, since a restart would undo the sign-in or sign-out."""
        async with self._saving:  # threads wait for the file's lock one at a time
            return await asyncio.to_thread(self._replace, change)

    def _replace(self, change: Callable[[_Entries], bool]) -> bool:
        """Replace the file by one with the change, unless it returns False, while no other process does."""
        make_folder(self._file.parent)
        with _locked(self._file.with_suffix(".lock")):
            entries = _load(self._file)
            is_changed = change(entries)
            if is_changed:
                now_s = self._clock.now_s()
                left = {name: ends_at for name, ends_at in entries.items() if ends_at > now_s}
                replace_file(self._file, msgspec.json.encode(left))
        return is_changed


@contextlib.contextmanager
def _locked(file: Path) -> Iterator[None]:
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _mark_of(file: Path) -> tuple[int, ...]:
    """Return what differs after each replacement of a file; empty if it is missing."""
    try:
        found = file.stat()
    except OSError:
        return ()
    return found.st_ino, found.st_mtime_ns, found.st_size


def _put(entries: _Entries, name: str, ends_at: float, most: int) -> bool:
    """Add an entry. If there are too many of its kind, the oldest go."""
    same = [known for known in entries if known.startswith(_KEY) == name.startswith(_KEY)]
    for oldest in same[: max(0, len(same) - most + 1)]:
        del entries[oldest]
    entries[name] = ends_at
    return True


def _load(file: Path) -> dict[str, float]:
    """Load the sessions of a file. If it is missing or damaged, return none: the operator signs in again."""
    with contextlib.suppress(OSError, msgspec.MsgspecError):
        return msgspec.json.decode(file.read_bytes(), type=dict[str, float])
    return {}
