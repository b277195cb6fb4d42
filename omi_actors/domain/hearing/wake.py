"""Wake phrases: find the places in a line of speech that address the wearable.

A greeting with the name is a wake phrase anywhere, unless the words before report it ("he said hey Omi"). The name
alone is one at the beginning of a sentence, before a comma or before words that ask or command ("Omi, …", "Omi what …",
but not "Omi is cool"); and at the end of a short question, after a comma ("…, Omi?"). A person may want more or fewer
(`sensitivity`), or a pattern of their own in place of names.
Not here: the end of the question (question_end.py), the rest of the line (speech.py). Threads: any; pure.
"""

import re
from collections.abc import Callable
from functools import lru_cache
from itertools import groupby, islice
from typing import Any, NamedTuple

from omi_actors.domain.hearing import phrases
from omi_actors.domain.hearing.patterns import compile_pattern
from omi_actors.domain.hearing.phrases import words_in, words_of
from omi_actors.domain.hearing.question_end import is_complete

# Characters read before and after a name: enough for every rule here, and a bound that keeps the cost linear.
CONTEXT_CHARS = 64
# Last words kept of an unfinished line: a greeting, the words that report it, or a short question before the name.
CONTEXT_WORDS = 9
# Longest question before a name, in words and characters: it fits into the kept end of a line.
_BEFORE_WORDS = CONTEXT_WORDS - 1
_BEFORE_CHARS = 48
# Most wake phrases of one line: more than real speech has; each costs some microseconds.
_WAKES_LIMIT = 64

_KATAKANA = r"\u30a0-\u30ff"
_UNSPACED = rf"\u3040-\u309f{_KATAKANA}\u4e00-\u9fff"
# Vowel signs of Hindi and Arabic: parts of words that Python's \w leaves out.
_SIGNS = r"\u0900-\u0903\u093a-\u094f\u0951-\u0957\u064b-\u065f"
# A word of a script with blanks begins and ends where its letters do, also beside Chinese or Japanese.
_BEGINS = rf"(?<![^\W{_UNSPACED}])(?<![{_SIGNS}])"
_LETTER = rf"(?:[^\W{_UNSPACED}]|[{_SIGNS}])"
_ENDS = rf"(?!{_LETTER})(?!['’-]{_LETTER})"
_IS_LETTER = re.compile(_LETTER)

_PAUSES = " \t\n,.!:;…–—、。，！؛،।-"
_SENTENCE_ENDS = ".!?。！？।؟۔…\n"
_OPENING_QUOTES = ('"', "“", "„", "‘", "「", "『", "« ", "«")
_PAUSE_AFTER = re.compile(r"\s*[,.:!;…–—、。，！：،।-]|[^\S\n]*\n")
# Words after a name that report it or talk about it: 「ねえオミ」と言った, "Оми же сломался".
_REPORTED_AFTER = re.compile(r"[」』]?(?:って|と(?:言|い|呼))|\s+же\b", re.IGNORECASE)
# "What time is it, Omi?"
_COMMA_BEFORE = re.compile(r"[,，、،]\s*$")
_QUESTION_MARK_AFTER = re.compile(r"\s*[?？؟]+")
# "Hello Omi team".
_GROUPS = "|".join(sorted(words_of(*phrases.GROUPS), key=len, reverse=True))
_GROUP_AFTER = re.compile(rf"\s+(?:{_GROUPS})(?!\w)|\s?(?:{phrases.GROUPS_UNSPACED})", re.IGNORECASE)
# "Omi, the new wearable, is on sale".
_APPOSITION = re.compile(
    r"\s*,\s*(?:the|an?|my|la|el|una?|le|les|der|die|das|eine?|[oa]s?|il|lo|de|het|een)\s[^.?!,]{1,60},\s*"
    r"(?:is|was|has|will|es|ist|war|est|é|è|era|heeft)\b",
    re.IGNORECASE,
)

_GREETINGS = tuple(sorted(words_of(*phrases.GREETINGS), key=len, reverse=True))
_GREETINGS_UNSPACED = tuple(word for row in phrases.GREETINGS_UNSPACED for word in row.split("|"))
_EVERY_GREETING = _GREETINGS + _GREETINGS_UNSPACED
_GREETING_ENDS = frozenset(greeting[-3:] for greeting in _EVERY_GREETING)
_FILLERS = words_of(phrases.FILLERS)
_REPORTING = words_of(*phrases.REPORTING)
_REPORTING_UNSPACED = tuple(phrases.REPORTING_UNSPACED.split("|"))
_AMBIGUOUS = words_of(phrases.AMBIGUOUS)
_OBJECTS = words_of(phrases.OBJECTS)
_AUXILIARIES = words_of(phrases.AUXILIARIES)
_PRONOUNS = words_of(phrases.PRONOUNS)
_AMBIGUOUS_QUESTION_NEXT = words_of(phrases.AMBIGUOUS_QUESTION_NEXT)
_CERTAIN = words_of(*phrases.QUESTION_WORDS, *phrases.COMMANDS) - _AMBIGUOUS - {phrases.AMBIGUOUS_QUESTION}


class Wake(NamedTuple):
    """A wake phrase in a line. `is_open`: only the next words can decide if this name is a wake phrase.

    If the question stands before the name, it begins at `start` and ends at `words_end`. Otherwise `words_end` is 0.
    """

    start: int
    end: int
    is_open: bool
    words_end: int = 0


# First letter of some spellings, and the search for any of them.
_Hint = tuple[str, Callable[[str], object]]


class WakePhrases(NamedTuple):
    """Searches for wake phrases: `spoken` finds any spelling of a name; `alone` holds those that need no greeting.

    Each spelling contains one of `hints`, each ASCII spelling one of `ascii_hints`; their search is faster. With a
    `pattern` its places are the wake phrases, and the names are none.
    """

    spoken: re.Pattern[str]
    alone: frozenset[str]
    hints: tuple[_Hint, ...]
    ascii_hints: tuple[_Hint, ...]
    sensitivity: int
    pattern: Any | None


# Sensitivity, from few wake phrases to many. Each level takes what the one before takes, and more.
GREETED_FIRST = -2  # a greeting with the name, at the beginning of a sentence
GREETED = -1  # a greeting with the name, anywhere
NORMAL = 0  # also the name alone, by the rules above
ASKING = 1  # also within a sentence, before words that ask or command; and in all known misspellings
MENTIONED = 2  # also each mention of the name


# More sets of names than a node's settings and most of its live sessions have; each session keeps its own anyway.
@lru_cache(maxsize=256)
def prepare(names: tuple[str, ...], pattern: str = "", sensitivity: int = NORMAL) -> WakePhrases:
    """Compile the searches for these names, or for a pattern that `compile_pattern` takes; 3 ms for new names.

    Raises:
        ValueError: the pattern is none.
    """
    alone = {spelling for name in names for spelling in (name, *phrases.SPELLINGS.get(name.casefold(), ()))}
    greeted = {spelling for name in names for spelling in phrases.SPELLINGS_AFTER_GREETING.get(name.casefold(), ())}
    if sensitivity >= ASKING:
        alone |= greeted
    longest_first = sorted(alone | greeted, key=len, reverse=True)
    unspaced = [_spelled_unspaced(name) for name in longest_first if _is_unspaced(name)]
    spaced = "|".join(_spelled(name) for name in longest_first if not _is_unspaced(name))
    # Only the names ignore case: with it, the ranges of letters around them would take 30 ms to compile.
    spoken = "|".join([*unspaced, f"{_BEGINS}(?i:{spaced}){_ENDS}"] if spaced else unspaced)
    every = {spelling.casefold().replace(" ", gap) for spelling in longest_first for gap in (" ", ", ")}
    # The hint "omi" also finds "omie".
    least = sorted(hint for hint in every if not any(other in hint for other in every - {hint}))
    # Grouped by first letter, since a search for one letter is many times faster than one for several.
    hints = tuple(
        (initial, re.compile("|".join(map(re.escape, group))).search)
        for initial, group in groupby(least, key=lambda hint: hint[0])
    )
    ascii_hints = tuple(hint for hint in hints if hint[0].isascii())
    folded, compiled = frozenset(map(str.casefold, alone)), compile_pattern(pattern) if pattern else None
    return WakePhrases(re.compile(spoken), folded, hints, ascii_hints, sensitivity, compiled)


def _is_unspaced(name: str) -> bool:
    return re.search(f"[{_UNSPACED}]", name) is not None


def _spelled(name: str) -> str:
    pattern = re.escape(name).replace(r"\ ", ",? ")
    return pattern + r"(?![\s,]+oh)" if name == "oh me" else pattern


def _spelled_unspaced(name: str) -> str:
    return f"(?i:{re.escape(name)})(?![{_goes_on(name)}])"


def _goes_on(name: str) -> str:
    """Return the letters that make another word of a name if they follow it, as in オミクロン and 奥米克戎."""
    if name[-1] in "米咪":
        return "克茄"
    return _KATAKANA if re.search(f"[{_KATAKANA}]", name) else rf"\u3040-\u309f{_KATAKANA}"


def may_wake(line: str, wake: WakePhrases) -> bool:
    """Return False when a line cannot hold a wake phrase. The search is fast."""
    if wake.pattern is not None:
        return wake.pattern.search(line) is not None
    folded = line.casefold()
    for initial, search in wake.ascii_hints if folded.isascii() else wake.hints:
        if initial in folded and search(folded):
            return True
    return False


def ends_in_greeting(line: str) -> bool:
    """Return True when the last words are a greeting, and so may be the first half of a wake phrase."""
    return _ends_in_greeting(line[-CONTEXT_CHARS:].rstrip(_PAUSES).casefold())


def _ends_in_greeting(folded: str) -> bool:
    # A check of the last letters first, since comparing with all greetings is slow and few words end like one.
    is_likely = folded[-3:] in _GREETING_ENDS or folded[-2:] in _GREETING_ENDS or folded[-1:] in _GREETING_ENDS
    return is_likely and folded.endswith(_EVERY_GREETING)


def find_wakes(line: str, wake_phrases: WakePhrases) -> list[Wake]:
    """Return the first wake phrases of a line, in order; only the last may be open. Linear in the line's length."""
    if wake_phrases.pattern is not None:
        return _find_pattern(line, wake_phrases.pattern)
    wakes: list[Wake] = []
    for match in wake_phrases.spoken.finditer(line):
        wake = _judge(line, match, wakes, wake_phrases)
        if wake is not None:
            wakes.append(wake)
            if len(wakes) == _WAKES_LIMIT:
                break
    return wakes


def _find_pattern(line: str, pattern: Any) -> list[Wake]:
    """Return the places of a person's pattern, without empty ones, which have no words that wake."""
    spans = (match.span() for match in islice(pattern.finditer(line), _WAKES_LIMIT))
    return [Wake(start, end, is_open=False) for start, end in spans if start < end]


def _judge(line: str, match: re.Match[str], wakes: list[Wake], wake_phrases: WakePhrases) -> Wake | None:
    """Return the wake phrase with the name at `match`; None if the name is only mentioned."""
    sensitivity = wake_phrases.sensitivity
    wake = _judge_greeted(line, match, is_first=sensitivity <= GREETED_FIRST)
    if wake is not None or sensitivity < NORMAL or match.group().casefold() not in wake_phrases.alone:
        return wake
    wake = _judge_last(line, match) or _judge_alone(line, match, wakes, may_follow=sensitivity >= ASKING)
    if wake is None and sensitivity >= MENTIONED:
        return Wake(*match.span(), is_open=False)
    return wake


def _judge_greeted(line: str, match: re.Match[str], *, is_first: bool) -> Wake | None:
    begin = max(0, match.start() - CONTEXT_CHARS)
    before = line[begin : match.start()].rstrip(_PAUSES)
    length = _greeting_length(before)
    if not length:
        return None
    start = begin + len(before) - length
    if is_first and not _is_sentence_start(line[max(0, start - CONTEXT_CHARS) : start], is_whole=start < CONTEXT_CHARS):
        return None
    is_reported = _is_reported(line[max(0, start - CONTEXT_CHARS) : start])
    if is_reported or _REPORTED_AFTER.match(line, match.end()) or _GROUP_AFTER.match(line, match.end()):
        return None
    return Wake(start, match.end(), is_open=False)


def _greeting_length(before: str) -> int:
    """Return the length of the greeting at the end of this text; 0 if there is none."""
    # lower(), since casefold() can change the length.
    folded = before.lower()
    if not _ends_in_greeting(folded):
        return 0
    for greeting in _GREETINGS:
        if folded.endswith(greeting) and not _IS_LETTER.match(before[-len(greeting) - 1 : -len(greeting)]):
            return len(greeting)
    return next((len(greeting) for greeting in _GREETINGS_UNSPACED if before.endswith(greeting)), 0)


def _is_reported(before: str) -> bool:
    """Return True when one of the three words before a wake phrase, in its sentence, reports it ("she said")."""
    if before.endswith(_OPENING_QUOTES):
        return True
    spoken = before.rstrip(" ,:，：\"'“«„‘")
    if spoken.endswith(_REPORTING_UNSPACED):
        return True
    last = _last_sentence(spoken).rpartition(",")[2]
    words = words_in(last)[-3:]
    pairs = {" ".join(words[n : n + 2]) for n in range(len(words))}
    return words[-1:] == ["like"] or not _REPORTING.isdisjoint(pairs.union(words))


def _last_sentence(before: str) -> str:
    return before[max(before.rfind(end) for end in _SENTENCE_ENDS) + 1 :]


def _is_sentence_start(before: str, *, is_whole: bool) -> bool:
    """Return True when only fillers stand between the sentence's beginning and here."""
    last = _last_sentence(before)
    if not is_whole and len(last) == len(before):
        return False
    words = words_in(last)
    return len(words) <= 2 and _FILLERS.issuperset(words) and not last.endswith(_OPENING_QUOTES)  # noqa: PLR2004


def _judge_last(line: str, match: re.Match[str]) -> Wake | None:
    """Return the wake phrase when the name ends a short question: "What time is it, Omi?"."""
    mark = _QUESTION_MARK_AFTER.match(line, match.end())
    if mark is None:
        return None
    begin = max(0, match.start() - CONTEXT_CHARS)
    before = line[begin : match.start()]
    comma = _COMMA_BEFORE.search(before)
    if comma is None:
        return None
    words = _last_sentence(before[: comma.start()])
    is_whole = len(words) < comma.start() or (begin == 0 and not line[0].isspace())
    is_short = len(words) <= _BEFORE_CHARS and len(words.split()) <= _BEFORE_WORDS
    if not (is_whole and is_short and is_complete(words)):
        return None
    words_end = begin + comma.start()
    return Wake(words_end - len(words), mark.end(), is_open=False, words_end=words_end)


def _judge_alone(line: str, match: re.Match[str], wakes: list[Wake], *, may_follow: bool) -> Wake | None:
    """Return the wake phrase of a name without greeting. `may_follow`: also one that other words come before."""
    start, end = match.span()
    begin = max(0, start - CONTEXT_CHARS)
    # An open wake phrase does not count: it may turn out to be none.
    last = next((wake for wake in reversed(wakes) if not wake.is_open), None)
    is_repeated = last is not None and start - last.end < CONTEXT_CHARS and not line[last.end : start].strip(_PAUSES)
    is_first = is_repeated or _is_sentence_start(line[begin:start], is_whole=begin == 0)
    after = line[end : end + 2 * CONTEXT_CHARS]
    if not is_first:
        is_asking = may_follow and after[:1].isspace() and _are_addressing(words_in(after)[:2])
        return Wake(start, end, is_open=False) if is_asking else None
    if _PAUSE_AFTER.match(after):
        return None if _APPOSITION.match(after) else Wake(start, end, is_open=False)
    if not after.strip():
        return Wake(start, end, is_open=True)
    if not after[0].isspace():
        return None
    words = words_in(after)[:2]
    if _are_addressing(words):
        return Wake(start, end, is_open=False)
    # Two words are enough to decide; with fewer, wait for the next.
    return Wake(start, end, is_open=True) if len(after.split()) < 2 else None  # noqa: PLR2004


def _are_addressing(words: list[str]) -> bool:
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
