"""How messages look in Redis: JSON, with ids and words only, never what somebody said.

What does not read back as one of ours is nobody's: other programs may write under our prefix.
Not here: sending (redis_backplane.py). Threads: none, pure.
"""

import asyncio
from collections.abc import Callable
from hashlib import blake2b
from itertools import islice
from typing import TypeVar

import msgspec

from omi_actors.instruments import metrics

T = TypeVar("T")

# Bytes of a message that is read at all; ours are a hundred or two.
_MAX_MESSAGE_BYTES = 4 * 1024
_DIGEST_BYTES = 16


class Hint(msgspec.Struct, frozen=True):
    """There is work of `kind`, says the process `origin`."""

    origin: str
    kind: str


class AnswerNews(msgspec.Struct, frozen=True):
    """The answer of this job is stored, says the process `origin`."""

    origin: str
    job_id: str


_encode = msgspec.json.Encoder().encode
_decode_hint = msgspec.json.Decoder(Hint).decode
_decode_answered = msgspec.json.Decoder(AnswerNews).decode


def pack(message: Hint | AnswerNews) -> bytes:
    """Return a message as it is sent."""
    return _encode(message)


def unpack_hint(content: bytes) -> Hint | None:
    """Read a hint; None if it is none of ours."""
    return _read(content, _decode_hint)


def unpack_answered(content: bytes) -> AnswerNews | None:
    """Read the news of an answer; None if it is none of ours."""
    return _read(content, _decode_answered)


def digest_of(key: str) -> bytes:
    """Return what stands for a key in Redis, whatever characters it has."""
    return blake2b(key.encode("utf-8", "surrogatepass"), digest_size=_DIGEST_BYTES).digest()


def _read(content: bytes, decode: Callable[[bytes], T]) -> T | None:
    if len(content) > _MAX_MESSAGE_BYTES:
        return None
    try:
        return decode(content)
    except (msgspec.DecodeError, RecursionError):
        return None


# Answers that wait to be told at most: what a burst brings within one round trip. More would be old when they arrive.
_MAX_ANSWERED = 1_000
# Kinds of work that may wait to be told. There are a few; a bound all the same.
_MAX_KINDS = 100


class Outbox:
    """See the module."""

    def __init__(self) -> None:
        self._kinds: dict[str, None] = {}
        self._answered: dict[str, None] = {}
        self._is_filled = asyncio.Event()

    def poke(self) -> None:
        """Let the sender look, now."""
        self._is_filled.set()

    def add_kind(self, kind: str) -> None:
        """Put in a hint."""
        if len(self._kinds) < _MAX_KINDS:
            self._kinds[kind] = None
        self._is_filled.set()

    def add_answered(self, job_id: str) -> None:
        """Put in the news of an answer; the oldest makes room."""
        if len(self._answered) >= _MAX_ANSWERED:
            del self._answered[next(iter(self._answered))]
            metrics.BACKPLANE_DROPPED.labels("outbox_full").inc()
        self._answered[job_id] = None
        self._is_filled.set()

    def take(self, most_answered: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Take all hints and up to `most_answered` jobs whose answers are to be told of."""
        kinds = tuple(self._kinds)
        self._kinds.clear()
        job_ids = tuple(islice(self._answered, most_answered))
        for job_id in job_ids:
            del self._answered[job_id]
        if self._answered:
            self._is_filled.set()
        return kinds, job_ids

    def drop_answered(self) -> None:
        """Throw news of answers away: nobody can be reached. Hints stay, since they are few and never wrong."""
        metrics.BACKPLANE_DROPPED.labels("unreachable").inc(len(self._answered))
        self._answered.clear()

    async def wait(self, timeout_s: float) -> None:
        """Wait until something was put in, or somebody poked; `timeout_s` at most."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._is_filled.wait()
        except TimeoutError:
            return
        self._is_filled.clear()
