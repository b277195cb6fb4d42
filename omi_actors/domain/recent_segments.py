"""The segments that a session has heard lately, known again when they come once more: fingerprints, and no text.

Not here: what a known segment means for the transcript (transcript.py). Threads: none, pure.
"""

from collections.abc import Mapping
from struct import Struct
from typing import NamedTuple

from omi_actors.domain.segments import Segment, StoredSegment

# Segments remembered in memory, enough for a retried webhook; the store's unique key is what guarantees.
RECENT_LIMIT = 128
# How a remembered segment is packed: a 64-bit digest of its key, its text's length, and a digest of who said it.
_DIGEST = Struct("<q")
_KNOWN = Struct("<IH")
_ENTRY_SIZE = _DIGEST.size + _KNOWN.size


class Known(NamedTuple):
    """What is kept of a segment: its text's length in characters, and `said_by`, a digest good for this process."""

    length: int
    said_by: int


def digest_speaker(speaker: str, speaker_id: int | None, is_user: object, person_id: str | None) -> int:
    """Return 16 bits that change with who is thought to have said a segment; one change in 65,536 is missed."""
    return hash((speaker, speaker_id, is_user, person_id)) & 0xFFFF


def build_known(segment: Segment | StoredSegment) -> Known:
    """Return what is kept of this segment."""
    said_by = digest_speaker(segment.speaker, segment.speaker_id, segment.is_user, segment.person_id)
    return Known(len(segment.text), said_by)


class RecentSegments:
    """The latest segment keys of a session and what is known of each: 14 bytes, and no text.

    A value: `remember` returns another one.
    """

    __slots__ = ("_entries",)

    def __init__(self, entries: bytes = b"") -> None:
        # One string of bytes, searched in C: an eighth of a dict's size, and faster to copy than to change.
        self._entries = entries

    def find(self, key: str) -> Known | None:
        """Return what was last seen under `key`, None when it is not remembered."""
        place = self._find(_DIGEST.pack(hash(key)))
        return None if place < 0 else Known._make(_KNOWN.unpack_from(self._entries, place + _DIGEST.size))

    def remember(self, seen: Mapping[str, Known]) -> "RecentSegments":
        """Return these with `seen` (by key) added, the oldest forgotten above the limit."""
        entries = self._entries
        for key, known in seen.items():
            digest = _DIGEST.pack(hash(key))
            place = self._find(digest)
            if place >= 0:
                entries = entries.replace(self._entries[place : place + _ENTRY_SIZE], b"")
            entries += digest + _KNOWN.pack(*known)
        return RecentSegments(entries[-RECENT_LIMIT * _ENTRY_SIZE :])

    def _find(self, digest: bytes) -> int:
        """Return where the entry of this digest begins, -1 without one."""
        place = self._entries.find(digest)
        while place % _ENTRY_SIZE and place >= 0:
            place = self._entries.find(digest, place + 1)
        return place

    def __len__(self) -> int:
        return len(self._entries) // _ENTRY_SIZE
