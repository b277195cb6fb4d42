"""Asked questions: decide which of the questions that are found are accepted: new ones that are for the wearable.

Not here: finding them (utterances.py, speech.py), the words that decide if they are meant (meant.py).
Threads: any; pure.
"""

import math
from typing import NamedTuple

from omi_actors.domain.hearing.language import ENGLISH, guess_language
from omi_actors.domain.hearing.meant import (
    ANY_TIME,
    CLEAR,
    FOLLOWING,
    Moment,
    find_topic,
    is_meant,
    speaks_to_person,
    weigh,
)
from omi_actors.domain.hearing.repetition import is_beginning, is_near_duplicate, normalise
from omi_actors.domain.hearing.speech import FoundQuestion
from omi_actors.domain.hearing.state import (
    ASKED_LIMIT,
    Doubt,
    Ended,
    EndedBy,
    HearingOptions,
    HearingState,
    ListenMode,
    OpenUtterance,
    Question,
)

# Questions whose words are remembered for `near_duplicate_s`.
_RECENT_LIMIT = 3


class Asked(NamedTuple):
    """Circumstances of a question: who asked, when its last words arrived, the start of its first segment."""

    speaker: str
    at_s: float
    start_s: float
    is_user: bool


class AskedQuestions:
    """Questions that a decision accepts, with what a state remembers of the latest ones."""

    def __init__(self, state: HearingState, now_s: float, options: HearingOptions) -> None:
        self._now_s = now_s
        self._options = options
        self._asked = state.asked
        self._recent = tuple(known for known in state.recent if now_s - known[1] < options.near_duplicate_s)
        self._asker = state.asker
        self._replied_at = state.replied_at
        self._moment = state.moment
        self.questions: list[Question] = []
        self.repeated = self.not_meant = 0

    def write(self, conversation_id: str, utterances: tuple[OpenUtterance, ...], ended: Ended | None) -> HearingState:
        """Return the next state, with these utterances and the question that has just ended."""
        remembered = (self._asked, self._recent, self._asker, self._replied_at, self._moment)
        return HearingState(conversation_id, utterances, *remembered, ended)

    def is_followed_by(self, speaker: str) -> bool:
        """Return True while this speaker's next question needs no wake phrase: after the reply to the latest one."""
        return speaker == self._asker and 0.0 <= self._now_s - self._replied_at <= self._options.followup_s

    def note_speaker(self, speaker: str) -> None:
        """Note who speaks: words of others after a reply make it less likely that a follow-up is meant."""
        if self._moment is not None and self._replied_at > -math.inf and speaker != self._asker:
            self._moment = self._moment._replace(is_among_others=True)

    def note_language(self, statement: str) -> None:
        """Remember the language of a statement. English is also the guess for words that show none."""
        code = guess_language(statement)
        if self._moment is None and code != ENGLISH:
            self._moment = Moment(language=code)

    def forget_words(self, text: str) -> None:
        """Forget the words of a question that is asked anew."""
        words = normalise(text)
        self._recent = tuple(known for known in self._recent if known[0] != words)

    def accept(self, found: FoundQuestion, by: Asked, conversation_id: str, ended_by: EndedBy) -> None:
        """Accept a question, unless it is for others, or known: from the same place, or in nearly the same words."""
        words = normalise(found.text)
        asked, digest = dict(self._asked), hash(found.key)
        if found.ordinal <= asked.pop(digest, -1):
            return
        is_known = any(_is_again(words, by.start_s, known) for known in self._recent)
        doubt = Doubt.NONE if is_known else self._find_doubt(found, by)
        if doubt is None:
            self.not_meant += 1
            return
        self._asked = (*asked.items(), (digest, found.ordinal))[-ASKED_LIMIT:]
        if is_known:
            self.repeated += 1
            return
        self._recent = (*self._recent[-(_RECENT_LIMIT - 1) :], (words, self._now_s, by.start_s))
        self._asker = by.speaker
        self._replied_at = -math.inf
        self._moment = None
        if self._options.mode is not ListenMode.TRIGGER:
            self._moment = Moment(0.0, find_topic(found.text), guess_language(found.text), is_owners=by.is_user)
        place = (found.key, conversation_id, found.ordinal)
        signs = (not found.has_wake, ended_by, doubt)
        self.questions.append(Question(found.text, *place, by.speaker, by.at_s, by.is_user, *signs))

    def _find_doubt(self, found: FoundQuestion, by: Asked) -> Doubt | None:
        """Return why a question may not be for the wearable; None if it is not, by its words and the moment."""
        if found.has_wake:
            return Doubt.MENTIONED if found.may_be_mention else Doubt.NONE
        moment, mode = self._moment or Moment(), self._options.mode
        if moment.is_owners and not by.is_user:
            moment = moment._replace(is_among_others=True)
        if mode is ListenMode.ALWAYS:
            return Doubt.UNNAMED if is_meant(found.text, moment, ANY_TIME) else None
        if mode is ListenMode.TRIGGER and speaks_to_person(found.text, found.text):
            # It follows a statement, not an answer: others are as near as the wearable.
            return None
        if self._replied_at > -math.inf:
            moment = moment._replace(after_s=by.at_s - self._replied_at)
        weight = sum(weigh(found.text, moment, found.after).values())
        if weight < FOLLOWING:
            return None
        return Doubt.UNNAMED if weight < CLEAR else Doubt.NONE


def _is_again(words: str, start_s: float, known: tuple[str, float, float]) -> bool:
    """Return True for a known question in nearly the same words, or in a longer version of the same segment."""
    is_grown = start_s == known[2] and (is_beginning(known[0], words) or is_beginning(words, known[0]))
    return is_grown or is_near_duplicate(words, known[0])
