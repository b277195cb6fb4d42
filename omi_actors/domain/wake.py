"""Wake phrases: where in a line of speech somebody addresses the wearable.

A greeting and the name address it anywhere, unless the words before report them ("he said hey Omi"). The name alone
does so at the beginning of a sentence, before a comma or before words that ask or command ("Omi, …", "Omi what …"), but
not "Omi is cool". Not here: where the question ends (question_end.py), who spoke (speech.py). Threads: none, pure.
"""

import re
from functools import lru_cache
from typing import NamedTuple

from omi_actors.domain import phrases

# Characters looked at before and after a name: enough for every rule here, and what keeps the cost linear.
CONTEXT_CHARS = 64
# Letters and the marks that belong to them; Python's \w leaves out the vowel signs of Hindi and Arabic.
_LETTER = r"\w\u0300-\u036f\u0900-\u0903\u093a-\u094f\u0951-\u0957\u064b-\u065f"
_KATAKANA = r"\u30a0-\u30ff"
_KANA = rf"\u3040-\u309f{_KATAKANA}"
_HAN = r"\u4e00-\u9fff"
_UNSPACED = re.compile(f"[{_KANA}{_HAN}]")
# A word of a spaced script ends where its letters end, also when Chinese or Japanese follows without a blank.
_SPACED_LETTER = f"(?![{_KANA}{_HAN}])[{_LETTER}]"
_BEGINS = f"(?<![^\\W{_KANA}{_HAN}])(?<![\\u0900-\\u0903\\u093a-\\u094f\\u064b-\\u065f])"
_ENDS = f"(?!{_SPACED_LETTER})(?!['’-]{_SPACED_LETTER})"
_PAUSES = r"[\s,.!:;…–—、。，！؛،।-]"
# Between the words of a spelling of two words.
_GAP = r"[\s,]{1,2}"
_SENTENCE_ENDS = r"[.!?。！？।؟۔…\n]"


class Wake(NamedTuple):
    """A wake phrase in a line. `is_open`: the line ends before it is clear whether this name is addressed."""

    start: int
    end: int
    is_open: bool


def _any_of(*rows: str) -> str:
    return "|".join(sorted({word for row in rows for word in row.split("|")}, key=len, reverse=True))


def _word(row: str) -> str:
    return f"{_BEGINS}(?:{row}){_ENDS}"


_GREETING = f"(?:{_word(_any_of(*phrases.GREETINGS))}|{_any_of(*phrases.GREETINGS_UNSPACED)})"
_GREETING_AT_END = re.compile(f"{_GREETING}{_PAUSES}*$", re.IGNORECASE)
_SENTENCE_START = re.compile(
    f"(?:^|{_SENTENCE_ENDS})[\\s\"'”»)]*(?:(?:{phrases.FILLERS}){_PAUSES}+){{0,2}}$", re.IGNORECASE
)
_REPORTED = re.compile(
    f"(?:{_word(_any_of(*phrases.REPORTING))}(?:\\s+[{_LETTER}'’]+){{0,2}}|(?<!\\w)like|{phrases.REPORTING_UNSPACED})"
    "[\\s,:，：\"'“«„‘]*$|[\"“„‘「『]$|«\\s?$",
    re.IGNORECASE,
)
# "hey Omi" quoted, where the word that reports comes after: 「ねえオミ」と言った.
_REPORTED_AFTER = re.compile(r"[」』]?(?:って|と(?:言|い|呼))")
_PAUSE_AFTER = re.compile(r"\s*[,.:!;…–—、。，：！،।-]")
_ADDRESSED = re.compile(
    f"\\s+(?:{_any_of(*phrases.QUESTION_WORDS, *phrases.COMMANDS)}|(?:{phrases.AUXILIARIES})\\s+(?:{phrases.PRONOUNS}))"
    f"{_ENDS}",
    re.IGNORECASE,
)
# Two words are enough to tell; fewer may become anything.
_TWO_WORDS = re.compile(r"\s+\S+\s+\S")
# "Omi, the new wearable, is on sale".
_APPOSITION = re.compile(
    r"\s*,\s*(?:the|an?|my|la|el|una?|le|les|der|die|das|eine?|[oa]s?|il|lo|de|het|een)\s[^.?!,]{1,60},\s*"
    r"(?:is|was|has|will|es|ist|war|est|é|è|era|heeft)\b",
    re.IGNORECASE,
)


class _Patterns(NamedTuple):
    hint: re.Pattern[str]
    wake: re.Pattern[str]


@lru_cache(maxsize=64)
def _patterns(names: tuple[str, ...]) -> _Patterns:
    """Return the patterns for these names: any spelling at all, and a wake phrase (group `name` when it stands alone)."""
    alone = [spelling for name in names for spelling in (name, *phrases.SPELLINGS.get(name.casefold(), ()))]
    greeted = [spelling for name in names for spelling in phrases.SPELLINGS_AFTER_GREETING.get(name.casefold(), ())]
    every = sorted({*alone, *greeted}, key=len, reverse=True)
    after_greeting = "|".join(_spelled(spelling, after_greeting=True) for spelling in every)
    bare = "|".join(_spelled(spelling) for spelling in sorted(alone, key=len, reverse=True))
    return _Patterns(
        re.compile("|".join(re.escape(spelling).replace("\\ ", _GAP) for spelling in every), re.IGNORECASE),
        re.compile(f"{_GREETING}{_PAUSES}{{0,6}}(?:{after_greeting})|(?P<name>{bare})", re.IGNORECASE),
    )


def _spelled(name: str, *, after_greeting: bool = False) -> str:
    """Return the pattern of one spelling as a whole word."""
    pattern = re.escape(name).replace("\\ ", _GAP)
    if _UNSPACED.search(name):
        before = "" if after_greeting else f"(?<![{_KATAKANA}])"
        return f"{before}{pattern}(?![{_goes_on(name)}])"
    if name == "oh me":
        pattern += r"(?![\s,]+oh)"
    return f"{_BEGINS}{pattern}{_ENDS}"


def _goes_on(name: str) -> str:
    """Return the letters that make a longer word of a name in a script without blanks: オミクロン, おみやげ, 奥米克戎."""
    if name[-1] in "米咪":
        return "克茄"
    return _KATAKANA if re.search(f"[{_KATAKANA}]", name) else _KANA


def may_wake(line: str, names: tuple[str, ...]) -> bool:
    """Tell, cheaply, whether a line can hold a wake phrase at all."""
    return _patterns(names).hint.search(line) is not None


def ends_in_greeting(line: str) -> bool:
    """Tell whether the last words may be the first half of a wake phrase."""
    return _GREETING_AT_END.search(line[-CONTEXT_CHARS:]) is not None


def find_wakes(line: str, names: tuple[str, ...]) -> list[Wake]:
    """Return the wake phrases of a line, in order. Only the last may be open. Linear in the line's length."""
    wakes: list[Wake] = []
    for match in _patterns(names).wake.finditer(line):
        is_alone = match["name"] is not None
        wake = _judge_alone(line, match, wakes) if is_alone else _judge_greeted(line, match)
        if wake is not None:
            wakes.append(wake)
    return wakes


def _judge_greeted(line: str, match: re.Match[str]) -> Wake | None:
    before = line[max(0, match.start() - CONTEXT_CHARS) : match.start()]
    if _REPORTED.search(before) or _REPORTED_AFTER.match(line, match.end()):
        return None
    return Wake(match.start(), match.end(), is_open=False)


def _judge_alone(line: str, match: re.Match[str], wakes: list[Wake]) -> Wake | None:
    start, end = match.span()
    before = line[max(0, start - CONTEXT_CHARS) : start]
    is_repeated = bool(wakes) and not line[wakes[-1].end : start].strip(" ,.!-\n、，。！،")
    if not is_repeated and not _SENTENCE_START.search(before):
        return None
    after = line[end : end + 2 * CONTEXT_CHARS]
    if _PAUSE_AFTER.match(after):
        return None if _APPOSITION.match(after) else Wake(start, end, is_open=False)
    if _ADDRESSED.match(after):
        return Wake(start, end, is_open=False)
    may_go_on = not after.strip() or (after[0].isspace() and not _TWO_WORDS.match(after))
    return Wake(start, end, is_open=True) if may_go_on else None
