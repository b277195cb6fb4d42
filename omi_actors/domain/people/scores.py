"""Scores of recalled texts: BM25 over a person's own texts, for each text alone and among its neighbours.

A text that is a question counts less, one after a question more, one by a speaker that the question names a little
more, and one whose other words are usual less.
Not here: the question, its terms, the candidates (recall.py). Threads: any; pure.
"""

import math
from bisect import insort
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

from omi_actors.domain.people.dates import Terms
from omi_actors.domain.people.recall import (
    PART_CHARS,
    QUESTION,
    SIGN,
    WEIGHTS,
    IndexedText,
    RecallQuery,
    Weights,
    find_group,
    idf,
)


@dataclass(frozen=True, slots=True)
class Scored:
    """A text's number in the index, and its score."""

    number: int
    score: float


def rank(
    query: RecallQuery,
    candidates: Iterable[int],
    texts: Mapping[int, IndexedText],
    postings: Mapping[str, Sequence[int]],
    total: int,
    limit: int | None = None,
) -> list[Scored]:
    """Return the `limit` best candidates with their scores, the best first. `texts` also has their neighbours, if any.

    Of texts with the same words only the best is returned: a greeting that comes a hundred times is one.
    """
    scorer = _Scorer(query, texts, postings, total, WEIGHTS)
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
        self._idfs = [idf(len(find_group(group, postings)), total) for group in words]
        self._dates = [
            (frozenset(group), idf(len(find_group(group, postings)), total))
            for group in query.groups
            if not _is_word(group)
        ]
        frequencies = Counter(chain.from_iterable([text.terms for text in texts.values()]))
        known = _find_matches([group[0] for group in words], weights.part, frequencies)
        self._counts = {
            number: _count(text.terms, known)
            for number, text in texts.items()
            if not known.keys().isdisjoint(text.terms)
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
        if before is not None and score and QUESTION in self._texts[before].terms:
            score += weights.reply * self._bm25((before, number), 2)
        if self._dates:
            score += weights.date * sum(idf for terms, idf in self._dates if not terms.isdisjoint(text.terms))
        if not score:
            return 0.0
        if QUESTION in text.terms:
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
    heads = {word[:PART_CHARS] for word in words}
    tails = {word[-PART_CHARS:] for word in words}
    like = [term for term in terms if term[:PART_CHARS] in heads or term[-PART_CHARS:] in tails]
    return {term: found for term in like if (found := [*_match(term, words, part)])}


def _match(term: str, words: Sequence[str], part: float) -> Iterator[tuple[int, float]]:
    if term.startswith(SIGN):
        return
    for place, word in enumerate(words):
        if word == term:
            yield place, 1.0
        elif min(len(word), len(term)) >= PART_CHARS:
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
