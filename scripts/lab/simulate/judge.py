"""The judgement of a simulation: what was asked against what reached the wearers.

The demo model repeats the question, so an answer shows which question was heard, letter by letter.
Not here: collecting what reached them (run.py). Threads: none, pure.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from enum import StrEnum

from scripts.lab.simulate.kinds import Kind

# The demo model's answer; "Again: " before it marks one that a crash cut.
_ANSWER = re.compile(r"(?P<again>Again: )?\[demo\] You asked: (?P<words>.*) Set OPENAI_API_KEY.*", re.DOTALL)
_LETTER = re.compile(r"[^\W_]")
# From this likeness on an answer with other words belongs to a question, and is wrong; below, nobody asked.
_LIKE = 0.5
# A reply may be read by us a moment after the question that it answers was due.
_EARLY_S = 0.05


class Way(StrEnum):
    """How an answer reached the wearer."""

    OWN_REPLY = "own_reply"
    LATER_REPLY = "later_reply"
    NOTIFICATION = "notification"


@dataclass(frozen=True, slots=True)
class Question:
    """What was asked; `asked_mono_s` is when the webhook with its last words, its body `webhook`, was due."""

    uid: str
    kind: Kind
    words: str
    webhook: str
    asked_mono_s: float


@dataclass(frozen=True, slots=True)
class Delivery:
    """A text that reached a wearer: in the reply to a webhook (its body), or, with "", by a notification."""

    uid: str
    text: str
    webhook: str
    at_mono_s: float


@dataclass(slots=True)
class Course:
    """One question, and all that came of it. `wrong` are answers to other words than those asked."""

    question: Question
    right: list[Delivery] = field(default_factory=list)
    wrong: list[Delivery] = field(default_factory=list)

    @property
    def is_answered_once(self) -> bool:
        """Tell whether exactly one answer came, to these words, with no mark of a crash."""
        return len(self.right) == 1 and not self.wrong and not self.right[0].text.startswith("Again: ")

    def way_of(self, delivery: Delivery) -> Way:
        """Return the way by which one of its answers came."""
        if not delivery.webhook:
            return Way.NOTIFICATION
        return Way.OWN_REPLY if delivery.webhook == self.question.webhook else Way.LATER_REPLY

    @property
    def latency_s(self) -> float:
        """Return the seconds from the last words' webhook to the answer."""
        return self.right[0].at_mono_s - self.question.asked_mono_s


@dataclass(slots=True)
class Verdict:
    """The courses of all questions, and what came although nobody had asked."""

    courses: list[Course]
    false_wakes: list[Delivery]

    @property
    def answered_once(self) -> list[Course]:
        """Return the questions with exactly one right answer."""
        return [course for course in self.courses if course.is_answered_once]

    @property
    def missing(self) -> list[Course]:
        """Return the questions with no answer at all."""
        return [course for course in self.courses if not course.right and not course.wrong]

    @property
    def duplicated(self) -> list[Course]:
        """Return the questions with more than one answer, or one that claims to be a repetition."""
        return [one for one in self.courses if (one.right or one.wrong) and not (one.is_answered_once or is_wrong(one))]

    @property
    def wrong(self) -> list[Course]:
        """Return the questions of which only other words were answered."""
        return [course for course in self.courses if is_wrong(course)]

    @property
    def is_good(self) -> bool:
        """Tell whether every question was answered exactly once, and nothing else was."""
        return len(self.answered_once) == len(self.courses) and not self.false_wakes


def is_wrong(course: Course) -> bool:
    """Tell whether a question's only answer is one to other words."""
    return not course.right and len(course.wrong) == 1


def judge(questions: Sequence[Question], deliveries: Sequence[Delivery]) -> Verdict:
    """Find for every delivery the question that it answers. `questions` are ordered by time."""
    verdict = Verdict([Course(question) for question in questions], [])
    by_uid: dict[str, list[Course]] = {}
    for course in verdict.courses:
        by_uid.setdefault(course.question.uid, []).append(course)
    for delivery in sorted(deliveries, key=lambda one: one.at_mono_s):
        if not _place(delivery, by_uid.get(delivery.uid, [])):
            verdict.false_wakes.append(delivery)
    return verdict


def _place(delivery: Delivery, courses: Sequence[Course]) -> bool:
    """Put a delivery to its question; False when nobody asked anything like it before."""
    match = _ANSWER.fullmatch(delivery.text)
    heard = _letters(match["words"]) if match else ""
    asked = [one for one in courses if one.question.asked_mono_s <= delivery.at_mono_s + _EARLY_S]
    same = [one for one in asked if _letters(one.question.words) == heard]
    if same:
        next((one for one in same if not one.right), same[-1]).right.append(delivery)
        return True
    # Half of a question may be answered before its other half is said, so later ones count too.
    like = [(one, _likeness(_letters(one.question.words), heard)) for one in courses]
    near = [(likeness, not one.right, -abs(one.question.asked_mono_s - delivery.at_mono_s)) for one, likeness in like]
    best = max(range(len(courses)), key=near.__getitem__, default=None)
    if best is None or near[best][0] < _LIKE:
        return False
    courses[best].wrong.append(delivery)
    return True


def _letters(words: str) -> str:
    """Return letters and digits alone: speech has no punctuation, and not everybody's writing has blanks."""
    return "".join(_LETTER.findall(words.casefold()))


def _likeness(asked: str, heard: str) -> float:
    """Return from 0 to 1 how much of what was asked was heard, or the other way round: 1 when one holds the other."""
    if not heard or not asked:
        return 0.0
    if heard in asked or asked in heard:
        return 1.0
    return SequenceMatcher(None, asked, heard, autojunk=False).ratio()
