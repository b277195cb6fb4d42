"""The segments that a session has heard lately, known again when they come once more: fingerprints, and no text.

Not here: what a known segment means for the transcript (domain/sessions/transcript.py). Threads: none, pure.
"""

from collections.abc import Mapping
from struct import Struct

from omi_actors.domain.sessions.segments import Segment, StoredSegment

# Segments remembered in memory, enough for a retried webhook; the store's unique key is what guarantees.
RECENT_LIMIT = 128
# How a remembered segment is packed: a 64-bit digest of its key, and its version.
_DIGEST = Struct("<q")
_ENTRY = Struct("<qQ")
_ENTRY_SIZE = _ENTRY.size
_SAID_BY_BITS = 16


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
