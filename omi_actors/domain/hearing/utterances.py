"""Open utterances: find the questions in segments, and keep the words that may continue. This is the full decision.

Not here: the words of one utterance (speech.py), how long it waits for more (waits.py), which questions are accepted
(asked.py), the fast path for speech without a wake phrase (overhearing.py).
Threads: any; pure.
"""

import math

from msgspec.structs import replace

from omi_actors.domain.hearing.asked import Asked, AskedQuestions
from omi_actors.domain.hearing.going_on import adds_to, is_for_others
from omi_actors.domain.hearing.names import may_wake
from omi_actors.domain.hearing.pauses import Ending
from omi_actors.domain.hearing.resuming import find_grown, follows_statement, forget, note_ended, note_others, reopen
from omi_actors.domain.hearing.segments import StoredSegment
from omi_actors.domain.hearing.speech import (
    FoundQuestion,
    LineRules,
    Piece,
    cut,
    is_of_no_interest,
    is_piece,
    join,
    parse_line,
)
from omi_actors.domain.hearing.state import (
    HEARD_CHARS,
    IDLE_LIMIT,
    SILENT,
    SPEAKERS_LIMIT,
    SPLIT_ARRIVAL_S,
    EndedBy,
    HearingOptions,
    HearingResult,
    HearingState,
    ListenMode,
    OpenUtterance,
)
from omi_actors.domain.hearing.waits import BEHIND_S, find_deadline, find_sign, is_ended_before, judge


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

    def __init__(self, state: HearingState, now_s: float, options: HearingOptions, began_s: float = 0.0) -> None:
        self._now_s = now_s
        # Start of the webhook's first segment.
        self._began_s = began_s
        self._options = options
        self._conversation_id = state.conversation_id
        self._open = {utterance.speaker: utterance for utterance in state.open_utterances}
        self._asked = AskedQuestions(state, now_s, options)
        self._ended = state.ended

    def finish(self) -> HearingResult:
        """Return the result. An empty state is always the same object, which saves memory in idle sessions."""
        utterances = tuple(self._open.values())
        deadline = min((find_deadline(utterance, self._options) for utterance in utterances), default=math.inf)
        # Without anything that may go on the next segment sets the conversation.
        conversation_id = self._conversation_id if utterances or self._ended is not None else ""
        asked = self._asked
        state = asked.write(conversation_id, utterances, self._ended)
        if state == SILENT:
            state = SILENT
        ends_at = None if deadline == math.inf else deadline
        return HearingResult(state, tuple(asked.questions), ends_at, asked.repeated, asked.not_meant)

    def close_expired(self, *, is_webhook: bool = False) -> None:
        """Close the utterances that silence has ended since the state was made.

        With more segments of a webhook the words of the same webhook end nothing yet: it may have more of them.
        """
        for speaker in tuple(self._open):
            # A wake phrase after a question that has ended leaves another open utterance.
            while speaker in self._open and self._is_expired(self._open[speaker], is_webhook=is_webhook):
                self._close(self._open[speaker], find_sign(self._open[speaker], self._options))

    def _is_expired(self, utterance: OpenUtterance, *, is_webhook: bool) -> bool:
        now_s = self._now_s
        latest = utterance.heard_at if utterance.others is None else utterance.others.at_s
        is_current = is_webhook and latest >= now_s
        is_split = utterance.question is None and now_s - utterance.heard_at > SPLIT_ARRIVAL_S
        return is_split or (find_deadline(utterance, self._options) <= now_s and not is_current)

    def take(self, segment: StoredSegment) -> None:
        """Add one segment to its speaker's utterance, or begin another."""
        if len(segment.text) > HEARD_CHARS:
            segment = replace(segment, text=segment.text[:HEARD_CHARS])
        if segment.conversation_id != self._conversation_id:
            self._begin_conversation(segment.conversation_id)
        self._hear_others(segment)
        self._asked.note_speaker(segment.speaker)
        utterance = self._open.pop(segment.speaker, None) or self._take_renamed(segment)
        if utterance is not None:
            self._add(utterance, segment)
        elif not self._reopen(segment):
            self._begin(segment)
        self._ended = forget(self._ended, segment, self._now_s)
        self._forget()

    def _add(self, utterance: OpenUtterance, segment: StoredSegment) -> None:
        grown = find_grown(utterance, segment)
        if grown is not None:
            self._parse(replace(utterance, pieces=grown, scanned=0), segment)
        elif segment.start_s < utterance.last_start_s:
            # A late segment is parsed alone: it does not continue the last one.
            self._parse(self._new_utterance(segment), segment, is_late=True)
            self._open[utterance.speaker] = utterance
        elif is_ended_before(utterance, segment, self._options):
            self._begin_after(utterance, segment, EndedBy.PAUSE)
        elif utterance.others is not None:
            self._take_after_others(utterance, segment)
        else:
            self._continue(utterance, segment)

    def _hear_others(self, segment: StoredSegment) -> None:
        """Note in the questions of other speakers that somebody speaks after them; end those that are over."""
        for utterance in tuple(self._open.values()):
            has_words = utterance.question is not None and bool(utterance.question.text)
            is_after = has_words and segment.end_s > utterance.last_end_s and utterance.speaker != segment.speaker
            if not is_after or is_piece(utterance.pieces, segment.key):
                continue
            if is_ended_before(utterance, segment, self._options):
                self._close(utterance)
                continue
            is_whole = segment.start_s >= utterance.last_end_s and judge(utterance) in (Ending.OVER, Ending.COMPLETE)
            self._open[utterance.speaker] = note_others(utterance, segment, self._now_s, is_answer=is_whole)

    def _take_after_others(self, utterance: OpenUtterance, segment: StoredSegment) -> None:
        """Take a speaker's words after those of others: they go on with the question, or are for the others.

        A question that was whole ends, unless they add to it. One that breaks off waits for what is missing.
        """
        assert utterance.question is not None  # noqa: S101 (only questions note others)
        assert utterance.others is not None  # noqa: S101 (the caller checked it)
        text = segment.text
        is_away = not may_wake(text, self._options.wake) and is_for_others(text, utterance.question.text)
        if not is_away and (adds_to(text) or not utterance.others.is_answer):
            self._continue(utterance, segment)
        elif judge(utterance) is Ending.UNFINISHED:
            self._open[utterance.speaker] = note_others(utterance, segment, self._now_s)
        else:
            self._begin_after(utterance, segment, EndedBy.SPEAKER)

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
        if self._needs_no_wake(segment) or not is_of_no_interest(segment.text, self._options.wake):
            self._parse(self._new_utterance(segment), segment)

    def _continue(self, utterance: OpenUtterance, segment: StoredSegment) -> None:
        if utterance.question is None and self._needs_no_wake(segment):
            utterance = self._new_utterance(segment)
        else:
            has_words = utterance.question is not None and bool(utterance.question.text)
            after_pause = not has_words and segment.start_s - utterance.last_end_s >= self._options.pause_s
            pieces = join(utterance.pieces, segment.key, segment.text, after_pause=after_pause)
            utterance = replace(utterance, pieces=pieces)
        self._parse(utterance, segment)

    def _begin_conversation(self, conversation_id: str) -> None:
        self._ended = None
        for utterance in tuple(self._open.values()):
            self._close(utterance)
        self._open.clear()
        self._conversation_id = conversation_id

    def _needs_no_wake(self, segment: StoredSegment) -> bool:
        mode, options = self._options.mode, self._options
        if follows_statement(self._ended, segment, self._now_s, options):
            return True
        if mode is ListenMode.FOLLOWUP:
            return self._asked.is_followed_by(segment.speaker)
        return mode is ListenMode.ALWAYS

    def _reopen(self, segment: StoredSegment) -> bool:
        """Go on with the question that a pause ended too early; the same words are no repetition then."""
        utterance = reopen(self._ended, segment, self._now_s, self._options)
        if utterance is None or utterance.question is None:
            return False
        self._ended = None
        self._asked.forget_words(utterance.question.text)
        self._parse(utterance, segment)
        return True

    def _new_utterance(self, segment: StoredSegment) -> OpenUtterance:
        pieces = (Piece(segment.key, segment.text),)
        start_s, now_s = segment.start_s, self._now_s
        without_wake = self._needs_no_wake(segment)
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

    def _parse(self, utterance: OpenUtterance, segment: StoredSegment, *, is_late: bool = False) -> None:
        """Accept the questions in an utterance. The rest of the utterance stays open."""
        options = self._options
        always = options.mode is ListenMode.ALWAYS
        rules = LineRules(options.wake, options.max_chars, without_wake=utterance.without_wake, always=always)
        parsed = parse_line(utterance.pieces, utterance.scanned, rules)
        is_user = segment.is_user and (utterance.question is None or utterance.is_user)
        start_s = segment.start_s if utterance.question is None else utterance.opened_start_s
        for found in parsed.found:
            by = Asked(utterance.speaker, self._now_s, start_s, is_user)
            self._asked.accept(found, by, self._conversation_id, EndedBy.WORDS)
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
            is_behind=parsed.question is not None and segment.start_s - self._began_s >= BEHIND_S,
        )
        if is_late:
            self._close(rest)
        elif rest.pieces:
            self._open[utterance.speaker] = rest

    def _close(self, utterance: OpenUtterance, ended_by: EndedBy = EndedBy.PAUSE) -> None:
        """End an utterance, and accept its open question."""
        self._open.pop(utterance.speaker, None)
        if utterance.question is not None and utterance.question.text:
            by = Asked(utterance.speaker, utterance.heard_at, utterance.opened_start_s, utterance.is_user)
            self._asked.accept(utterance.question, by, self._conversation_id, ended_by)
            self._ended = note_ended(utterance, ended_by) or self._ended
            if ended_by is EndedBy.WORDS:
                self._asked.note_language(utterance.question.text)
            if utterance.question.name_at:
                self._keep_name(utterance, utterance.question)

    def _keep_name(self, utterance: OpenUtterance, asked: FoundQuestion) -> None:
        """Keep the wake phrase after a question that has ended: the next words may be another question."""
        pieces = tuple(replace(one, asked=one.asked + (one.key == asked.key)) for one in utterance.pieces)
        parsed = parse_line(cut(pieces, asked.name_at), 0, LineRules(self._options.wake, self._options.max_chars))
        rest = replace(utterance, pieces=parsed.pieces, scanned=parsed.scanned, question=parsed.question, others=None)
        self._open[utterance.speaker] = rest

    def _begin_after(self, utterance: OpenUtterance, segment: StoredSegment, ended_by: EndedBy) -> None:
        """End an utterance before this segment, and go on with what is left of it, or begin another."""
        self._close(utterance, ended_by)
        rest = self._open.pop(segment.speaker, None)
        if rest is None:
            self._begin(segment)
        else:
            self._add(rest, segment)
