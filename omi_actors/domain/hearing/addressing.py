"""Words around a name: decide if those after it ask or command, and if they fit words that only may be the name.

Not here: finding the name and its greeting (wake.py), the tables of words (phrases.py). Threads: any; pure.
"""

from typing import NamedTuple

from omi_actors.domain.hearing import phrases
from omi_actors.domain.hearing.phrases import words_of

_AMBIGUOUS = words_of(phrases.AMBIGUOUS)
_OBJECTS = words_of(phrases.OBJECTS)
_AUXILIARIES = words_of(phrases.AUXILIARIES)
_PRONOUNS = words_of(phrases.PRONOUNS)
# Words that ask or command only after a pause: not in "Omi is cool".
AFTER_PAUSE = words_of(phrases.AUXILIARIES, phrases.COMMANDS_TO_MACHINES)
_AMBIGUOUS_QUESTION_NEXT = words_of(phrases.AMBIGUOUS_QUESTION_NEXT)
_CERTAIN = words_of(*phrases.QUESTION_WORDS, *phrases.COMMANDS) - _AMBIGUOUS - {phrases.AMBIGUOUS_QUESTION}
LIKE_NAME = words_of(phrases.LIKE_NAME)
_SMALL_TALK = words_of(phrases.SMALL_TALK)
MISHEARD = words_of(phrases.GREETINGS_MISHEARD)
_ENGLISH_GREETINGS = words_of(phrases.GREETINGS[0], phrases.GREETINGS_MISHEARD)
_VERB_OR_ADVERB = words_of(phrases.VERB_OR_ADVERB)
_AGREEING = words_of(phrases.AGREEING)
_ENGLISH_QUESTION_WORDS = words_of(phrases.QUESTION_WORDS[0])
_CERTAIN_PAIRS = words_of(phrases.CERTAIN_PAIRS)
_LAMENTS = words_of(phrases.LAMENTS)
_TABLES = (phrases.GREETINGS, phrases.QUESTION_WORDS, phrases.COMMANDS)
# Words of Spanish, Portuguese and Italian alone, where "o mi" is ordinary speech.
ROMANCE_ONLY = words_of(*(rows[n] for rows in _TABLES for n in (1, 4, 5))) - words_of(
    *(rows[n] for rows in _TABLES for n in (0, 2, 3, 6))
)


class Around(NamedTuple):
    """A name as it was written, with its greeting and the next two words. `is_split`: it is in two words.

    `is_apart`: punctuation stands between greeting and name. `has_pause`: punctuation stands after the name.
    """

    name: str
    greeting: str
    words: list[str]
    is_split: bool
    is_apart: bool
    has_pause: bool


def are_addressing(words: list[str]) -> bool:
    """Return True when these words after a name ask or command, and do not talk about it."""
    if not words:
        return False
    first, second = words[0], words[1] if len(words) > 1 else ""
    if first in _CERTAIN or f"{first} {second}" in _CERTAIN:
        return True
    return (
        (first in _AUXILIARIES and second in _PRONOUNS)
        or (first in _AMBIGUOUS and second in _OBJECTS)
        or (first == phrases.AMBIGUOUS_QUESTION and second in _AMBIGUOUS_QUESTION_NEXT)
    )


def fits(around: Around) -> bool:
    """Return True when a greeting and words that ask or command fit words that only may be the name."""
    name, greeting, first, pair = around.name, around.greeting, around.words[0], " ".join(around.words)
    if (around.is_split or greeting in MISHEARD) and not {greeting, first, pair}.isdisjoint(ROMANCE_ONLY):
        return False
    if name not in LIKE_NAME:
        return True
    if greeting not in _ENGLISH_GREETINGS or pair in _SMALL_TALK:
        return False
    if name not in _VERB_OR_ADVERB or around.has_pause:
        return True
    # "Hey, only call me" and "hey only what we need" are ordinary speech, "hey only what time" is none.
    is_ordinary = first in _ENGLISH_QUESTION_WORDS and pair not in _CERTAIN_PAIRS
    return not around.is_apart and greeting not in _AGREEING and not is_ordinary


def begins_lament(words: list[str]) -> bool:
    """Return True when these words after "oh me" are a lament, not a question."""
    return " ".join(words) in _LAMENTS
