"""Scores of hearing: compare the questions found in a case with the expected ones, add up, and report.

Not here: playing a case (play.py). Threads: none.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from omi_actors.domain.hearing.state import EndedBy
from scripts.lab.hearing.play import Case, Expected, Taken, play

# Share of equal characters from which two texts are the same question with other words around it.
_SAME_SHARE = 0.6
_PREFIX = "starts with: "


@dataclass(frozen=True, slots=True)
class Score:
    """Counts of questions: asked; found (`taken`); found and right; and of the right ones, with exact words or in time.

    `once` counts asked questions that were found exactly once, even if every webhook is sent twice.
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
        """Return each figure as a share from 0 to 1; 1 if nothing was counted."""
        return {
            "precision": _share(self.right, self.taken),
            "recall": _share(self.right, self.asked),
            "exactly once": _share(self.once, self.asked),
            "content": _share(self.worded, self.right),
            "timing": _share(self.timely, self.right),
        }

    @property
    def is_perfect(self) -> bool:
        """Return True if every figure is 1.0."""
        return all(share == 1.0 for share in self.figures.values())


@dataclass(frozen=True, slots=True)
class Result:
    """A case with the questions found and its score."""

    case: Case
    taken: tuple[Taken, ...]
    score: Score


def judge(case: Case) -> Result:
    """Play a case and score it."""
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
    """Add the scores of some results."""
    return sum((result.score for result in results), Score())


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 1.0


def _pair(expect: tuple[Expected, ...], taken: tuple[Taken, ...]) -> list[tuple[Expected, Taken]]:
    """Pair each expected question with the first similar question that was found."""
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
    """Count the found questions with these words, or else with similar words."""
    worded = sum(_is_worded(expected, one) for one in taken)
    return worded or sum(_is_like(expected, one) for one in taken)


def _wanted(expected: Expected, case: Case) -> int:
    """Return how often this question is asked in the case."""
    return sum(other.text == expected.text for other in case.expect)


def _is_worded(expected: Expected, taken: Taken) -> bool:
    if expected.text.startswith(_PREFIX):
        return taken.text.startswith(expected.text.removeprefix(_PREFIX))
    return taken.text == expected.text


def _is_like(expected: Expected, taken: Taken) -> bool:
    return SequenceMatcher(None, expected.text, taken.text, autojunk=False).ratio() >= _SAME_SHARE


# Least overall figure of the tuned and of the held-out cases.
REQUIRED = 0.985
# Longest seconds to an answer: the median where the words end the question, and the 95th percentile over all.
REQUIRED_P50_S, REQUIRED_P95_S = 0.3, 2.8


def render_report(results: Sequence[Result], *, failures: bool = False) -> Iterator[str]:
    """Return the report's lines. `failures` adds errors in tuned cases; those in held-out cases are never shown."""
    for title, part in _parts(results):
        yield from _render_part(title, part)
        yield from _render_times(part)
    if failures:
        for result in results:
            if not result.score.is_perfect and not result.case.is_held_out:
                yield f"{result.case.id}: expected {_pairs(result.case.expect)}, heard {_pairs(result.taken)}"


def is_good_enough(results: Sequence[Result]) -> bool:
    """Return True if every overall figure reaches `REQUIRED`, and the answers leave soon enough."""
    return all(min(add_up(part).figures.values()) >= REQUIRED and _is_soon(part) for _, part in _parts(results))


def _is_soon(results: Sequence[Result]) -> bool:
    by_words = _times(results, EndedBy.WORDS)
    return quantile(by_words, 0.5) <= REQUIRED_P50_S and quantile(_times(results), 0.95) <= REQUIRED_P95_S


def _times(results: Sequence[Result], ended_by: str = "") -> list[float]:
    """Return the seconds to the answers, in order; of the questions that this sign ended, or of all."""
    return sorted(
        one.leaves_s for result in results for one in result.taken if one.ended_by == ended_by or not ended_by
    )


def quantile(times: Sequence[float], share: float) -> float:
    """Return the value that this share of ordered times does not exceed; 0 without times."""
    return times[math.ceil(share * len(times)) - 1] if times else 0.0


def _render_times(results: Sequence[Result]) -> Iterator[str]:
    yield f"{'time to answer (s)':22}{'count':>7}{'p50':>14}{'p95':>14}{'longest':>14}"
    for name in ("", *EndedBy):
        times = _times(results, name)
        if times:
            figures = "".join(f"{quantile(times, share):14.2f}" for share in (0.5, 0.95, 1.0))
            yield f"  {name or 'all':20}{len(times):7}{figures}"
    yield ""


def _parts(results: Sequence[Result]) -> tuple[tuple[str, list[Result]], ...]:
    return (
        ("tuned", [result for result in results if not result.case.is_held_out]),
        ("held out", [result for result in results if result.case.is_held_out]),
    )


def _render_part(title: str, results: Sequence[Result]) -> Iterator[str]:
    names = Score().figures
    yield f"{title:22}{'cases':>7}" + "".join(f"{name:>14}" for name in names)
    yield _line("all", results)
    yield from _groups(results, lambda result: result.case.language)
    yield from _groups(results, lambda result: result.case.kind)
    yield ""


def _groups(results: Sequence[Result], key: Callable[[Result], str]) -> Iterator[str]:
    for name in sorted({key(result) for result in results}):
        yield _line(name, [result for result in results if key(result) == name])


def _line(name: str, results: Sequence[Result]) -> str:
    figures = add_up(results).figures
    return f"  {name:20}{len(results):7}" + "".join(f"{share:14.3f}" for share in figures.values())


def _pairs(questions: Sequence[object]) -> str:
    return str([tuple(getattr(question, name) for name in ("text", "when")) for question in questions])
