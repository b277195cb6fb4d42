"""Recall: finds those of a person's texts that a question asks for, by their words alone.

Each text counts as two documents, itself and itself with its neighbours, since an answer often stands beside the words
of its question. Both are scored by BM25 over the person's own texts. Stop words and speakers' names do not count;
a text by a speaker that the question names gets a small bonus.
Not here: folds of words (words.py), dates (dates.py), rows and indexes (store/people/recall.py). Threads: any; pure.
"""

import datetime as dt
import math
from bisect import insort
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import NamedTuple

from omi_actors.domain.people.dates import Terms, build_date_terms, find_dates
from omi_actors.domain.people.words import STOP_WORDS, fold_text, fold_word, split_words

# Terms that are no words of the text begin with this sign, which no word has.
SIGN = "_"
_SPEAKER, _QUESTION = "_s", "_q"
# Characters of a question that are read.
_MAX_CHARS = 2_000
# Different words of a question that count: those of a long one say less each, and each costs a query.
MAX_WORDS = 24
# Texts of one word that are looked at. A word in more texts of a person says little; others choose the candidates.
MAX_POSTINGS = 2_000
# Texts that are scored exactly.
MAX_CANDIDATES = 300
# Characters of a word that may be a part of another one, as "termin" is of "zahnarzttermin".
_PART_CHARS = 5
_ENDS_OF_QUESTIONS = ("?", "？", "؟")


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


@dataclass(frozen=True, slots=True)
class Scored:
    """A text's number in the index, and its score."""

    number: int
    score: float


def build_terms(text: str, *, at: float, zone: dt.tzinfo, speaker: str = "") -> list[str]:
    """Return the index terms of a text that was said at `at` (UTC seconds)."""
    marks = [*build_date_terms(at, zone), *(f"{_SPEAKER}{name}" for name in fold_names(speaker))]
    if text.rstrip().endswith(_ENDS_OF_QUESTIONS):
        marks.append(_QUESTION)
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
    cuts = range(_PART_CHARS, len(word) - _PART_CHARS + 1)
    return (word, *dict.fromkeys(fold_word(part) for cut in cuts for part in (word[:cut], word[cut:])))


def choose_candidates(query: RecallQuery, postings: Mapping[str, Sequence[int]], total: int) -> list[int]:
    """Return the numbers of the texts that are worth an exact score, the most promising first.

    `postings` has the texts of each term, at most MAX_POSTINGS + 1. `total` counts the person's texts.
    """
    groups = [_find_group(group, postings) for group in query.groups]
    alone: dict[int, float] = {}
    for numbers in [one for one in groups if len(one) <= MAX_POSTINGS] or groups:
        weight = _idf(len(numbers), total)
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


def _find_group(group: Terms, postings: Mapping[str, Sequence[int]]) -> Collection[int]:
    if len(group) == 1:
        return postings.get(group[0], ())
    return {number for term in group for number in postings.get(term, ())}


def _idf(count: int, total: int) -> float:
    return math.log(1.0 + (max(total, count) - count + 0.5) / (count + 0.5))


def rank(
    query: RecallQuery,
    candidates: Iterable[int],
    texts: Mapping[int, IndexedText],
    postings: Mapping[str, Sequence[int]],
    total: int,
    weights: Weights = WEIGHTS,
    limit: int | None = None,
) -> list[Scored]:
    """Return the `limit` best candidates with their scores, the best first. `texts` also has their neighbours, if any.

    Of texts with the same words only the best is returned: a greeting that comes a hundred times is one.
    """
    scorer = _Scorer(query, texts, postings, total, weights)
    # What is usual in a text only lowers its score: below the last of the best, nothing is left to find.
    most = sorted([(scorer.score(number), number) for number in candidates if number in texts], reverse=True)
    found: dict[tuple[str, ...], tuple[float, int]] = {}
    lowered: list[float] = []
    places = limit or len(most)
    for score, number in most:
        if score <= 0 or (len(lowered) >= places and score < lowered[-places]):
            break
        words, one = words_of(texts[number]), (scorer.lower_by_usual(score, number), number)
        if words not in found:
            insort(lowered, one[0])
        found[words] = max(one, found.get(words, one))
    return [Scored(number, score) for score, number in sorted(found.values(), reverse=True)[:places]]


def words_of(text: IndexedText) -> tuple[str, ...]:
    """Return the words of an indexed text, without its dates and marks."""
    return tuple([term for term in text.terms if term[:1] != SIGN])


class _Scorer:
    """BM25 of texts for one question. Lengths are compared with the mean of the candidates and their neighbours."""

    def __init__(
        self,
        query: RecallQuery,
        texts: Mapping[int, IndexedText],
        postings: Mapping[str, Sequence[int]],
        total: int,
        weights: Weights,
    ) -> None:
        self._speakers = query.speakers
        self._texts = texts
        self._weights = weights
        words = [group for group in query.groups if _is_word(group)]
        self._idfs = [_idf(len(_find_group(group, postings)), total) for group in words]
        self._dates = [
            (frozenset(group), _idf(len(_find_group(group, postings)), total))
            for group in query.groups
            if not _is_word(group)
        ]
        frequencies = Counter(chain.from_iterable([text.terms for text in texts.values()]))
        known = _find_matches([group[0] for group in words], weights.part, frequencies)
        self._counts = {
            number: _count(text.terms, known) for number, text in texts.items() if not known.keys().isdisjoint(text.terms)
        }
        self._mean = frequencies.total() / max(1, len(texts))
        self._news = _measure_news(frequencies, len(texts), {group[0] for group in words})

    def score(self, number: int) -> float:
        """Return the score of a text if its other words are unusual; 0.0 if neither it nor a neighbour has a word."""
        weights, text, counts = self._weights, self._texts[number], self._counts
        before, after = self._find_neighbours(number)
        around = [one for one in (before, number, after) if one is not None]
        score = weights.among * self._bm25(around, 3) if any(one in counts for one in around) else 0.0
        if number in counts:
            score += weights.alone * self._bm25((number,), 1)
        if before is not None and score and _QUESTION in self._texts[before].terms:
            score += weights.reply * self._bm25((before, number), 2)
        if self._dates:
            score += weights.date * sum(idf for terms, idf in self._dates if not terms.isdisjoint(text.terms))
        if not score:
            return 0.0
        if _QUESTION in text.terms:
            score *= weights.asks
        return score + self._find_bonus(text)

    def _find_bonus(self, text: IndexedText) -> float:
        return 0.0 if self._speakers.isdisjoint(text.terms) else self._weights.speaker

    def lower_by_usual(self, score: float, number: int) -> float:
        """Return the score of a text, lower the more usual its words beside the question's are."""
        text, usual = self._texts[number], self._weights.usual
        news = [self._news[term] for term in text.terms if term in self._news]
        part = sum(news) / len(news) if news else 0.0
        bonus = self._find_bonus(text)
        return (score - bonus) * (1 - usual + usual * part) + bonus

    def _bm25(self, numbers: Sequence[int], places: int) -> float:
        """Return the score of texts that count as one of so many places; some may be missing."""
        counts: dict[int, float] = {}
        for number in numbers:
            for place, count in self._counts.get(number, _NOTHING).items():
                counts[place] = counts.get(place, 0.0) + count
        k1, b, texts, score = self._weights.k1, self._weights.b, self._texts, 0.0
        length = sum([len(texts[number].terms) for number in numbers])
        norm = k1 * (1 - b + b * length / (self._mean * places))
        for place, count in counts.items():
            score += self._idfs[place] * count * (k1 + 1) / (count + norm)
        return score

    def _find_neighbours(self, number: int) -> tuple[int | None, int | None]:
        texts = self._texts
        before = number - 1 if texts[number].follows and number - 1 in texts else None
        following = texts.get(number + 1)
        return before, number + 1 if following is not None and following.follows else None


_NOTHING: Mapping[int, float] = {}


def _measure_news(frequencies: Counter[str], total: int, asked: Collection[str]) -> dict[str, float]:
    """Return how unusual each word is among so many texts, from 0.0 to 1.0; without the words that are asked for."""
    rarest = math.log1p(total)
    news = {count: math.log1p(total / count) / rarest for count in {*frequencies.values()}}
    return {term: news[count] for term, count in frequencies.items() if term[:1] != SIGN and term not in asked}


def _find_matches(words: Sequence[str], part: float, terms: Iterable[str]) -> dict[str, list[tuple[int, float]]]:
    """Return the terms that match words of the question: the words' places, and how much each match counts.

    A term that begins or ends with a word, or the other way round, counts in part.
    """
    # Such terms have the first or the last characters of a word: most have neither.
    heads = {word[:_PART_CHARS] for word in words}
    tails = {word[-_PART_CHARS:] for word in words}
    like = [term for term in terms if term[:_PART_CHARS] in heads or term[-_PART_CHARS:] in tails]
    return {term: found for term in like if (found := [*_match(term, words, part)])}


def _match(term: str, words: Sequence[str], part: float) -> Iterator[tuple[int, float]]:
    if term.startswith(SIGN):
        return
    for place, word in enumerate(words):
        if word == term:
            yield place, 1.0
        elif min(len(word), len(term)) >= _PART_CHARS:
            short, long = sorted((word, term), key=len)
            if long.startswith(short) or long.endswith(short):
                yield place, part


def _count(terms: Iterable[str], known: Mapping[str, Sequence[tuple[int, float]]]) -> dict[int, float]:
    """Return how often each of the question's words, named by its place there, occurs in a text."""
    counts: dict[int, float] = {}
    for term in filter(known.__contains__, terms):
        for place, weight in known[term]:
            counts[place] = counts.get(place, 0.0) + weight
    return counts


def _is_word(group: Terms) -> bool:
    return not group[0].startswith(SIGN)
