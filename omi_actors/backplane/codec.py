"""How messages look in Redis: JSON, with ids and words only, never what somebody said.

What does not read back as one of ours is nobody's: other programs may write under our prefix.
Not here: sending (redis_backplane.py). Threads: none, pure.
"""

from collections.abc import Callable
from hashlib import blake2b
from typing import TypeVar

import msgspec

T = TypeVar("T")

# Bytes of a message that is read at all; ours are a hundred or two.
_MAX_MESSAGE_BYTES = 4 * 1024
_DIGEST_BYTES = 16


class Hint(msgspec.Struct, frozen=True):
    """There is work of `kind`, says the process `origin`."""

    origin: str
    kind: str


class Answered(msgspec.Struct, frozen=True):
    """The answer of this job is stored, says the process `origin`."""

    origin: str
    job_id: str


_encode = msgspec.json.Encoder().encode
_decode_hint = msgspec.json.Decoder(Hint).decode
_decode_answered = msgspec.json.Decoder(Answered).decode


def pack(message: Hint | Answered) -> bytes:
    """Return a message as it is sent."""
    return _encode(message)


def unpack_hint(content: bytes) -> Hint | None:
    """Read a hint; None if it is none of ours."""
    return _read(content, _decode_hint)


def unpack_answered(content: bytes) -> Answered | None:
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
