"""Curve of pauses: the share of questions that a pause cuts too early, against the dead air after those that are over.

Each question of the cases is read without its final mark, once with and once without other marks, since a mark ends it
at once. Its speaker hesitates once, between any two of its words. Not here: the cases (play.py). Threads: none.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from statistics import NormalDist
from typing import NamedTuple

from omi_actors.domain.hearing.pauses import judge_ending
from scripts.lab.hearing.play import Case

# Hesitations within a sentence: log-normal, with this median (s) and spread; one in twenty is longer than 1.6 s.
_MEDIAN_S, _SPREAD = 0.6, 0.6
# Seconds until the next word is spoken and written; only then it is known that the speaker goes on.
_NEXT_WORD_S = 0.3
PAUSES_S = (0.8, 1.0, 1.2, 1.4, 1.6, 1.8, 2.0, 2.5, 3.0)
_FINAL_MARKS = " ?？؟.!。！।"
_MARKS = str.maketrans("", "", ",.;:?!¿¡、。，！？،؛؟।")
_UNSPACED = "\u3000"


class Read(NamedTuple):
    """One question: the share of the usual pause that its words need, at each gap between them and at the end."""

    within: tuple[float, ...]
    at_end: float


class Point(NamedTuple):
    """One point of the curve: the share of questions that are cut, and seconds of dead air after the others."""

    cut: float
    mean_s: float
    p95_s: float


def read_questions(cases: Iterable[Case]) -> tuple[Read, ...]:
    """Return the questions of some cases as a pause meets them."""
    texts = {expected.text.rstrip(_FINAL_MARKS) for case in cases if not case.is_cut for expected in case.expect}
    return tuple(
        _read(style, is_marked=is_marked)
        for text in sorted(texts)
        for style, is_marked in ((text, True), (text.translate(_MARKS).lower(), False))
        if len(_split(style)) > 1
    )


def _split(text: str) -> list[str]:
    """Return the beginnings of a text that end with a word; in scripts without blanks, with every second letter."""
    if text[:1] >= _UNSPACED:
        return [text[:end] for end in range(2, len(text), 2)] + [text]
    words = text.split(" ")
    return [" ".join(words[: n + 1]) for n in range(len(words))]


def _read(text: str, *, is_marked: bool) -> Read:
    *within, whole = (judge_ending(part, is_marked=is_marked).value for part in _split(text))
    return Read(tuple(within), whole)


def find_point(questions: Sequence[Read], pause_s: float, *, adapts: bool) -> Point:
    """Return the point of a usual pause. If it does not adapt, it is the same after all words."""
    cut = sum(
        sum(_share_longer(pause_s * (share if adapts else 1.0)) for share in one.within) / len(one.within)
        for one in questions
    )
    waits = sorted(pause_s * (one.at_end if adapts else 1.0) for one in questions)
    return Point(cut / len(questions), sum(waits) / len(waits), waits[math.ceil(len(waits) * 0.95) - 1])


def _share_longer(wait_s: float) -> float:
    """Return the share of hesitations after which the next word comes later than `wait_s`."""
    hesitation_s = wait_s - _NEXT_WORD_S
    if hesitation_s <= 0:
        return 1.0
    return 1.0 - NormalDist(math.log(_MEDIAN_S), _SPREAD).cdf(math.log(hesitation_s))


def render_curve(cases: Iterable[Case]) -> Iterator[str]:
    """Return the curve as lines, for a pause that adapts to the words and for one that does not."""
    questions = read_questions(cases)
    yield f"{'usual pause (s)':22}{'cut':>7}{'mean air':>14}{'p95 air':>14}{'fixed: cut':>14}{'air':>14}"
    for pause_s in PAUSES_S:
        adapted, fixed = (find_point(questions, pause_s, adapts=adapts) for adapts in (True, False))
        figures = f"{adapted.cut:7.3f}{adapted.mean_s:14.2f}{adapted.p95_s:14.2f}{fixed.cut:14.3f}{fixed.mean_s:14.2f}"
        yield f"  {pause_s:<20.1f}{figures}"
