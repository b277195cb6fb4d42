"""Recall: finds those of a person's texts that a question asks for, by their words alone.

Each text counts as two documents, itself and itself with its neighbours, since an answer often stands beside the words
of its question. Both are scored by BM25 over the person's own texts. Stop words and speakers' names do not count;
a text by a speaker that the question names gets a small bonus.
Not here: folds of words (words.py), dates (dates.py), rows and indexes (store/people/recall.py). Threads: any; pure.
"""

import datetime as dt
import math
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

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


@dataclass(frozen=True, slots=True)
class IndexedText:
    """A text in the index. `follows`: the text with the number before is its neighbour in the conversation."""

    terms: tuple[str, ...]
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
    alone: dict[int, float] = {}
    groups = [(group, _find_group(group, postings)) for group in query.groups]
    rare = [one for one in groups if len(one[1]) <= MAX_POSTINGS] or groups
    for _group, numbers in rare:
        weight = _idf(len(numbers), total)
        for number in numbers:
            alone[number] = alone.get(number, 0.0) + weight
    among = dict(alone)
    for number, weight in alone.items():
        for neighbour in (number - 1, number + 1):
            among[neighbour] = among.get(neighbour, 0.0) + weight * WEIGHTS.among
    best = sorted([(-weight, -number) for number, weight in among.items()])[:MAX_CANDIDATES]
    return [-number for _weight, number in best]


def _find_group(group: Terms, postings: Mapping[str, Sequence[int]]) -> Collection[int]:
    if len(group) == 1:
        return postings.get(group[0], ())
    return {number for term in group for number in postings.get(term, ())}


def _idf(count: int, total: int) -> float:
    return math.log(1.0 + (max(total, count) - count + 0.5) / (count + 0.5))


def rank(
    query: RecallQuery,
    candidates: Sequence[int],
    texts: Mapping[int, IndexedText],
    postings: Mapping[str, Sequence[int]],
    total: int,
    weights: Weights = WEIGHTS,
) -> list[Scored]:
    """Return the candidates with their scores, the best first. `texts` also has their neighbours, if there are any.

    Of texts with the same words only the best is returned: a greeting that comes a hundred times is one.
    """
    scorer = _Scorer(query, texts, postings, total, weights)
    scored = [Scored(number, scorer.score(number)) for number in candidates if number in texts]
    found: dict[tuple[str, ...], Scored] = {}
    for one in sorted(scored, key=lambda one: (-one.score, -one.number)):
        if one.score > 0:
            found.setdefault(words_of(texts[one.number]), one)
    return list(found.values())


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
        matcher = _Matcher([group[0] for group in words], weights.part, texts.values())
        self._counts = {number: matcher.count(text.terms) for number, text in texts.items()}
        self._mean = sum(len(text.terms) for text in texts.values()) / max(1, len(texts))
        self._news = _measure_news(texts, {group[0] for group in words})

    def score(self, number: int) -> float:
        """Return the score of a text; 0.0 if neither it nor a neighbour has a word of the question."""
        weights, text = self._weights, self._texts[number]
        before, after = self._find_neighbours(number)
        score = weights.alone * self._bm25((number,))
        score += weights.among * self._bm25((before, number, after))
        if before is not None and _QUESTION in self._texts[before].terms:
            score += weights.reply * self._bm25((before, number))
        if self._dates:
            score += weights.date * sum(idf for terms, idf in self._dates if not terms.isdisjoint(text.terms))
        if not score:
            return 0.0
        if _QUESTION in text.terms:
            score *= weights.asks
        score *= 1 - weights.usual + weights.usual * self._find_news(number)
        return score + (0.0 if self._speakers.isdisjoint(text.terms) else weights.speaker)

    def _find_news(self, number: int) -> float:
        """Return from 0.0 to 1.0 how unusual a text's words beside the question's are. "Carmen says hello" is usual."""
        news = [self._news[term] for term in self._texts[number].terms if term in self._news]
        return sum(news) / len(news) if news else 0.0

    def _bm25(self, numbers: Sequence[int | None]) -> float:
        """Return the score of texts that count as one; None stands for a missing one."""
        counts: dict[int, float] = {}
        for number in numbers:
            for place, count in self._counts[number].items() if number is not None else ():
                counts[place] = counts.get(place, 0.0) + count
        if not counts:
            return 0.0
        k1, b = self._weights.k1, self._weights.b
        length = sum(len(self._texts[number].terms) for number in numbers if number is not None)
        norm = k1 * (1 - b + b * length / (self._mean * len(numbers)))
        return sum(self._idfs[place] * count * (k1 + 1) / (count + norm) for place, count in counts.items())

    def _find_neighbours(self, number: int) -> tuple[int | None, int | None]:
        texts = self._texts
        before = number - 1 if texts[number].follows and number - 1 in texts else None
        after = number + 1 if number + 1 in texts and texts[number + 1].follows else None
        return before, after


def _measure_news(texts: Mapping[int, IndexedText], asked: Collection[str]) -> dict[str, float]:
    """Return how unusual each word is among these texts, from 0.0 to 1.0; without the words that are asked for."""
    counts = Counter(chain.from_iterable(text.terms for text in texts.values()))
    rarest = math.log1p(len(texts))
    news = {count: math.log1p(len(texts) / count) / rarest for count in set(counts.values())}
    return {term: news[count] for term, count in counts.items() if term[:1] != SIGN and term not in asked}


class _Matcher:
    """Counts the words of a question in texts. A word that begins or ends with another one counts in part."""

    def __init__(self, words: Sequence[str], part: float, texts: Iterable[IndexedText]) -> None:
        self._words = words
        self._part = part
        # What begins or ends with another one has its first or its last characters: most words have neither.
        heads = {word[:_PART_CHARS] for word in words}
        tails = {word[-_PART_CHARS:] for word in words}
        terms = {term for text in texts for term in text.terms}
        self._known = {
            term: tuple(self._match(term))
            for term in terms
            if term[:_PART_CHARS] in heads or term[-_PART_CHARS:] in tails
        }

    def count(self, terms: Iterable[str]) -> dict[int, float]:
        """Return how often each of the question's words occurs in a text; a word that matches in part counts in part.

        The keys are the words' places in the question.
        """
        counts: dict[int, float] = {}
        known = self._known
        for matches in [known[term] for term in terms if term in known]:
            for place, weight in matches:
                counts[place] = counts.get(place, 0.0) + weight
        return counts

    def _match(self, term: str) -> Iterator[tuple[int, float]]:
        if term.startswith(SIGN):
            return
        for place, word in enumerate(self._words):
            if word == term:
                yield place, 1.0
            elif min(len(word), len(term)) >= _PART_CHARS:
                short, long = sorted((word, term), key=len)
                if long.startswith(short) or long.endswith(short):
                    yield place, self._part


def _is_word(group: Terms) -> bool:
    return not group[0].startswith(SIGN)
