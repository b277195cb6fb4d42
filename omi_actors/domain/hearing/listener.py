"""Listening in full: one decision about what was said, in progress.

Not here: what a line of speech holds (speech.py), speech without any wake phrase, which is nearly all of it
(overhearing.py). Threads: none, pure.
"""

import math

from msgspec.structs import replace

from omi_actors.domain.hearing.question_end import has_hardly_begun, is_dangling
from omi_actors.domain.hearing.repetition import is_near_duplicate, normalise
from omi_actors.domain.hearing.segments import StoredSegment
from omi_actors.domain.hearing.speech import (
    FoundQuestion,
    LineRules,
    Piece,
    is_of_no_interest,
    is_piece,
    join,
    parse_line,
)
from omi_actors.domain.hearing.state import (
    ASKED_LIMIT,
    HEARD_CHARS,
    IDLE_LIMIT,
    SILENT,
    SPEAKERS_LIMIT,
    SPLIT_ARRIVAL_S,
    SPLIT_S,
    HearingOptions,
    HearingResult,
    HearingState,
    ListenMode,
    OpenUtterance,
    Question,
)

# Questions remembered by their words for `near_duplicate_s`.
_RECENT_LIMIT = 3


def _deadline(ear: OpenUtterance, options: HearingOptions) -> float:
    """Return when silence ends what this speaker began; for ever when nothing is open."""
    if ear.question is None:
        return math.inf
    if not ear.question.text:
        return ear.heard_at + options.wake_wait_s
    return min(ear.heard_at + _pause_s(ear.question.text, options), ear.opened_at + options.hard_cap_s)


def _pause_s(words: str, options: HearingOptions) -> float:
    return options.pause_s * (2 if is_dangling(words) or has_hardly_begun(words) else 1)


class UtteranceTracker:
    """One decision in progress: the parts of a state as they change, put together once at the end."""

    def __init__(self, state: HearingState, now_s: float, options: HearingOptions) -> None:
        self._now_s = now_s
        self._options = options
        self._conversation_id = state.conversation_id
        self._ears = {ear.speaker: ear for ear in state.ears}
        self._asked = state.asked
        self._recent = state.recent
        self._asker = state.asker
        self._replied_at = state.replied_at
        self._questions: list[Question] = []

    def finish(self) -> HearingResult:
        """Return what was decided. A state that holds nothing is always the same object."""
        ears = tuple(self._ears.values())
        deadline = min((_deadline(ear, self._options) for ear in ears), default=math.inf)
        # Without an ear the next segment tells which conversation it is.
        conversation_id = self._conversation_id if ears else ""
        state = HearingState(conversation_id, ears, self._asked, self._recent, self._asker, self._replied_at)
        if state == SILENT:
            state = SILENT
        return HearingResult(state, tuple(self._questions), None if deadline == math.inf else deadline)

    def close_expired(self) -> None:
        """End what silence has ended since the state was made."""
        now_s, options = self._now_s, self._options
        self._recent = tuple(known for known in self._recent if now_s - known[1] < options.near_duplicate_s)
        for ear in tuple(self._ears.values()):
            if _deadline(ear, options) <= now_s or (ear.question is None and now_s - ear.heard_at > SPLIT_ARRIVAL_S):
                self._close(ear)

    def take(self, segment: StoredSegment) -> None:
        """Listen to one segment."""
        if len(segment.text) > HEARD_CHARS:
            segment = replace(segment, text=segment.text[:HEARD_CHARS])
        if segment.conversation_id != self._conversation_id:
            self._begin_conversation(segment.conversation_id)
        ear = self._ears.pop(segment.speaker, None) or self._take_renamed(segment)
        if ear is None:
            self._begin(segment)
        elif is_piece(ear.pieces, segment.key):
            self._listen(self._rewrite(ear, segment), segment)
        elif segment.start_s < ear.last_start_s:
            # Late: it does not go on where the last one ended.
            self._listen(self._new_ear(segment), segment, is_late=True)
            self._ears[ear.speaker] = ear
        elif self._is_ended_before(ear, segment):
            self._close(ear)
            self._begin(segment)
        else:
            self._go_on(ear, segment)
        self._forget()

    def _take_renamed(self, segment: StoredSegment) -> OpenUtterance | None:
        """Return the ear that heard the beginning of this segment, if its speaker has another label by now."""
        ear = next((ear for ear in self._ears.values() if is_piece(ear.pieces, segment.key)), None)
        return None if ear is None else replace(self._ears.pop(ear.speaker), speaker=segment.speaker)

    def _forget(self) -> None:
        """Keep no more speakers than we may: after every segment, so that it does not matter how a webhook is cut."""
        idle = [ear.speaker for ear in self._ears.values() if ear.question is None]
        for speaker in idle[:-IDLE_LIMIT]:
            del self._ears[speaker]
        if len(self._ears) > SPEAKERS_LIMIT:
            del self._ears[next(iter(self._ears))]

    def _begin(self, segment: StoredSegment) -> None:
        options = self._options
        if self._needs_no_wake(segment.speaker) or not is_of_no_interest(segment.text, options.names):
            self._listen(self._new_ear(segment), segment)

    def _go_on(self, ear: OpenUtterance, segment: StoredSegment) -> None:
        if ear.question is None and self._needs_no_wake(segment.speaker):
            ear = self._new_ear(segment)
        else:
            after_pause = segment.start_s - ear.last_end_s >= self._options.pause_s
            ear = replace(ear, pieces=join(ear.pieces, segment.key, segment.text, after_pause=after_pause))
        self._listen(ear, segment)

    def _begin_conversation(self, conversation_id: str) -> None:
        for ear in tuple(self._ears.values()):
            self._close(ear)
        self._conversation_id = conversation_id

    def _needs_no_wake(self, speaker: str) -> bool:
        mode, options = self._options.mode, self._options
        if mode is ListenMode.FOLLOWUP:
            return speaker == self._asker and 0.0 <= self._now_s - self._replied_at <= options.followup_s
        return mode is ListenMode.ALWAYS

    def _new_ear(self, segment: StoredSegment) -> OpenUtterance:
        pieces = (Piece(segment.key, segment.text),)
        start_s = segment.start_s
        needs_no_wake = self._needs_no_wake(segment.speaker)
        now_s = self._now_s
        return OpenUtterance(
            segment.speaker, pieces, 0, start_s, start_s, now_s, now_s, start_s, without_wake=needs_no_wake
        )

    def _rewrite(self, ear: OpenUtterance, segment: StoredSegment) -> OpenUtterance:
        """Put a segment's longer text in the place of the shorter."""
        pieces = tuple(
            Piece(p.key, p.text[: p.text[0].isspace()] + segment.text) if p.key == segment.key else p
            for p in ear.pieces
        )
        return replace(ear, pieces=pieces, scanned=0)

    def _is_ended_before(self, ear: OpenUtterance, segment: StoredSegment) -> bool:
        """Tell whether the speaker was silent so long before this segment that it begins anew, as their times say."""
        silence_s = segment.start_s - ear.last_end_s
        if ear.question is None:
            return silence_s >= SPLIT_S
        if not ear.question.text:
            return silence_s >= self._options.wake_wait_s
        is_capped = segment.start_s - ear.opened_start_s >= self._options.hard_cap_s
        return is_capped or silence_s >= _pause_s(ear.question.text, self._options)

    def _listen(self, ear: OpenUtterance, segment: StoredSegment, *, is_late: bool = False) -> None:
        """Read a speaker's line and keep what is left of it."""
        options = self._options
        always = options.mode is ListenMode.ALWAYS
        rules = LineRules(options.names, options.max_chars, without_wake=ear.without_wake, always=always)
        reading = parse_line(ear.pieces, ear.scanned, rules)
        for found in reading.found:
            self._put(found, ear.speaker, self._now_s)
        is_new = bool(reading.found) or ear.question is None
        left = OpenUtterance(
            ear.speaker,
            reading.pieces,
            reading.scanned,
            segment.start_s,
            max(segment.end_s, ear.last_end_s),
            self._now_s,
            self._now_s if is_new else ear.opened_at,
            segment.start_s if is_new else ear.opened_start_s,
            reading.question,
            (always or (ear.without_wake and not reading.found)) and reading.question is not None,
        )
        if is_late:
            self._close(left)
        elif left.pieces:
            self._ears[ear.speaker] = left

    def _close(self, ear: OpenUtterance) -> None:
        """Let a speaker's silence end what was begun."""
        self._ears.pop(ear.speaker, None)
        if ear.question is not None and ear.question.text:
            self._put(ear.question, ear.speaker, ear.heard_at)

    def _put(self, found: FoundQuestion, speaker: str, asked_at: float) -> None:
        """Accept a question unless it was put before: in this place, or in nearly these words."""
        words = normalise(found.text)
        asked, digest = dict(self._asked), hash(found.key)
        if found.ordinal <= asked.pop(digest, -1):
            return
        self._asked = (*asked.items(), (digest, found.ordinal))[-ASKED_LIMIT:]
        if any(is_near_duplicate(words, known) for known, _ in self._recent):
            return
        self._recent = (*self._recent[-(_RECENT_LIMIT - 1) :], (words, self._now_s))
        self._asker = speaker
        self._replied_at = -math.inf
        conversation_id = self._conversation_id
        self._questions.append(Question(found.text, found.key, conversation_id, found.ordinal, speaker, asked_at))
