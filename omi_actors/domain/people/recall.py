"""Recall: finds those of a person's texts that a question asks for, by their words alone.

Each text counts as two documents, itself and itself with its neighbours, since an answer often stands beside the words
of its question. Stop words and speakers' names do not count.
Not here: scores (scores.py), folds of words (words.py), dates (dates.py), rows and indexes (store/people/recall.py).
Threads: any; pure.
"""

import datetime as dt
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from omi_actors.domain.people.dates import Terms, build_date_terms, find_dates
from omi_actors.domain.people.words import STOP_WORDS, fold_text, fold_word, split_words

# Terms that are no words of the text begin with this sign, which no word has.
SIGN = "_"
_SPEAKER, QUESTION = "_s", "_q"
# Characters of a question that are read.
_MAX_CHARS = 2_000
# Different words of a question that count: those of a long one say less each, and each costs a query.
MAX_WORDS = 24
# Texts of one word that are looked at. A word in more texts of a person says little; others choose the candidates.
MAX_POSTINGS = 2_000
# Texts that are scored exactly.
MAX_CANDIDATES = 300
# Characters of a word that may be a part of another one, as "termin" is of "zahnarzttermin".
PART_CHARS = 5
_ENDS_OFQUESTIONS = ("?", "？", "؟")


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """Weights of a score, tuned on half of the questions of `scripts/recall`.

    `k1` and `b` are BM25's; `alone` and `among` weigh the text itself and the text among its neighbours. `speaker` is
    the bonus for a named speaker, `date` the weight of a named date, `asks` the factor of a text that is a question.
    `usual` is the part of its score that a text loses if all its other words are usual ones.
    """

    k1: float = 0.9
    b: float = 0.3
    alone: float = 0.4
    among: float = 0.8
    reply: float = 1.0
    part: float = 0.5
    speaker: float = 0.5
    date: float = 1.5
    asks: float = 0.4
    usual: float = 0.6


WEIGHTS = Weights()


@dataclass(frozen=True, slots=True, kw_only=True)
class RecallQuery:
    """A question as recall reads it: groups of terms, of which a text needs one each, and the speakers that it names.

    A group has one word, or all days of a date.
    """

    groups: tuple[Terms, ...]
    speakers: frozenset[str] = frozenset()

    @property
    def terms(self) -> Terms:
        """Return all terms of the groups, each once."""
        return tuple(dict.fromkeys(term for group in self.groups for term in group))


class IndexedText(NamedTuple):
    """A text in the index. `follows`: the text with the number before is its neighbour in the conversation."""

    terms: Sequence[str]
    follows: bool


def build_terms(text: str, *, at: float, zone: dt.tzinfo, speaker: str = "") -> list[str]:
    """Return the index terms of a text that was said at `at` (UTC seconds)."""
    marks = [*build_date_terms(at, zone), *(f"{_SPEAKER}{name}" for name in fold_names(speaker))]
    if text.rstrip().endswith(_ENDS_OFQUESTIONS):
        marks.append(QUESTION)
    return [*fold_text(text), *marks]


def fold_names(speaker: str) -> tuple[str, ...]:
    """Return the folds of a speaker's names. Labels without a name, such as SPEAKER_00, have none."""
    words = split_words(speaker)
    is_label = bool(words) and words[0] in ("speaker", "user") and all(word.isdigit() for word in words[1:])
    return () if is_label else tuple(fold_word(word) for word in words if word not in STOP_WORDS)


def build_query(question: str, *, speakers: Collection[str], today: dt.date) -> RecallQuery:
    """Return a question as terms. `speakers` are the folded names of all speakers; they do not count as words."""
    asked = question[:_MAX_CHARS]
    words = [*dict.fromkeys(fold_text(asked))]
    named = frozenset(word for word in words if word in speakers)
    kept = [word for word in words if word not in named][:MAX_WORDS]
    groups = (*(_with_parts(word) for word in kept), *dict.fromkeys(find_dates(asked, today)))
    return RecallQuery(groups=groups, speakers=frozenset(f"{_SPEAKER}{name}" for name in named))


def _with_parts(word: str) -> Terms:
    """Return a word with all beginnings and endings that may be words of their own, as of a German compound."""
    cuts = range(PART_CHARS, len(word) - PART_CHARS + 1)
    return (word, *dict.fromkeys(fold_word(part) for cut in cuts for part in (word[:cut], word[cut:])))


def choose_candidates(query: RecallQuery, postings: Mapping[str, Sequence[int]], total: int) -> list[int]:
    """Return the numbers of the texts that are worth an exact score, the most promising first.

    `postings` has the texts of each term, at most MAX_POSTINGS + 1. `total` counts the person's texts.
    """
    groups = [find_group(group, postings) for group in query.groups]
    alone: dict[int, float] = {}
    for numbers in [one for one in groups if len(one) <= MAX_POSTINGS] or groups:
        weight = idf(len(numbers), total)
        again = {number: alone[number] + weight for number in alone.keys() & set(numbers)}
        alone.update(dict.fromkeys(numbers, weight))
        alone.update(again)
    among = _add_neighbours(alone)
    # All that may be among the best, then these in their order: a sort of numbers alone is quick.
    least = 0.0 if len(among) <= MAX_CANDIDATES else sorted(among.values())[-MAX_CANDIDATES]
    best = sorted([(-weight, -number) for number, weight in among.items() if weight >= least])[:MAX_CANDIDATES]
    return [-number for _weight, number in best]


def _add_neighbours(alone: Mapping[int, float]) -> dict[int, float]:
    """Return the weights of texts with those of their neighbours, of which some have no word of the question."""
    share = WEIGHTS.among
    before = {number - 1: share * weight for number, weight in alone.items()}
    after = {number + 1: share * weight for number, weight in alone.items()}
    among = {**before, **after, **alone}
    for number in (before.keys() & after.keys()) | (alone.keys() & (before.keys() | after.keys())):
        among[number] = alone.get(number, 0.0) + before.get(number, 0.0) + after.get(number, 0.0)
    return among


def find_group(group: Terms, postings: Mapping[str, Sequence[int]]) -> Collection[int]:
    """Return the texts that have a term of the group."""
    if len(group) == 1:
        return postings.get(group[0], ())
    return {number for term in group for number in postings.get(term, ())}


def idf(count: int, total: int) -> float:
    """Return the weight of what stands in `count` of a person's texts: the rarer, the heavier."""
    return math.log(1.0 + (max(total, count) - count + 0.5) / (count + 0.5))
