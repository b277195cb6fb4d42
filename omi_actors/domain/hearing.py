"""Hearing: from segments to the questions that were put to the wearable, as a value that a session keeps.

Not here: which segments are new (transcript.py), the timer that tells of a pause (actors/session.py), wake phrases
(wake.py), a question's end in its words (question_end.py), who answers (jobs/answer.py). Threads: none, pure.
A question is what the same speaker says after a wake phrase, however it is cut into segments and webhooks.
"""

import math
from collections.abc import Container, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import groupby
from operator import attrgetter

import msgspec
from msgspec.structs import replace

from omi_actors.domain.near_duplicates import is_near_duplicate, normalise
from omi_actors.domain.question_end import is_dangling
from omi_actors.domain.question_keys import Place
from omi_actors.domain.segments import StoredSegment
from omi_actors.domain.speech import Found, Piece, Rules, is_of_no_interest, join, read
from omi_actors.domain.wake import may_wake

# Speakers remembered while they say nothing to us, and at all.
_IDLE_LIMIT = 2
_SPEAKERS_LIMIT = 6
# Questions remembered by their segment, and by their words for `near_duplicate_s`.
_ASKED_LIMIT = 8
_RECENT_LIMIT = 3
# The halves of a wake phrase lie no further apart (s), in speech and in arrival.
_SPLIT_S = 5.0
_SPLIT_ARRIVAL_S = 10.0
# Segments, and seconds before the last of them, in which a question may have begun that is not accepted yet.
_RECALLED_LIMIT = 32
_RECALLED_S = 60.0
# Characters of one segment that are listened to: no speech is longer.
_HEARD_CHARS = 4_000


class ListenMode(StrEnum):
    """When speech is a question: after a wake phrase; also soon after a reply; always."""

    TRIGGER = "TRIGGER"
    FOLLOWUP = "FOLLOWUP"
    ALWAYS = "ALWAYS"


@dataclass(frozen=True, slots=True)
class HearingOptions:
    """How a session listens. Times in seconds.

    `pause_s`: silence that ends a question, twice that where it breaks off. `wake_wait_s`: how long the words may come
    after the wake phrase. `hard_cap_s` and `max_chars`: no question is longer.
    """

    names: tuple[str, ...] = ("omi",)
    mode: ListenMode = ListenMode.TRIGGER
    pause_s: float = 2.0
    wake_wait_s: float = 8.0
    hard_cap_s: float = 30.0
    followup_s: float = 8.0
    near_duplicate_s: float = 10.0
    max_chars: int = 1_000


@dataclass(frozen=True, slots=True)
class Question:
    """What was asked, by whom, and the segment in which it was put: `ordinal` counts that segment's from 0.

    `asked_at` (UTC seconds) is when its last words came.
    """

    text: str
    segment_key: str
    conversation_id: str
    ordinal: int = 0
    speaker: str = ""
    asked_at: float = 0.0


class Ear(msgspec.Struct, frozen=True, gc=False):
    """One speaker's last words. `question` is what was said of an open one, perhaps nothing yet; None: none is open."""

    speaker: str
    pieces: tuple[Piece, ...]
    scanned: int
    question: Found | None
    without_wake: bool
    last_start_s: float
    last_end_s: float
    heard_at: float
    opened_at: float
    opened_start_s: float


class HearingState(msgspec.Struct, frozen=True, gc=False):
    """What a session remembers of what it heard: some hundred bytes while nobody speaks to it.

    `asked` are digests of the last questions' places, `recent` their normalised words with the time.
    """

    conversation_id: str = ""
    ears: tuple[Ear, ...] = ()
    asked: tuple[int, ...] = ()
    recent: tuple[tuple[str, float], ...] = ()
    asker: str = ""
    replied_at: float = -math.inf


class Heard(msgspec.Struct, frozen=True):
    """What to do after listening: `deadline` is when to call `pause_over`, None when nothing is awaited."""

    state: HearingState
    questions: tuple[Question, ...]
    deadline: float | None


DEFAULTS = HearingOptions()
SILENT = HearingState()


def hear(
    state: HearingState, segments: Sequence[StoredSegment], now_s: float, options: HearingOptions = DEFAULTS
) -> Heard:
    """Listen to a webhook's fresh segments, ordered by seq. Nothing is held back: an open question has a deadline."""
    listener = _Listener(state, now_s, options)
    listener.close_expired()
    for segment in segments:
        listener.take(segment)
    return listener.finish()


def pause_over(state: HearingState, now_s: float, options: HearingOptions = DEFAULTS) -> Heard:
    """Return the questions that a pause has ended by now. Too early or too late a call does no harm."""
    listener = _Listener(state, now_s, options)
    listener.close_expired()
    return listener.finish()


def recall(
    segments: Sequence[StoredSegment], asked: Sequence[Place], now_s: float, options: HearingOptions = DEFAULTS
) -> Heard:
    """Hear a session's latest stored segments again, as they came: what a crash interrupted goes on.

    `asked` are the places of questions that were accepted before; the questions returned never were.
    """
    state = HearingState(asked=tuple(map(hash, asked)))
    questions: list[Question] = []
    recent = [one for one in segments[-_RECALLED_LIMIT:] if segments[-1].created_at - one.created_at <= _RECALLED_S]
    for came_at, webhook in groupby(recent, attrgetter("created_at")):
        heard = hear(state, list(webhook), came_at, options)
        state = heard.state
        questions += heard.questions
    heard = pause_over(state, now_s, options)
    return Heard(heard.state, (*questions, *heard.questions), heard.deadline)


def note_reply(state: HearingState, now_s: float, *, was_answered: bool = True) -> HearingState:
    """Note that a reply was given: the window for a follow-up opens; after a failure the same may be asked again."""
    return replace(state, replied_at=now_s, recent=state.recent if was_answered else ())


def find_question(segments: Sequence[StoredSegment], asked: Container[str] = ()) -> Question | None:
    """Return the first question among these segments alone, as if a pause followed, but for those `asked` before."""
    if not may_wake(" ".join([segment.text[:_HEARD_CHARS] for segment in segments]), DEFAULTS.names):
        return None
    heard = hear(SILENT, segments, 0.0)
    questions = (*heard.questions, *pause_over(heard.state, math.inf).questions)
    return next((question for question in questions if question.segment_key not in asked), None)


def _deadline(ear: Ear, options: HearingOptions) -> float:
    """Return when silence ends what this speaker began; for ever when nothing is open."""
    if ear.question is None:
        return math.inf
    if not ear.question.text:
        return ear.heard_at + options.wake_wait_s
    return min(ear.heard_at + _pause_s(ear.question.text, options), ear.opened_at + options.hard_cap_s)


def _pause_s(words: str, options: HearingOptions) -> float:
    return options.pause_s * (2 if is_dangling(words) else 1)


class _Listener:
    """One decision in progress: the parts of a state as they change, put together once at the end."""

    def __init__(self, state: HearingState, now_s: float, options: HearingOptions) -> None:
        self._before = state
        self._now_s = now_s
        self._options = options
        self._conversation_id = state.conversation_id
        self._ears = {ear.speaker: ear for ear in state.ears}
        self._asked = state.asked
        self._recent = state.recent
        self._asker = state.asker
        self._replied_at = state.replied_at
        self._questions: list[Question] = []

    def finish(self) -> Heard:
        ears = [ear for ear in self._ears.values() if ear.pieces]
        idle = [ear for ear in ears if ear.question is None][:-_IDLE_LIMIT]
        ears = [ear for ear in ears if ear not in idle][-_SPEAKERS_LIMIT:]
        deadline = min((_deadline(ear, self._options) for ear in ears), default=math.inf)
        state = HearingState(
            self._conversation_id, tuple(ears), self._asked, self._recent, self._asker, self._replied_at
        )
        return Heard(state, tuple(self._questions), None if deadline == math.inf else deadline)

    def close_expired(self) -> None:
        """End what silence has ended since the state was made."""
        now_s, options = self._now_s, self._options
        self._recent = tuple(known for known in self._recent if now_s - known[1] < options.near_duplicate_s)
        for ear in tuple(self._ears.values()):
            if _deadline(ear, options) <= now_s or (ear.question is None and now_s - ear.heard_at > _SPLIT_ARRIVAL_S):
                self._close(ear)

    def take(self, segment: StoredSegment) -> None:
        """Listen to one segment."""
        if len(segment.text) > _HEARD_CHARS:
            segment = replace(segment, text=segment.text[:_HEARD_CHARS])
        if segment.conversation_id != self._conversation_id:
            self._begin_conversation(segment.conversation_id)
        ear = self._ears.pop(segment.speaker, None)
        if ear is None:
            self._begin(segment)
        elif any(piece.key == segment.key for piece in ear.pieces):
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

    def _begin(self, segment: StoredSegment) -> None:
        options = self._options
        if self._needs_no_wake(segment.speaker) or not is_of_no_interest(segment.text, options.names):
            self._listen(self._new_ear(segment), segment)

    def _go_on(self, ear: Ear, segment: StoredSegment) -> None:
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

    def _new_ear(self, segment: StoredSegment) -> Ear:
        pieces = (Piece(segment.key, segment.text),)
        start_s = segment.start_s
        needs_no_wake = self._needs_no_wake(segment.speaker)
        return Ear(segment.speaker, pieces, 0, None, needs_no_wake, start_s, start_s, self._now_s, self._now_s, start_s)

    def _rewrite(self, ear: Ear, segment: StoredSegment) -> Ear:
        """Put a segment's longer text in the place of the shorter."""
        pieces = tuple(
            Piece(p.key, p.text[: p.text[0].isspace()] + segment.text) if p.key == segment.key else p
            for p in ear.pieces
        )
        return replace(ear, pieces=pieces, scanned=0)

    def _is_ended_before(self, ear: Ear, segment: StoredSegment) -> bool:
        """Tell whether the speaker was silent so long before this segment that it begins anew, as their times say."""
        silence_s = segment.start_s - ear.last_end_s
        if ear.question is None:
            return silence_s >= _SPLIT_S
        if not ear.question.text:
            return silence_s >= self._options.wake_wait_s
        is_capped = segment.start_s - ear.opened_start_s >= self._options.hard_cap_s
        return is_capped or silence_s >= _pause_s(ear.question.text, self._options)

    def _listen(self, ear: Ear, segment: StoredSegment, *, is_late: bool = False) -> None:
        """Read a speaker's line and keep what is left of it."""
        options = self._options
        always = options.mode is ListenMode.ALWAYS
        rules = Rules(options.names, options.max_chars, without_wake=ear.without_wake, always=always)
        reading = read(ear.pieces, ear.scanned, rules)
        for found in reading.found:
            self._put(found, ear.speaker, self._now_s)
        is_new = bool(reading.found) or ear.question is None
        left = Ear(
            ear.speaker,
            reading.pieces,
            reading.scanned,
            reading.question,
            (always or (ear.without_wake and not reading.found)) and reading.question is not None,
            segment.start_s,
            max(segment.end_s, ear.last_end_s),
            self._now_s,
            self._now_s if is_new else ear.opened_at,
            segment.start_s if is_new else ear.opened_start_s,
        )
        self._ears[ear.speaker] = left
        if is_late:
            self._close(left)

    def _close(self, ear: Ear) -> None:
        """Let a speaker's silence end what was begun."""
        self._ears.pop(ear.speaker, None)
        if ear.question is not None and ear.question.text:
            self._put(ear.question, ear.speaker, ear.heard_at)

    def _put(self, found: Found, speaker: str, asked_at: float) -> None:
        """Accept a question unless it was put before: in this place, or in nearly these words."""
        place = hash((found.key, found.ordinal))
        words = normalise(found.text)
        if place in self._asked:
            return
        self._asked = (*self._asked[-(_ASKED_LIMIT - 1) :], place)
        if any(is_near_duplicate(words, known) for known, _ in self._recent):
            return
        self._recent = (*self._recent[-(_RECENT_LIMIT - 1) :], (words, self._now_s))
        self._asker = speaker
        self._replied_at = -math.inf
        self._questions.append(Question(found.text, found.key, self._conversation_id, found.ordinal, speaker, asked_at))
