"""Open utterances: find the questions in segments, and keep the words that may continue. This is the full decision.

Not here: the words of one utterance (speech.py), the fast path for speech without a wake phrase (overhearing.py).
Threads: any; pure.
"""

import math

from msgspec.structs import replace

from omi_actors.domain.hearing.language import guess_language
from omi_actors.domain.hearing.meant import ANY_TIME, CLEAR, FOLLOWING, Moment, find_topic, is_command, is_meant, weigh
from omi_actors.domain.hearing.pauses import Ending, has_marks, judge_ending
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
    Doubt,
    EndedBy,
    HearingOptions,
    HearingResult,
    HearingState,
    ListenMode,
    OpenUtterance,
    Question,
)

# Questions whose words are remembered for `near_duplicate_s`.
_RECENT_LIMIT = 3


def _deadline(utterance: OpenUtterance, options: HearingOptions) -> float:
    """Return the time at which silence ends the question; infinity when none is open."""
    if utterance.question is None:
        return math.inf
    if not utterance.question.text:
        return utterance.heard_at + options.wake_wait_s
    pause_ends_at = utterance.heard_at + options.pause_s * _judge(utterance).value
    return min(pause_ends_at, utterance.opened_at + options.hard_cap_s)


def _judge(utterance: OpenUtterance) -> Ending:
    """Return what the words say of the question's end. Without a wake phrase only a command is certainly for Omi."""
    assert utterance.question is not None  # noqa: S101 (the callers checked it)
    is_marked = any(has_marks(piece.text) for piece in utterance.pieces)
    ending = judge_ending(utterance.question.text, is_marked=is_marked)
    is_uncertain = ending is Ending.OVER and utterance.without_wake and not is_command(utterance.question.text)
    return Ending.OPEN if is_uncertain else ending


def _sign_of(utterance: OpenUtterance, options: HearingOptions) -> EndedBy:
    """Return the sign that ends an open utterance at its deadline."""
    if utterance.question is None:
        return EndedBy.PAUSE
    deadline = _deadline(utterance, options)
    if deadline <= utterance.heard_at:
        return EndedBy.WORDS
    return EndedBy.LIMIT if deadline >= utterance.opened_at + options.hard_cap_s else EndedBy.PAUSE


def rename(utterance: OpenUtterance, segment: StoredSegment) -> OpenUtterance:
    """Return an utterance as that of the speaker whom one of its segments names. The other segments keep theirs."""
    is_user = segment.is_user and (utterance.is_user or len(utterance.pieces) == 1)
    return replace(utterance, speaker=segment.speaker, is_user=is_user)


class UtteranceTracker:
    """One decision: changes a state while it takes segments; each speaker has one open utterance.

    Example:
        tracker = UtteranceTracker(state, now_s, options)
        tracker.close_expired()
        tracker.take(segment)
        result = tracker.finish()
    """

    def __init__(self, state: HearingState, now_s: float, options: HearingOptions) -> None:
        self._now_s = now_s
        self._options = options
        self._conversation_id = state.conversation_id
        self._open = {utterance.speaker: utterance for utterance in state.open_utterances}
        self._asked = state.asked
        self._recent = state.recent
        self._asker = state.asker
        self._replied_at = state.replied_at
        self._moment = state.moment
        self._questions: list[Question] = []
        self._repeated = self._not_meant = 0

    def finish(self) -> HearingResult:
        """Return the result. An empty state is always the same object, which saves memory in idle sessions."""
        utterances = tuple(self._open.values())
        deadline = min((_deadline(utterance, self._options) for utterance in utterances), default=math.inf)
        # Without an open utterance the next segment sets the conversation.
        conversation_id = self._conversation_id if utterances else ""
        asked = (self._asked, self._recent, self._asker, self._replied_at, self._moment)
        state = HearingState(conversation_id, utterances, *asked)
        if state == SILENT:
            state = SILENT
        ends_at = None if deadline == math.inf else deadline
        return HearingResult(state, tuple(self._questions), ends_at, self._repeated, self._not_meant)

    def close_expired(self, *, is_webhook: bool = False) -> None:
        """Close the utterances that silence has ended since the state was made.

        With more segments of a webhook the words of the same webhook end nothing yet: it may have more of them.
        """
        now_s, options = self._now_s, self._options
        self._recent = tuple(known for known in self._recent if now_s - known[1] < options.near_duplicate_s)
        for utterance in tuple(self._open.values()):
            is_split = utterance.question is None and now_s - utterance.heard_at > SPLIT_ARRIVAL_S
            is_current = is_webhook and utterance.heard_at >= now_s
            if is_split or (_deadline(utterance, options) <= now_s and not is_current):
                self._close(utterance, _sign_of(utterance, options))

    def take(self, segment: StoredSegment) -> None:
        """Add one segment to its speaker's utterance, or begin another."""
        if len(segment.text) > HEARD_CHARS:
            segment = replace(segment, text=segment.text[:HEARD_CHARS])
        if segment.conversation_id != self._conversation_id:
            self._begin_conversation(segment.conversation_id)
        self._end_by_others(segment)
        if self._moment is not None and self._replied_at > -math.inf and segment.speaker != self._asker:
            self._moment = self._moment._replace(is_among_others=True)
        utterance = self._open.pop(segment.speaker, None) or self._take_renamed(segment)
        if utterance is None:
            self._begin(segment)
        elif is_piece(utterance.pieces, segment.key):
            self._parse(self._rewrite(utterance, segment), segment)
        elif segment.start_s < utterance.last_start_s:
            # A late segment is parsed alone: it does not continue the last one.
            self._parse(self._new_utterance(segment), segment, is_late=True)
            self._open[utterance.speaker] = utterance
        elif self._is_ended_before(utterance, segment):
            self._close(utterance)
            self._begin(segment)
        else:
            self._continue(utterance, segment)
        self._forget()

    def _end_by_others(self, segment: StoredSegment) -> None:
        """Close the whole questions that another speaker's words follow: somebody answers."""
        for utterance in tuple(self._open.values()):
            is_others = utterance.speaker != segment.speaker and not is_piece(utterance.pieces, segment.key)
            is_after = is_others and segment.start_s >= utterance.last_end_s
            has_words = utterance.question is not None and bool(utterance.question.text)
            if is_after and has_words and _judge(utterance) in (Ending.OVER, Ending.COMPLETE):
                self._close(utterance, EndedBy.SPEAKER)

    def _take_renamed(self, segment: StoredSegment) -> OpenUtterance | None:
        """Return the utterance of another speaker that holds this segment already."""
        utterance = next((one for one in self._open.values() if is_piece(one.pieces, segment.key)), None)
        if utterance is None:
            return None
        del self._open[utterance.speaker]
        return rename(utterance, segment)

    def _forget(self) -> None:
        """Drop the oldest utterances above the limits, after every segment, so that slices give the same result."""
        idle = [utterance.speaker for utterance in self._open.values() if utterance.question is None]
        for speaker in idle[:-IDLE_LIMIT]:
            del self._open[speaker]
        if len(self._open) > SPEAKERS_LIMIT:
            del self._open[next(iter(self._open))]

    def _begin(self, segment: StoredSegment) -> None:
        if self._needs_no_wake(segment.speaker) or not is_of_no_interest(segment.text, self._options.wake):
            self._parse(self._new_utterance(segment), segment)

    def _continue(self, utterance: OpenUtterance, segment: StoredSegment) -> None:
        if utterance.question is None and self._needs_no_wake(segment.speaker):
            utterance = self._new_utterance(segment)
        else:
            after_pause = segment.start_s - utterance.last_end_s >= self._options.pause_s
            pieces = join(utterance.pieces, segment.key, segment.text, after_pause=after_pause)
            utterance = replace(utterance, pieces=pieces)
        self._parse(utterance, segment)

    def _begin_conversation(self, conversation_id: str) -> None:
        for utterance in tuple(self._open.values()):
            self._close(utterance)
        self._conversation_id = conversation_id

    def _needs_no_wake(self, speaker: str) -> bool:
        mode, options = self._options.mode, self._options
        if mode is ListenMode.FOLLOWUP:
            return speaker == self._asker and 0.0 <= self._now_s - self._replied_at <= options.followup_s
        return mode is ListenMode.ALWAYS

    def _new_utterance(self, segment: StoredSegment) -> OpenUtterance:
        pieces = (Piece(segment.key, segment.text),)
        start_s, now_s = segment.start_s, self._now_s
        without_wake = self._needs_no_wake(segment.speaker)
        return OpenUtterance(
            segment.speaker,
            pieces,
            0,
            start_s,
            start_s,
            now_s,
            now_s,
            start_s,
            without_wake=without_wake,
            is_user=segment.is_user,
        )

    def _rewrite(self, utterance: OpenUtterance, segment: StoredSegment) -> OpenUtterance:
        """Replace a segment's text by its longer version."""
        pieces = tuple(
            Piece(p.key, p.text[: p.text[0].isspace()] + segment.text) if p.key == segment.key else p
            for p in utterance.pieces
        )
        return replace(utterance, pieces=pieces, scanned=0)

    def _is_ended_before(self, utterance: OpenUtterance, segment: StoredSegment) -> bool:
        """Return True when the silence between the segments' times ended the utterance before this segment."""
        silence_s = segment.start_s - utterance.last_end_s
        if utterance.question is None:
            return silence_s >= SPLIT_S
        if not utterance.question.text:
            return silence_s >= self._options.wake_wait_s
        is_capped = segment.start_s - utterance.opened_start_s >= self._options.hard_cap_s
        # Both stretches of speech are here: to wait costs nothing, so no pause is shorter than the usual one.
        return is_capped or silence_s >= self._options.pause_s * max(1.0, _judge(utterance).value)

    def _parse(self, utterance: OpenUtterance, segment: StoredSegment, *, is_late: bool = False) -> None:
        """Accept the questions in an utterance. The rest of the utterance stays open."""
        options = self._options
        always = options.mode is ListenMode.ALWAYS
        rules = LineRules(options.wake, options.max_chars, without_wake=utterance.without_wake, always=always)
        parsed = parse_line(utterance.pieces, utterance.scanned, rules)
        is_user = segment.is_user and (utterance.question is None or utterance.is_user)
        for found in parsed.found:
            self._accept(found, utterance.speaker, self._now_s, is_user=is_user)
        is_new = bool(parsed.found) or utterance.question is None
        rest = OpenUtterance(
            utterance.speaker,
            parsed.pieces,
            parsed.scanned,
            segment.start_s,
            max(segment.end_s, utterance.last_end_s),
            self._now_s,
            self._now_s if is_new else utterance.opened_at,
            segment.start_s if is_new else utterance.opened_start_s,
            segment.is_user if is_new else is_user,
            parsed.question,
            (always or (utterance.without_wake and not parsed.found)) and parsed.question is not None,
        )
        if is_late:
            self._close(rest)
        elif rest.pieces:
            self._open[utterance.speaker] = rest

    def _close(self, utterance: OpenUtterance, ended_by: EndedBy = EndedBy.PAUSE) -> None:
        """End an utterance, and accept its open question."""
        self._open.pop(utterance.speaker, None)
        if utterance.question is not None and utterance.question.text:
            asked = (utterance.question, utterance.speaker, utterance.heard_at)
            self._accept(*asked, is_user=utterance.is_user, ended_by=ended_by)

    def _accept(
        self,
        found: FoundQuestion,
        speaker: str,
        asked_at: float,
        *,
        is_user: bool,
        ended_by: EndedBy = EndedBy.WORDS,
    ) -> None:
        """Accept a question, unless it is for others, or known: from the same place, or in nearly the same words."""
        words = normalise(found.text)
        asked, digest = dict(self._asked), hash(found.key)
        if found.ordinal <= asked.pop(digest, -1):
            return
        is_known = any(is_near_duplicate(words, known) for known, _ in self._recent)
        doubt = Doubt.NONE if is_known else self._find_doubt(found, asked_at, is_user=is_user)
        if doubt is None:
            self._not_meant += 1
            return
        self._asked = (*asked.items(), (digest, found.ordinal))[-ASKED_LIMIT:]
        if is_known:
            self._repeated += 1
            return
        self._recent = (*self._recent[-(_RECENT_LIMIT - 1) :], (words, self._now_s))
        self._asker = speaker
        self._replied_at = -math.inf
        if self._options.mode is not ListenMode.TRIGGER:
            self._moment = Moment(0.0, find_topic(found.text), guess_language(found.text), is_owners=is_user)
        place = (found.key, self._conversation_id, found.ordinal)
        signs = (not found.has_wake, ended_by, doubt)
        self._questions.append(Question(found.text, *place, speaker, asked_at, is_user, *signs))

    def _find_doubt(self, found: FoundQuestion, asked_at: float, *, is_user: bool) -> Doubt | None:
        """Return why a question may not be for the wearable; None if it is not, by its words and the moment."""
        if found.has_wake:
            return Doubt.MENTIONED if found.may_be_mention else Doubt.NONE
        moment = self._moment or Moment()
        if moment.is_owners and not is_user:
            moment = moment._replace(is_among_others=True)
        if self._options.mode is ListenMode.ALWAYS:
            return Doubt.UNNAMED if is_meant(found.text, moment, ANY_TIME) else None
        moment = moment._replace(after_s=asked_at - self._replied_at)
        weight = sum(weigh(found.text, moment, found.after).values())
        if weight < FOLLOWING:
            return None
        return Doubt.UNNAMED if weight < CLEAR else Doubt.NONE
