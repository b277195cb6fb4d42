"""Transcript: sort a webhook's segments into new and known ones, and begin conversations.

Not here: questions in them (domain/hearing/), segment keys (domain/hearing/segments.py), rows (store/). Threads: any;
pure. Source: Omi's real-time transcript webhook. It sends no conversation id: a new conversation shows only as times
that fall back towards 0, or as a silence of 120 s.
"""

from collections.abc import Callable, Mapping

import msgspec

from omi_actors.domain.hearing.segments import (
    RecentSegments,
    Segment,
    StoredSegment,
    build_key,
    build_version,
    is_blank,
    length_of,
)
from omi_actors.domain.sessions.records import NewConversation, SessionRecord

# Seconds without speech after which Omi closes a conversation.
SILENCE_S = 120.0
# A segment that starts before _NEAR_START_S, after times fell back by more than _OUT_OF_ORDER_S (s), begins a
# conversation. Segments that arrive out of order lie within a few seconds of each other.
_NEAR_START_S = 30.0
_OUT_OF_ORDER_S = 5.0
# A larger fall (s) begins a conversation at any time: its first segments were lost.
_LARGE_FALL_S = 60.0


class Progress(msgspec.Struct, frozen=True, gc=False):
    """Position of a session's transcript. `epoch` 0 means that the store has no row of the session yet.

    `knows_user`: at least one segment of it was recognised as the wearer's voice.
    """

    session_id: str
    epoch: int
    conversation_id: str | None
    conversation_number: int
    last_seq: int
    last_end_s: float
    last_seen_at: float
    recent: RecentSegments
    knows_user: bool = False


class Growth(msgspec.Struct, frozen=True, gc=False):
    """Change of a transcript by a webhook's segments.

    `fresh` holds new segments, and known ones with a longer text, ordered by seq. `corrected` holds known ones with
    another speaker: they are stored, but not searched for questions again. `meets_user`: among them is the session's
    first segment of the wearer's own voice.
    """

    progress: Progress
    fresh: tuple[StoredSegment, ...]
    new_conversation: NewConversation | None
    duplicates: int
    updated: int
    blank: int
    corrected: tuple[StoredSegment, ...] = ()
    meets_user: bool = False


def build_progress(record: SessionRecord | None, new_id: Callable[[], str]) -> Progress:
    """Return the progress of a stored session; if `record` is None, the progress of a new session."""
    if record is None:
        return Progress(new_id(), 0, None, 0, 0, 0.0, 0.0, RecentSegments())
    recent = RecentSegments().remember({segment.key: build_version(segment) for segment in record.recent_segments})
    return Progress(
        record.session_id,
        record.epoch,
        record.conversation_id,
        record.conversation_number,
        record.last_seq,
        record.last_end_s,
        record.last_seen_at,
        recent,
        record.knows_user,
    )


def possible_keys(segments: tuple[Segment, ...], progress: Progress) -> tuple[str, ...]:
    """Return all keys under which these segments may be stored: those of this conversation and of the one before."""
    numbers = (progress.conversation_number, progress.conversation_number - 1)
    return tuple({build_key(segment, number) for segment in segments for number in numbers})


def decide_growth(
    progress: Progress,
    segments: tuple[Segment, ...],
    *,
    received_at: float,
    new_id: Callable[[], str],
    stored: Mapping[str, int] | None = None,
) -> Growth:
    """Sort a webhook's segments into new, longer, corrected, known and blank ones, and number them.

    Call it first without `stored`. If the result begins another conversation, load the versions of `possible_keys`
    from the store, pass them as `stored` (by key), and decide again. The reason: segments with earlier times may be
    a late retry of a webhook, too, and only the store knows enough old segments to decide that.
    """
    return _Grower(progress, received_at, new_id, stored or {}).grow(segments)


class _Grower:
    """One call of `decide_growth`: takes the segments one by one, and moves the transcript's `Progress` forward."""

    def __init__(
        self, progress: Progress, received_at: float, new_id: Callable[[], str], stored: Mapping[str, int]
    ) -> None:
        self._before = progress
        self._received_at = received_at
        self._new_id = new_id
        self._stored = stored
        self._conversation_id = progress.conversation_id
        self._number = progress.conversation_number
        self._last_seq = progress.last_seq
        self._last_end_s = progress.last_end_s
        self._opened: NewConversation | None = None
        self._knows_user = progress.knows_user
        self._seen: dict[str, int] = {}
        self._fresh: list[StoredSegment] = []
        self._corrected: list[StoredSegment] = []
        self._duplicates = self._updated = self._blank = 0

    def grow(self, segments: tuple[Segment, ...]) -> Growth:
        for segment in segments:
            if is_blank(segment.text):
                self._blank += 1
            else:
                self._take(segment)
        return Growth(
            self._progress_after(),
            tuple(self._fresh),
            self._opened,
            self._duplicates,
            self._updated,
            self._blank,
            tuple(self._corrected),
            self._knows_user and not self._before.knows_user,
        )

    def _progress_after(self) -> Progress:
        before = self._before
        if not self._seen:
            return before
        return Progress(
            before.session_id,
            before.epoch,
            self._conversation_id,
            self._number,
            self._last_seq,
            self._last_end_s,
            self._received_at if self._fresh else before.last_seen_at,
            before.recent.remember(self._seen),
            self._knows_user,
        )

    def _take(self, segment: Segment) -> None:
        key = build_key(segment, self._number)
        known = self._find(key)
        if known is None and not segment.segment_id:
            key, known = self._look_back(segment, key)
        version = build_version(segment)
        if known is not None and length_of(version) <= length_of(known):
            if version != known and length_of(version) == length_of(known):
                self._seen[key] = version
                self._corrected.append(self._place(segment, key))
            else:
                self._duplicates += 1
            return
        if known is not None:
            self._updated += 1
        elif self._opened is None and self._begins_conversation(segment):
            self._open_conversation()
            key = build_key(segment, self._number)
        self._seen[key] = version
        self._last_end_s = max(self._last_end_s, segment.end_s)
        self._fresh.append(self._place(segment, key))

    def _look_back(self, segment: Segment, key: str) -> tuple[str, int | None]:
        """Return key and version of the same segment in the conversation before; None if it is not there."""
        before = build_key(segment, self._number - 1)
        known = self._find(before)
        return (key, None) if known is None else (before, known)

    def _find(self, key: str) -> int | None:
        known = self._seen.get(key)
        if known is None:
            known = self._before.recent.find(key)
        return self._stored.get(key) if known is None else known

    def _begins_conversation(self, segment: Segment) -> bool:
        """Return True when this new segment is the first of another conversation."""
        if self._conversation_id is None:
            return True
        fall_s = self._last_end_s - segment.start_s
        if fall_s > _LARGE_FALL_S or (fall_s > _OUT_OF_ORDER_S and segment.start_s <= _NEAR_START_S):
            return True
        return -fall_s >= SILENCE_S or self._received_at - self._before.last_seen_at >= SILENCE_S

    def _open_conversation(self) -> None:
        """Begin another conversation. One webhook begins at most one, even if its times fall back several times."""
        self._number += 1
        self._conversation_id = self._new_id()
        self._last_end_s = 0.0
        self._opened = NewConversation(
            conversation_id=self._conversation_id, number=self._number, started_at=self._received_at
        )

    def _place(self, segment: Segment, key: str) -> StoredSegment:
        self._last_seq += 1
        self._knows_user = self._knows_user or segment.is_user
        return StoredSegment(
            key,
            self._last_seq,
            self._conversation_id or "",
            segment.text,
            segment.speaker,
            segment.speaker_id,
            segment.is_user,
            segment.person_id,
            segment.start_s,
            segment.end_s,
            self._received_at,
        )
