"""Messages between nodes: their JSON in Redis, and the outbox in which they wait to be sent.

They hold ids and kinds, no transcript text. Other programs may write under our prefix; their messages are ignored.
Not here: sending (redis_backplane.py). Threads: the event loop.
"""

import asyncio
from collections.abc import Callable
from hashlib import blake2b
from itertools import islice
from typing import TypeVar

import msgspec

from omi_actors.instruments import metrics

T = TypeVar("T")

# Bytes of a message that is parsed. Ours have 100 to 200.
_MAX_MESSAGE_BYTES = 4 * 1024
_DIGEST_BYTES = 16
# Answers in the outbox: as many as a burst brings within one round trip. More would be stale on arrival.
_MAX_ANSWERED = 1_000
# Kinds of work in the outbox. There are a few.
_MAX_KINDS = 100


class Hint(msgspec.Struct, frozen=True):
    """A hint of the process `origin`: there is work of `kind`."""

    origin: str
    kind: str


class AnswerNews(msgspec.Struct, frozen=True):
    """News of the process `origin`: the answer of this job is stored."""

    origin: str
    job_id: str


_encode = msgspec.json.Encoder().encode
_decode_hint = msgspec.json.Decoder(Hint).decode
_decode_answered = msgspec.json.Decoder(AnswerNews).decode


def pack(message: Hint | AnswerNews) -> bytes:
    """Return a message as JSON."""
    return _encode(message)


def unpack_hint(content: bytes) -> Hint | None:
    """Parse a hint; None for a foreign message."""
    return _read(content, _decode_hint)


def unpack_answered(content: bytes) -> AnswerNews | None:
    """Parse the news of an answer; None for a foreign message."""
    return _read(content, _decode_answered)


def digest_of(key: str) -> bytes:
    """Return the digest that stands for a key in Redis."""
    return blake2b(key.encode("utf-8", "surrogatepass"), digest_size=_DIGEST_BYTES).digest()


def _read(content: bytes, decode: Callable[[bytes], T]) -> T | None:
    if len(content) > _MAX_MESSAGE_BYTES:
        return None
    try:
        return decode(content)
    except (msgspec.DecodeError, RecursionError):
        return None


class Outbox:
    """Hints and news of answers that wait to be sent, each once.

    Example:
        outbox.add_answered(job_id)
        await outbox.wait(timeout_s=1.0)
        kinds, job_ids = outbox.take(100)
    """

    def __init__(self) -> None:
        self._kinds: dict[str, None] = {}
        self._answered: dict[str, None] = {}
        self._is_filled = asyncio.Event()

    def wake_sender(self) -> None:
        """End `wait` without adding a hint.

        The task that sends the outbox then also sends the counts of hits.
        """
        self._is_filled.set()

    def add_kind(self, kind: str) -> None:
        """Add a hint."""
        if len(self._kinds) < _MAX_KINDS:
            self._kinds[kind] = None
        self._is_filled.set()

    def add_answered(self, job_id: str) -> None:
        """Add the news of an answer. A full outbox drops its oldest."""
        if len(self._answered) >= _MAX_ANSWERED:
            del self._answered[next(iter(self._answered))]
            metrics.BACKPLANE_DROPPED.labels("outbox_full").inc()
        self._answered[job_id] = None
        self._is_filled.set()

    def take(self, most_answered: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Take all hints, and the news of up to `most_answered` jobs."""
        kinds = tuple(self._kinds)
        self._kinds.clear()
        job_ids = tuple(islice(self._answered, most_answered))
        for job_id in job_ids:
            del self._answered[job_id]
        if self._answered:
            self._is_filled.set()
        return kinds, job_ids

    def drop_answered(self) -> None:
        """Drop the news of answers when no node can be reached. Hints stay: they are few and never stale."""
        metrics.BACKPLANE_DROPPED.labels("unreachable").inc(len(self._answered))
        self._answered.clear()

    async def wait(self, timeout_s: float) -> None:
        """Wait for an addition or `wake_sender`, at most `timeout_s`."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._is_filled.wait()
        except TimeoutError:
            return
        self._is_filled.clear()
