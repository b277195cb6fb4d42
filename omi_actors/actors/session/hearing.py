"""A session's hearing: its open utterance, and the preferences of its person, from one turn to the next.

Part of the session actor: called in its turns only. Its methods decide; after the commit `keep` takes the new state.
Not here: the search for questions (domain/hearing/hearing.py), the commit and the timer (actor.py).
Threads: the event loop.
"""

import dataclasses

from msgspec.structs import replace

from omi_actors.actors.queue.messages import AnswerNotified, AnswerReady, QuestionWithdrawn
from omi_actors.actors.session.messages import AnswerFound, ReplySent
from omi_actors.domain.answers.delivery_records import DeliveryState, OpenAnswer
from omi_actors.domain.answers.sentences import SENTENCES
from omi_actors.domain.hearing.hearing import (
    close_questions,
    cut_into_slices,
    end_by_words,
    hear,
    note_answer,
    note_not_meant,
    note_reply,
    pause_over,
    recall,
    relabel,
    select_heard,
)
from omi_actors.domain.hearing.language import ENGLISH
from omi_actors.domain.hearing.state import SILENT, HearingOptions, HearingResult, ListenMode, Question
from omi_actors.domain.people.preferences import Preferences, build_options
from omi_actors.domain.sessions.records import SessionRecord
from omi_actors.domain.sessions.transcript import Growth, Progress
from omi_actors.instruments import metrics
from omi_actors.kit.runtime import Runtime
from omi_actors.store.facade import Store
from omi_actors.store.people.meetings import keep_meeting


class SessionHearing:
    """Hearing of one session. At `deadline` (UTC seconds) a pause ends the open utterance; None: none is open.

    `listening_until` is the deadline as stored.
    """

    # No reference to the actor: the garbage collector is off for such cycles, one in each session.
    __slots__ = ("_defaults", "_options", "_silent", "_state", "_unasked", "deadline", "listening_until", "preferences")

    def __init__(self, options: HearingOptions) -> None:
        self._defaults = self._options = self._silent = options
        # None: the session is nobody's, or its person has none.
        self.preferences: Preferences | None = None
        self._state = SILENT
        # Questions that ended before a crash of this session and were not committed.
        self._unasked: tuple[Question, ...] = ()
        self.deadline: float | None = None
        self.listening_until: float | None = None

    def follow(self, preferences: Preferences | None) -> None:
        """Hear by the preferences of the session's person from now on."""
        self.preferences = preferences
        self._options = self._silent = self._defaults
        if preferences is not None:
            self._options = build_options(self._defaults, preferences)
            self._silent = dataclasses.replace(self._options, mode=ListenMode.NEVER)

    @property
    def language(self) -> str:
        """Return the language that the person wants answers in; "" is that of the question."""
        return "" if self.preferences is None else self.preferences.language

    def is_silent(self, now_s: float) -> bool:
        """Return True if speech is only stored now, and nothing is said."""
        return self.preferences is not None and self.preferences.wants_no_answers(now_s)

    def _options_at(self, now_s: float) -> HearingOptions:
        return self._silent if self.is_silent(now_s) else self._options

    async def hear(self, growth: Growth, now_s: float, runtime: Runtime) -> HearingResult:
        """Find questions in new segments, a slice at a time: many segments at once would block the loop."""
        heard = HearingResult(relabel(self._state, growth.corrected), self._unasked, None)
        options = self._options_at(now_s)
        heard_segments = select_heard(growth.fresh, options, knows_user=growth.progress.knows_user)
        began_s = heard_segments[0].start_s if heard_segments else None
        repeated = not_meant = 0
        for number, part in enumerate(cut_into_slices(heard_segments)):
            if number:
                await runtime.pause()
            before = heard.questions
            heard = hear(heard.state, part, now_s, options, began_s=began_s)
            if before:
                heard = replace(heard, questions=(*before, *heard.questions))
            repeated += heard.repeated
            not_meant += heard.not_meant
        heard = replace(heard, repeated=repeated, not_meant=not_meant) if repeated or not_meant else heard
        return end_by_words(heard, now_s, options)

    def pass_over(self, growth: Growth) -> HearingResult:
        """Return the result of segments that are only stored: the open utterance goes on as it was."""
        return HearingResult(relabel(self._state, growth.corrected), self._unasked, self.deadline)

    def end_pause(self, now_s: float) -> HearingResult:
        """Return the result of a pause: the open utterance ends."""
        heard = pause_over(self._state, now_s, self._options_at(now_s))
        return replace(heard, questions=(*self._unasked, *heard.questions))

    def is_news(self, heard: HearingResult) -> bool:
        """Return True if the result must be committed even if the turn has nothing else to commit."""
        return bool(heard.questions) or (heard.deadline is None) != (self.listening_until is None)

    def keep(self, heard: HearingResult) -> None:
        """Remember a result, after its commit."""
        if heard.not_meant:
            metrics.NOT_MEANT.labels("words").inc(heard.not_meant)
        self._state = heard.state
        self._unasked = ()
        self.deadline = heard.deadline

    def take_over(self, record: SessionRecord, now_s: float) -> None:
        """Continue from the stored session."""
        options = self._options_at(now_s)
        # What was said in silence stays unanswered afterwards.
        heard = [one for one in record.recent_segments if one.text and not self.is_silent(one.created_at)]
        segments = select_heard(heard, options, knows_user=record.knows_user)
        recalled = recall(segments, record.asked, now_s, options)
        self.listening_until = record.listening_until
        # Without a stored deadline no question was open: what looks like one was only stored. Nothing of it is asked.
        was_listening = record.listening_until is not None
        self._state = recalled.state if was_listening else close_questions(recalled.state)
        self._unasked = recalled.questions if was_listening else ()
        self.deadline = (now_s if self._unasked else recalled.deadline) if was_listening else None

    async def end_meeting(self, progress: Progress, store: Store, now_s: float) -> str | None:
        """Keep the transcript of a meeting that has ended as a memory. Return what its person is told, if anything.

        Raises:
            ExpectedError: it is not kept. Its segments are; a repetition of the webhook keeps it.
        """
        preferences = self.preferences
        if preferences is None or not preferences.is_meeting or progress.conversation_id is None:
            return None
        is_kept = await store.write_alone(keep_meeting, progress.session_id, progress.conversation_id)
        if not is_kept or preferences.wants_silence(now_s):
            return None
        return SENTENCES[preferences.language or ENGLISH].meeting

    def note(self, message: object, now_s: float) -> None:
        """Note an answer. A follow-up then needs no wake phrase; after a failure the question may be repeated."""
        match message:
            case AnswerReady(is_failure=True) | AnswerFound(answer=OpenAnswer(kind="failure")):
                self._state = note_reply(self._state, now_s, was_answered=False)
            case AnswerReady(text=text) | AnswerFound(answer=OpenAnswer(text=text)):
                self._state = note_answer(self._state, text)
            case QuestionWithdrawn():
                self._state = note_not_meant(self._state)
            case ReplySent(reached=True, is_spoken=True) | AnswerNotified(state=DeliveryState.SENT):
                self._state = note_reply(self._state, now_s)
