"""Judging what was heard in a case, and adding it up.

Not here: how it is printed (report.py). Threads: none.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import SequenceMatcher

from scripts.lab.hearing.cases import Case, Expected
from scripts.lab.hearing.play import Taken, play

# Questions that agree in this share of their characters are the same question, with other words around it.
_SAME_SHARE = 0.6
_PREFIX = "starts with: "


@dataclass(frozen=True, slots=True)
class Score:
    """Counts of questions: asked; taken; of these those that were asked, with the right words, at the right moment.

    `once`: of those asked, how many were taken exactly once, also when every webhook is sent twice.
    """

    asked: int = 0
    taken: int = 0
    right: int = 0
    once: int = 0
    worded: int = 0
    timely: int = 0

    def __add__(self, other: "Score") -> "Score":
        return Score(
            self.asked + other.asked,
            self.taken + other.taken,
            self.right + other.right,
            self.once + other.once,
            self.worded + other.worded,
            self.timely + other.timely,
        )

    @property
    def figures(self) -> dict[str, float]:
        """The shares, 1 where there was nothing to get wrong."""
        return {
            "precision": _share(self.right, self.taken),
            "recall": _share(self.right, self.asked),
            "exactly once": _share(self.once, self.asked),
            "content": _share(self.worded, self.right),
            "timing": _share(self.timely, self.right),
        }

    @property
    def is_perfect(self) -> bool:
        """Whether nothing went wrong."""
        return all(share == 1.0 for share in self.figures.values())


@dataclass(frozen=True, slots=True)
class Result:
    """A case and what became of it."""

    case: Case
    taken: tuple[Taken, ...]
    score: Score


def judge(case: Case) -> Result:
    """Play a case and count."""
    taken = play(case)
    pairs = _pair(case.expect, taken)
    again = play(case, repeated=True)
    score = Score(
        asked=len(case.expect),
        taken=len(taken),
        right=len(pairs),
        once=sum(
            _count(expected, taken) == _count(expected, again) == _wanted(expected, case) for expected in case.expect
        ),
        worded=sum(_is_worded(expected, one) for expected, one in pairs),
        timely=sum(expected.when == one.when for expected, one in pairs),
    )
    return Result(case, taken, score)


def add_up(results: Iterable[Result]) -> Score:
    """Return the sum of the results' counts."""
    return sum((result.score for result in results), Score())


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 1.0


def _pair(expect: tuple[Expected, ...], taken: tuple[Taken, ...]) -> list[tuple[Expected, Taken]]:
    """Give each question that was asked the first one taken that is like it."""
    left = list(taken)
    pairs = []
    for expected in expect:
        like = next((one for one in left if _is_worded(expected, one)), None)
        like = like or next((one for one in left if _is_like(expected, one)), None)
        if like is not None:
            left.remove(like)
            pairs.append((expected, like))
    return pairs


def _count(expected: Expected, taken: tuple[Taken, ...]) -> int:
    """Return how often a question was taken: by its words, or else by words like them."""
    worded = sum(_is_worded(expected, one) for one in taken)
    return worded or sum(_is_like(expected, one) for one in taken)


def _wanted(expected: Expected, case: Case) -> int:
    """Return how often it should be: once, but for one that was asked twice."""
    return sum(other.text == expected.text for other in case.expect)


def _is_worded(expected: Expected, taken: Taken) -> bool:
    if expected.text.startswith(_PREFIX):
        return taken.text.startswith(expected.text.removeprefix(_PREFIX))
    return taken.text == expected.text


def _is_like(expected: Expected, taken: Taken) -> bool:
    return SequenceMatcher(None, expected.text, taken.text, autojunk=False).ratio() >= _SAME_SHARE
