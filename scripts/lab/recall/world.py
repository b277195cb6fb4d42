"""Invented persons: long conversations of small talk in which facts are hidden, and questions for the facts.

The same seed makes the same world. Not here: the words (words/, a file a language), asking (measure.py). Threads: any;
pure, but for reading the words.
"""

import datetime as dt
import random
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

LANGUAGES = ("en", "de", "es")
_WORDS = Path(__file__).parent / "words"
# Numbers that facts are made of.
_NUMBERS = {
    "price": [str(price) for price in range(35, 900, 15)],
    "code": [str(code) for code in range(1037, 9900, 211)],
    "hour": [f"{hour}:{minute:02d}" for hour in range(5, 23) for minute in (10, 25, 40, 55)],
    "level": [str(level) for level in range(1, 12)],
}
# Facts of each topic in a person's conversations: a question must find the right one among them.
_FACTS = 6
_DATED_FACTS = 4
_SPEAKERS = ("Ada", "Ben")
_BEGIN = dt.datetime(2026, 3, 2, 9, tzinfo=dt.UTC)
_TEXTS_OF_CONVERSATION = 40
_SLOT = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True)
class Said:
    """One text of a conversation; `at` is UTC seconds."""

    conversation: int
    speaker: str
    text: str
    at: float


@dataclass(frozen=True, slots=True)
class Asked:
    """A question, and the place of the text that holds its answer. `is_held_out`: its topic tuned nothing."""

    language: str
    text: str
    evidence: int
    is_held_out: bool


@dataclass(frozen=True, slots=True)
class Person:
    """One person's conversations, in order, and the questions about them."""

    language: str
    said: Sequence[Said]
    asked: Sequence[Asked]


@dataclass(frozen=True, slots=True)
class _Fact:
    """One turn or two, with the question that the last one answers; small talk has no question."""

    turns: tuple[str, ...]
    question: str = ""
    is_held_out: bool = False


@cache
def _load(name: str) -> Mapping[str, Any]:
    return tomllib.loads((_WORDS / f"{name}.toml").read_text(encoding="utf-8"))


def build_person(language: str, *, texts: int, seed: int) -> Person:
    """Return a person with `texts` texts of small talk, among which all facts are spread."""
    rng = random.Random(f"{language}:{seed}")  # noqa: S311 (a world, not a secret)
    talk = _load(language)["small_talk"]
    pieces: list[_Fact] = [_Fact((_fill(rng.choice(talk), language, rng),)) for _ in range(texts)]
    pieces += _build_facts(language, rng)
    rng.shuffle(pieces)
    said: list[Said] = []
    asked: list[Asked] = []
    for piece in pieces:
        said += _say(piece.turns, len(said), rng)
        if piece.question:
            question = piece.question.replace("{date}", _write_date(language, said[-1].at))
            asked.append(Asked(language, question, len(said) - 1, piece.is_held_out))
    return Person(language, said, asked)


def _say(turns: Sequence[str], start: int, rng: random.Random) -> Iterator[Said]:
    first = rng.randrange(2)
    for offset, text in enumerate(turns):
        conversation, minute = divmod(start + offset, _TEXTS_OF_CONVERSATION)
        at = _BEGIN + dt.timedelta(days=conversation // 2, hours=5 * (conversation % 2), minutes=minute)
        yield Said(conversation, _SPEAKERS[(first + offset) % 2], text, at.timestamp())


def _build_facts(language: str, rng: random.Random) -> Iterator[_Fact]:
    for line, topic in enumerate(_load(language)["topics"]):
        for x in rng.sample(_words(language, topic["x"]), _FACTS):
            v = rng.choice([word for word in _words(language, topic["v"]) if word != x])
            turns = rng.choice(topic["statements"]).replace("{x}", x).replace("{v}", v).split(" // ")
            yield _Fact(tuple(turns), rng.choice(topic["questions"]).replace("{x}", x), line % 2 == 1)
    statement, question = _load(language)["dated"]
    for line, x in enumerate(_words(language, "subject")):
        for v in rng.sample(_words(language, "verdict"), _DATED_FACTS):
            turn = statement.replace("{x}", x).replace("{v}", v)
            yield _Fact((turn,), question.replace("{x}", x), line % 2 == 1)


def _words(language: str, kind: str) -> Sequence[str]:
    """Return the words that a slot may have: the language's own, else names, else numbers."""
    for table in (_load(language)["words"], _load("names"), _NUMBERS):
        if kind in table:
            words: Sequence[str] = table[kind]
            return words
    raise KeyError(kind)


def _fill(template: str, language: str, rng: random.Random) -> str:
    return _SLOT.sub(lambda match: rng.choice(_words(language, match[1])), template)


def _write_date(language: str, at: float) -> str:
    day, words = dt.datetime.fromtimestamp(at, dt.UTC), _load(language)
    written: str = words["date"].format(day=day.day, month=words["months"][day.month - 1])
    return written
