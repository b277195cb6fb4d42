"""Wake phrases: find the places in a line of speech that address the wearable.

A greeting with the name is a wake phrase anywhere, unless the words before report it ("he said hey Omi"). The name
alone is one at the beginning of a sentence, before a comma or before words that ask or command ("Omi, …", "Omi what …",
but not "Omi is cool"); and at the end of a short question, after a comma ("…, Omi?"). A person may want more or fewer
(`sensitivity`), or a pattern of their own in place of names. Words that only may be the name, as speech-to-text writes
it ("hey homie"), need a sentence's beginning before them and words that ask or command after them.
Not here: the spellings of a name (names.py), the end of the question (question_end.py). Threads: any; pure.
"""

import re
from itertools import islice
from typing import Any, NamedTuple

from omi_actors.domain.hearing import phrases
from omi_actors.domain.hearing.addressing import (
    AFTER_PAUSE,
    LIKE_NAME,
    MISHEARD,
    ROMANCE_ONLY,
    Around,
    are_addressing,
    begins_lament,
    fits,
)
from omi_actors.domain.hearing.mentions import Mention, judge_mention
from omi_actors.domain.hearing.names import ASKING, GREETED_FIRST, LETTER, MENTIONED, NORMAL, WakePhrases
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

_IS_LETTER = re.compile(LETTER)
# Letters of a question after a name alone: "Omi多少钱" may ask for its price.
_LEAST_VERB_LAST = 8
_MARK_WITHIN = re.compile("[,.!、，。！।،]")
# Characters between a greeting and a name that are read for punctuation.
_GAP_CHARS = 4
_CLOSING_MARKS = "?？؟。！"
_PAUSES = " \t\n,.!:;…–—、。，！؛،।-"
_SENTENCE_ENDS = ".!?。！？।؟۔…\n"
_OPENING_QUOTES = ('"', "“", "„", "‘", "「", "『", "« ", "«")
# German also quotes »so«.
_QUOTES = (*_OPENING_QUOTES, "»")
# The end of a quotation: »Hey Omi«, "Hey Omi," and « Hey Omi ».
_CLOSING_QUOTE = re.compile(r"[,.!…]?(?: »|[\"”“»«’‘」』])[,.!:、，]?")
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
# After this letter come those of languages with the verb at the end, or without blanks.
_LAST_ABJAD = "\u08ff"


class Wake(NamedTuple):
    """A wake phrase in a line. `is_open`: only the next words can decide if this name is a wake phrase.

    If the question stands before the name, it begins at `start` and ends at `words_end`. Otherwise `words_end` is 0.
    `may_be_mention`: the words cannot tell if the name is spoken about.
    """

    start: int
    end: int
    is_open: bool
    words_end: int = 0
    may_be_mention: bool = False


def ends_in_greeting(line: str) -> bool:
    """Return True when the last words are a greeting, and so may be the first half of a wake phrase."""
    last = line[-CONTEXT_CHARS:].rstrip(_PAUSES)
    return _may_end_in_greeting(last[-3:].casefold()) and last.casefold().endswith(_EVERY_GREETING)


def _may_end_in_greeting(end: str) -> bool:
    # A check of the last letters first, since comparing with all greetings is slow and few words end like one.
    return end[-3:] in _GREETING_ENDS or end[-2:] in _GREETING_ENDS or end[-1:] in _GREETING_ENDS


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
    if wake is None and sensitivity >= NORMAL and match.lastgroup == phrases.SPLIT:
        return _judge_split(line, match)
    if wake is not None or sensitivity < NORMAL or not _may_stand_alone(match, wake_phrases):
        return wake
    wake = _judge_last(line, match) or _judge_alone(line, match, wakes, may_follow=sensitivity >= ASKING)
    if wake is None and sensitivity >= MENTIONED:
        return Wake(*match.span(), is_open=False)
    return wake


def _judge_split(line: str, match: re.Match[str]) -> Wake | None:
    """Return the wake phrase "oh me" or "hello, me", at once before words that ask or command: "oh me can you"."""
    start, end = match.span()
    before = line[max(0, start - CONTEXT_CHARS) : start]
    after = line[end : end + CONTEXT_CHARS]
    if (after and after[0] != " ") or not _is_sentence_start(before, is_whole=start < CONTEXT_CHARS):
        return None
    words = words_in(after)[:2]
    if len(words) < 2:  # noqa: PLR2004
        return Wake(start, end, is_open=True)
    is_lament = line[start] in "oO" and begins_lament(words)
    is_asking = are_addressing(words) and words[0] not in ROMANCE_ONLY and not is_lament
    return Wake(start, end, is_open=False) if is_asking else None


def _may_stand_alone(match: re.Match[str], wake_phrases: WakePhrases) -> bool:
    name = match.group().casefold()
    is_spelling = match.lastgroup is None and name not in LIKE_NAME
    return name in wake_phrases.alone or (wake_phrases.sensitivity >= ASKING and is_spelling)


class _Greeted(NamedTuple):
    """A name with its greeting. `is_sure`: it needs no certain words after it."""

    start: int
    end: int
    greeting: str
    is_sure: bool


def _judge_greeted(line: str, match: re.Match[str], *, is_first: bool) -> Wake | None:
    found = _find_greeted(line, match)
    if found is None:
        return None
    start, end, is_sure = found.start, found.end, found.is_sure
    quoted = _find_quotes(line, start, end)
    if quoted is not None:
        (start, end), is_sure = quoted, False
    before = line[max(0, start - CONTEXT_CHARS) : start]
    if (is_first or not is_sure) and not _is_sentence_start(before, is_whole=start < CONTEXT_CHARS):
        return None
    if _is_reported(before) or _REPORTED_AFTER.match(line, end) or _GROUP_AFTER.match(line, end):
        return None
    if is_sure:
        return _judge_sure(line, start, end, match)
    return _judge_unsure(line, found._replace(start=start, end=end), match)


def _judge_sure(line: str, start: int, end: int, match: re.Match[str]) -> Wake | None:
    """Return the wake phrase unless the name, a whole word after a greeting, is spoken about: "Hey, Omi told me"."""
    after = line[end : end + 2 * CONTEXT_CHARS]
    mention = Mention.NO if _PAUSE_AFTER.match(after) else judge_mention(after, is_apart=_is_apart(line, match))
    if mention is Mention.YES:
        # A question mark would make a question of it.
        is_cut = len(after) < 2 * CONTEXT_CHARS and _last_sentence(after) == after
        return Wake(start, end, is_open=True) if is_cut else None
    return Wake(start, end, is_open=False, may_be_mention=mention is Mention.MAYBE)


def _is_apart(line: str, match: re.Match[str]) -> bool:
    """Return True when punctuation stands between a name and the greeting before it."""
    last = line[max(0, match.start() - _GAP_CHARS) : match.start()].rstrip()[-1:]
    return last in _PAUSES or last in _CLOSING_MARKS


def _find_greeted(line: str, match: re.Match[str]) -> _Greeted | None:
    """Return the name at `match` with the greeting before it or in it; None if there is none."""
    start, end = match.span()
    if match.lastgroup == phrases.JOINED:
        return _Greeted(start, end, "", is_sure=True)
    start, end = _find_quotes(line, start, end) or (start, end)
    before = line[max(0, start - CONTEXT_CHARS) : start].rstrip(_PAUSES)
    is_sure = match.lastgroup is None and match.group().casefold() not in LIKE_NAME
    length = _greeting_length(before)
    if not length:
        length, is_sure = _misheard_length(before, is_sure=is_sure), False
    if not length:
        return None
    greeting_start = max(0, start - CONTEXT_CHARS) + len(before) - length
    return _Greeted(greeting_start, end, before[-length:].casefold(), is_sure)


def _find_quotes(line: str, start: int, end: int) -> tuple[int, int] | None:
    """Return the place of some words with the quotation marks around them; None if there are none."""
    closing = _CLOSING_QUOTE.match(line, end)
    if closing is None:
        return None
    opening = next((quote for quote in _QUOTES if line.endswith(quote, 0, start)), None)
    return None if opening is None else (start - len(opening), closing.end())


def _judge_unsure(line: str, found: _Greeted, match: re.Match[str]) -> Wake | None:
    """Return the wake phrase if the words after it ask or command, and fit words that only may be the name."""
    after = line[found.end : found.end + 2 * CONTEXT_CHARS]
    words = words_in(after)[:2]
    is_verb_last = after.lstrip(_PAUSES)[:1] > _LAST_ABJAD
    is_asking = is_complete(after) if is_verb_last else are_addressing(words)
    if is_asking or (words[:1] and words[0] in AFTER_PAUSE and _PAUSE_AFTER.match(after)):
        is_apart = _is_apart(line, match)
        is_split, has_pause = match.lastgroup == phrases.SPLIT, _PAUSE_AFTER.match(after) is not None
        around = Around(match.group().casefold(), found.greeting, words, is_split, is_apart, has_pause)
        return Wake(found.start, found.end, is_open=False) if fits(around) else None
    is_cut = is_verb_last and len(after) < 2 * CONTEXT_CHARS and _last_sentence(after) == after
    return Wake(found.start, found.end, is_open=True) if len(words) < 2 or is_cut else None  # noqa: PLR2004


def _misheard_length(before: str, *, is_sure: bool) -> int:
    """Return the length of a misheard greeting at the end of this text; "a" is one only before a sure name."""
    last = before.rpartition(" ")[2].casefold()
    return len(last) if last in MISHEARD and (is_sure or last != "a") else 0


def _greeting_length(before: str) -> int:
    """Return the length of the greeting at the end of this text; 0 if there is none."""
    # lower(), since casefold() can change the length.
    folded = before.lower()
    if not (_may_end_in_greeting(folded) and folded.endswith(_EVERY_GREETING)):
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
        is_asking = may_follow and after[:1].isspace() and are_addressing(words_in(after)[:2])
        return Wake(start, end, is_open=False) if is_asking else None
    if _PAUSE_AFTER.match(after):
        return None if _APPOSITION.match(after) else Wake(start, end, is_open=False)
    if not after.strip():
        return Wake(start, end, is_open=True)
    if after.lstrip()[0] > _LAST_ABJAD:
        return _judge_verb_last(start, end, after)
    if not after[0].isspace():
        return None
    words = words_in(after)[:2]
    if are_addressing(words):
        return Wake(start, end, is_open=False)
    # Two words are enough to decide; with fewer, wait for the next.
    return Wake(start, end, is_open=True) if len(after.split()) < 2 else None  # noqa: PLR2004


def _judge_verb_last(start: int, end: int, after: str) -> Wake | None:
    """Return the wake phrase of a name at once before a whole question, in languages with the verb at the end."""
    if are_addressing(words_in(after)[:2]):
        return Wake(start, end, is_open=False)
    # A recogniser that writes marks would write one after a name that is called.
    if _MARK_WITHIN.search(after) or judge_mention(after, is_apart=False) is not Mention.NO:
        return None
    if len(after.strip()) >= _LEAST_VERB_LAST and is_complete(after):
        return Wake(start, end, is_open=False, may_be_mention=True)
    is_cut = len(after) < 2 * CONTEXT_CHARS and _last_sentence(after) == after
    return Wake(start, end, is_open=True) if is_cut else None
