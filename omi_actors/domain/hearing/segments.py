"""Segments: pieces of transcript as values, and the keys and versions by which a session recognises them.

They are msgspec structs: a turn makes thousands of them, and a dataclass costs ten times as much.
Not here: parsing (web/webhook/), the sorting into new and known (domain/sessions/transcript.py), rows (store/).
Threads: any; pure. Source: Omi's real-time transcript webhook.
"""

import re
from collections.abc import Mapping
from hashlib import blake2b
from struct import Struct

import msgspec

# Segments kept in memory: enough for a retried webhook. The store's unique key is the guarantee.
RECENT_LIMIT = 128
# Layout of one remembered segment: a 64-bit digest of its key, then its version.
_DIGEST = Struct("<q")
_ENTRY = Struct("<qQ")
_ENTRY_SIZE = _ENTRY.size
_SPEAKER_BITS = 16
# Characters that a deleted text counts as: above those of any text, so that no later version replaces it.
_DELETED_LENGTH = 2**40
# Characters of a sender's id; a digest replaces a longer one, so that the key fits an index of any database.
_KEY_LIMIT = 128
# A letter or a digit of any script.
_WORD = re.compile(r"[^\W_]")
# Characters searched for a word; a longer text without one counts as blank.
_BLANK_CHARS = 20_000


class Segment(msgspec.Struct, frozen=True, gc=False):
    """A piece of speech as it arrived.

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
    """A segment with its place in a session: `seq` counts the segments from 1 and orders the transcript.

    `key` is unique within the session: the sender's id, or a synthetic one (`build_key`). `created_at` is UTC
    seconds since the epoch. An empty `text` is one that its person has deleted: the key stays known as heard.
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


def version_of(length: int, *speaker: object) -> int:
    """Return a segment's version, a number valid in this process: the text's length above 16 bits of a speaker hash.

    `speaker` holds speaker, speaker_id, is_user and person_id. One of 65,536 corrections of a speaker is missed.
    """
    return (length or _DELETED_LENGTH) << _SPEAKER_BITS | hash(speaker) & 0xFFFF


def build_version(segment: Segment | StoredSegment) -> int:
    """Return the version of this segment."""
    return version_of(len(segment.text), segment.speaker, segment.speaker_id, segment.is_user, segment.person_id)


def length_of(version: int) -> int:
    """Return the length of a version's text."""
    return version >> _SPEAKER_BITS


class RecentSegments:
    """Keys and versions of a session's latest segments, 16 bytes each, as an immutable value."""

    __slots__ = ("_entries",)

    def __init__(self, entries: bytes = b"") -> None:
        # One bytes object, searched in C: an eighth of a dict's size, and fast to copy.
        self._entries = entries

    def find(self, key: str) -> int | None:
        """Return the latest version of the segment with `key`; None if it is not remembered."""
        if not self._entries:
            return None
        place = self._find(_DIGEST.pack(hash(key)))
        return None if place < 0 else int(_ENTRY.unpack_from(self._entries, place)[1])

    def remember(self, seen: Mapping[str, int]) -> "RecentSegments":
        """Return a copy with `seen` (key → version) added. The oldest entries above the limit are dropped."""
        entries = self._entries
        for key, version in seen.items():
            entry = _ENTRY.pack(hash(key), version)
            place = self._find(entry[: _DIGEST.size]) if self._entries else -1
            if place >= 0:
                entries = entries.replace(self._entries[place : place + _ENTRY_SIZE], b"")
            entries += entry
        return RecentSegments(entries[-RECENT_LIMIT * _ENTRY_SIZE :])

    def _find(self, digest: bytes) -> int:
        """Return the offset of the entry with this digest; -1 if there is none."""
        place = self._entries.find(digest)
        while place % _ENTRY_SIZE and place >= 0:
            place = self._entries.find(digest, place + 1)
        return place

    def __len__(self) -> int:
        return len(self._entries) // _ENTRY_SIZE


def build_key(segment: Segment, conversation_number: int) -> str:
    """Return the key of a segment within its session: the sender's id, else a digest of speaker, times and text.

    A digest key holds the conversation's number, since times begin again at 0 in each conversation.
    """
    if segment.segment_id:
        if len(segment.segment_id) <= _KEY_LIMIT and not segment.segment_id.startswith("~"):
            return segment.segment_id
        return "~id:" + blake2b(segment.segment_id.encode(), digest_size=16).hexdigest()
    content = f"{segment.speaker}\0{segment.start_s!r}\0{segment.end_s!r}\0{segment.text}"
    return f"~{conversation_number}:{blake2b(content.encode(), digest_size=16).hexdigest()}"


def is_blank(text: str) -> bool:
    """Return True for a text without letters and digits: silence, or only punctuation."""
    return _WORD.search(text, 0, _BLANK_CHARS) is None
