"""Judgement of a simulation: compare the questions asked with the answers that reached the wearers.

The demo model repeats the question, so an answer shows exactly which words were heard.
Not here: collecting the answers (run.py). Threads: any; pure.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from enum import StrEnum

from scripts.lab.simulate.kinds import Kind

# Answer of the demo model; "Again: " before it marks one that a crash interrupted.
_ANSWER = re.compile(r"(?P<again>Again: )?\[demo\] You asked: (?P<words>.*) Set OPENAI_API_KEY.*", re.DOTALL)
_LETTER = re.compile(r"[^\W_]")
# Likeness from which an answer with other words counts as a wrong answer to a question, not as a false wake.
_LIKE = 0.5
# Tolerance (s): a reply may be read a moment before its question was due.
_EARLY_S = 0.05


class Channel(StrEnum):
    """Channel by which an answer reached the wearer."""

    OWN_REPLY = "own_reply"
    LATER_REPLY = "later_reply"
    NOTIFICATION = "notification"
    KEPT = "kept"


@dataclass(frozen=True, slots=True)
class AskedQuestion:
    """A question of the plan. `webhook` is the body with its last words; it was due at `asked_mono_s`."""

    uid: str
    kind: Kind
    words: str
    webhook: str
    asked_mono_s: float


@dataclass(frozen=True, slots=True)
class Delivery:
    """A text that reached a wearer. `webhook` is the body of the webhook with this reply; "" means a notification.

    `was_kept`: it waited for a contact that the plan does not have.
    """

    uid: str
    text: str
    webhook: str
    at_mono_s: float
    was_kept: bool = False


@dataclass(slots=True)
class Outcome:
    """A question with its answers; `wrong` holds answers to other words."""

    question: AskedQuestion
    right: list[Delivery] = field(default_factory=list)
    wrong: list[Delivery] = field(default_factory=list)

    @property
    def is_answered_once(self) -> bool:
        """Return True for exactly one answer, to these words, without the mark of a crash."""
        return len(self.right) == 1 and not self.wrong and not self.right[0].text.startswith("Again: ")

    def channel_of(self, delivery: Delivery) -> Channel:
        """Return the channel by which an answer arrived."""
        if delivery.was_kept:
            return Channel.KEPT
        if not delivery.webhook:
            return Channel.NOTIFICATION
        return Channel.OWN_REPLY if delivery.webhook == self.question.webhook else Channel.LATER_REPLY

    @property
    def latency_s(self) -> float:
        """Return the seconds from the last words' webhook to the answer."""
        return self.right[0].at_mono_s - self.question.asked_mono_s


@dataclass(slots=True)
class Verdict:
    """Outcomes of all questions, and the answers without a question."""

    outcomes: list[Outcome]
    false_wakes: list[Delivery]

    @property
    def answered_once(self) -> list[Outcome]:
        """Return the questions with exactly one right answer."""
        return [outcome for outcome in self.outcomes if outcome.is_answered_once]

    @property
    def missing(self) -> list[Outcome]:
        """Return the questions with no answer at all."""
        return [outcome for outcome in self.outcomes if not outcome.right and not outcome.wrong]

    @property
    def duplicated(self) -> list[Outcome]:
        """Return the questions with more than one answer, or with an answer that is marked as a repetition."""
        return [
            one for one in self.outcomes if (one.right or one.wrong) and not (one.is_answered_once or is_wrong(one))
        ]

    @property
    def wrong(self) -> list[Outcome]:
        """Return the questions that have only an answer to other words."""
        return [outcome for outcome in self.outcomes if is_wrong(outcome)]

    @property
    def is_good(self) -> bool:
        """Return True if every question is answered exactly once, and there is no other answer."""
        return len(self.answered_once) == len(self.outcomes) and not self.false_wakes


def is_wrong(outcome: Outcome) -> bool:
    """Return True if the question has only an answer to other words."""
    return not outcome.right and len(outcome.wrong) == 1


def judge(questions: Sequence[AskedQuestion], deliveries: Sequence[Delivery]) -> Verdict:
    """Assign every delivery to the question that it answers. `questions` are ordered by time."""
    verdict = Verdict([Outcome(question) for question in questions], [])
    by_uid: dict[str, list[Outcome]] = {}
    for outcome in verdict.outcomes:
        by_uid.setdefault(outcome.question.uid, []).append(outcome)
    for delivery in sorted(deliveries, key=lambda one: one.at_mono_s):
        if not _place(delivery, by_uid.get(delivery.uid, [])):
            verdict.false_wakes.append(delivery)
    return verdict


def _place(delivery: Delivery, outcomes: Sequence[Outcome]) -> bool:
    """Assign a delivery to its question; False when no similar question was asked before."""
    match = _ANSWER.fullmatch(delivery.text)
    heard = letters(match["words"]) if match else ""
    asked = [one for one in outcomes if one.question.asked_mono_s <= delivery.at_mono_s + _EARLY_S]
    same = [one for one in asked if letters(one.question.words) == heard]
    if same:
        next((one for one in same if not one.right), same[-1]).right.append(delivery)
        return True
    # Later questions count too, since half of a question may be answered before its other half is spoken.
    like = [(one, _likeness(letters(one.question.words), heard)) for one in outcomes]
    near = [(likeness, not one.right, -abs(one.question.asked_mono_s - delivery.at_mono_s)) for one, likeness in like]
    best = max(range(len(outcomes)), key=near.__getitem__, default=None)
    if best is None or near[best][0] < _LIKE:
        return False
    outcomes[best].wrong.append(delivery)
    return True


def letters(words: str) -> str:
    """Remove all characters except letters and digits: speech has no punctuation, and some languages use no blanks."""
    return "".join(_LETTER.findall(words.casefold()))


def _likeness(asked: str, heard: str) -> float:
    """Return the likeness of two texts from 0 to 1; 1 when one contains the other."""
    if not heard or not asked:
        return 0.0
    if heard in asked or asked in heard:
        return 1.0
    return SequenceMatcher(None, asked, heard, autojunk=False).ratio()
