"""Segments: the pieces of transcript that a wearable's platform sends, as values.

Structs rather than dataclasses: thousands are made in one turn, and these cost a tenth. Not here: parsing of payloads
(web/), what a segment means (domain/hearing/hearing.py), rows (store/). Threads: none, pure. Source: Omi's real-time
transcript webhook.
"""

import re
from collections.abc import Mapping
from hashlib import blake2b
from struct import Struct

import msgspec

# Segments remembered in memory, enough for a retried webhook; the store's unique key is what guarantees.
RECENT_LIMIT = 128
# How a remembered segment is packed: a 64-bit digest of its key, and its version.
_DIGEST = Struct("<q")
_ENTRY = Struct("<qQ")
_ENTRY_SIZE = _ENTRY.size
_SAID_BY_BITS = 16
# Longer sender ids are replaced by their digest, so that the key fits an index of any database.
_KEY_LIMIT = 128
# A letter or a digit of any script.
_WORD = re.compile(r"[^\W_]")
# What has no word in so many characters has none.
_BLANK_CHARS = 20_000


class Segment(msgspec.Struct, frozen=True, gc=False):
    """One piece of speech as it arrived.

    `segment_id` is the sender's id, "" when it sent none. `start_s` and `end_s` are seconds since the *conversation*
    began (not since the epoch), finite and ≥ 0. `text` is free of NUL and lone surrogates; it may be blank.
    """

    segment_id: str
    text: str
    speaker: str
    speaker_id: int | None
    is_user: bool
    person_id: str | None
    start_s: float
    end_s: float


class StoredSegment(msgspec.Struct, frozen=True, gc=False):
    """A segment with its place: `seq` counts a session's segments from 1 and orders its transcript.

    `key` is unique within the session: the sender's id, or a synthetic one (see transcript.py). `created_at` is UTC
    seconds since the epoch.
    """

    key: str
    seq: int
    conversation_id: str
    text: str
    speaker: str
    speaker_id: int | None
    is_user: bool
    person_id: str | None
    start_s: float
    end_s: float
    created_at: float


def version_of(length: int, *said_by: object) -> int:
    """Return a segment's version as a number, good for this process: numbers cost the way of a webhook least.

    The text's length in characters, and below it 16 bits of who is thought to have said it: of 65,536 corrections one
    is missed. `said_by` is speaker, speaker_id, is_user and person_id.
    """
    return length << _SAID_BY_BITS | hash(said_by) & 0xFFFF


def build_version(segment: Segment | StoredSegment) -> int:
    """Return the version of this segment."""
    return version_of(len(segment.text), segment.speaker, segment.speaker_id, segment.is_user, segment.person_id)


def length_of(version: int) -> int:
    """Return the length of a version's text."""
    return version >> _SAID_BY_BITS


class RecentSegments:
    """The latest segment keys of a session and the version of each: 16 bytes, and no text.

    A value: `remember` returns another one.
    """

    __slots__ = ("_entries",)

    def __init__(self, entries: bytes = b"") -> None:
        # One string of bytes, searched in C: an eighth of a dict's size, and faster to copy than to change.
        self._entries = entries

    def find(self, key: str) -> int | None:
        """Return the version last seen under `key`, None when it is not remembered."""
        place = self._find(_DIGEST.pack(hash(key)))
        return None if place < 0 else int(_ENTRY.unpack_from(self._entries, place)[1])

    def remember(self, seen: Mapping[str, int]) -> "RecentSegments":
        """Return these with `seen` (key → version) added, the oldest forgotten above the limit."""
        entries = self._entries
        for key, version in seen.items():
            entry = _ENTRY.pack(hash(key), version)
            place = self._find(entry[: _DIGEST.size])
            if place >= 0:
                entries = entries.replace(self._entries[place : place + _ENTRY_SIZE], b"")
            entries += entry
        return RecentSegments(entries[-RECENT_LIMIT * _ENTRY_SIZE :])

    def _find(self, digest: bytes) -> int:
        """Return where the entry of this digest begins, -1 without one."""
        place = self._entries.find(digest)
        while place % _ENTRY_SIZE and place >= 0:
            place = self._entries.find(digest, place + 1)
        return place

    def __len__(self) -> int:
        return len(self._entries) // _ENTRY_SIZE


def build_key(segment: Segment, conversation_number: int) -> str:
    """Return the key of a segment within its session: the sender's id, else one made of all that tells it apart.

    The conversation is part of a made key, since times start again at 0 in each: a second "yes" is not the first.
    """
    if segment.segment_id:
        if len(segment.segment_id) <= _KEY_LIMIT and not segment.segment_id.startswith("~"):
            return segment.segment_id
        return "~id:" + blake2b(segment.segment_id.encode(), digest_size=16).hexdigest()
    content = f"{segment.speaker}\0{segment.start_s!r}\0{segment.end_s!r}\0{segment.text}"
    return f"~{conversation_number}:{blake2b(content.encode(), digest_size=16).hexdigest()}"


def is_blank(text: str) -> bool:
    """Tell whether there is no letter and no digit in it: silence, or lone punctuation."""
    return _WORD.search(text, 0, _BLANK_CHARS) is None
