"""How values look in Redis: JSON for messages, and cached values that know their key.

What does not read back as one of ours is nobody's: other programs may write under our prefix.
Not here: sending and keeping (redis_backplane.py). Threads: none, pure.
"""

from collections.abc import Callable
from hashlib import blake2b
from typing import TypeVar

import msgspec

from omi_actors.backplane.interface import LiveEvent

T = TypeVar("T")

# Bytes of a message that is read at all; ours are a few hundred.
_MAX_MESSAGE_BYTES = 64 * 1024
# First byte of a cached value: the version of this layout. Then a digest of the key, then the value.
_VERSION = b"\x01"
_DIGEST_BYTES = 16


class Hint(msgspec.Struct, frozen=True):
    """There is work of `kind`, says the process `origin`."""

    origin: str
    kind: str


class Shown(msgspec.Struct, frozen=True):
    """An event of the process `origin`."""

    origin: str
    event: LiveEvent


_encode = msgspec.json.Encoder().encode
_decode_hint = msgspec.json.Decoder(Hint).decode
_decode_shown = msgspec.json.Decoder(Shown).decode


def pack_kind(origin: str, kind: str) -> bytes:
    """Return a hint as a message."""
    return _encode(Hint(origin, kind))


def unpack_kind(content: bytes) -> Hint | None:
    """Read a hint; None if it is none of ours."""
    return _read(content, _decode_hint)


def pack_event(origin: str, event: LiveEvent) -> bytes | None:
    """Return an event as a message; None if it holds what JSON cannot."""
    try:
        return _encode(Shown(origin, event))
    except UnicodeEncodeError:
        return None


def unpack_event(content: bytes) -> Shown | None:
    """Read an event; None if it is none of ours."""
    return _read(content, _decode_shown)


def pack_value(key: str, value: bytes) -> bytes:
    """Return a value as it is kept in its slot, which it may share with other keys."""
    return _VERSION + digest_of(key) + value


def unpack_value(key: str, kept: bytes | None) -> bytes | None:
    """Return the value of `key`; None if another key's, or nobody's, stands in its slot."""
    head = _VERSION + digest_of(key)
    return kept[len(head) :] if kept is not None and kept.startswith(head) else None


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
