"""Names: compile the search for the wearable's names, in all spellings that sound like them.

Speech-to-text does not know an invented name, and writes its sound in another spelling ("homi") or in known words ("oh
me"). The spellings of a sound come from rules, so that they hold for any name; the known words from phrases.py.
Not here: whether a name that is found addresses the wearable (wake.py). Threads: any; pure.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from omi_actors.domain.hearing import phrases
from omi_actors.domain.hearing.patterns import compile_pattern
from omi_actors.domain.hearing.phrases import words_of

KATAKANA = r"\u30a0-\u30ff"
UNSPACED = rf"\u3040-\u309f{KATAKANA}\u4e00-\u9fff"
# Vowel signs of Hindi and Arabic: parts of words that Python's \w leaves out.
SIGNS = r"\u0900-\u0903\u093a-\u094f\u0951-\u0957\u064b-\u065f"
LETTER = rf"(?:[^\W{UNSPACED}]|[{SIGNS}])"
# A word of a script with blanks begins and ends where its letters do, also beside Chinese or Japanese.
_BEGINS = rf"(?<![^\W{UNSPACED}])(?<![{SIGNS}])"
_ENDS = rf"(?!{LETTER})(?!['’-]{LETTER})"

# Parts of a name with more than one spelling: an h that is not heard, a long o, a last i, a consonant before a vowel.
_SOUNDS = re.compile(
    r"(?P<h>^h?(?=[ou]))|(?P<o>(?:oh|ow|au|o)(?![aeiouwy]))|(?P<i>(?:ie|ee|ei|ey|i|y)$)"
    r"|(?P<c>(?<=[aeiouhwy])(?P<one>[bdfgklmnprstz])(?P=one)?(?=[aeiouy]))|."
)
_SPELLINGS = {"h": "h?", "o": "(?:oh?|ow|au)", "i": "(?:i|y|ie|ee|ei|ey)"}
_GREETED_UNSPACED = "|".join(
    f"(?<={word}{gap})" for row in phrases.GREETINGS_UNSPACED for word in row.split("|") for gap in ("", "、")
)
_JOINED = "|".join(words_of(phrases.JOINED_GREETINGS))
# "Omi" in two words, also with its o lost in that of "hello".
_SPLIT_OMI = rf"(?P<{phrases.SPLIT}>oh?(?:,? |-)m[ei]|hello, m[ei])"
_BEFORE_ONLY = "|".join(
    rf"(?<=\b{greeting}\W{{{gap}}}only)"
    for greeting in words_of(phrases.GREETINGS[0], phrases.GREETINGS_MISHEARD)
    for gap in (1, 2, 3)
)
# One search from one letter is the fastest. The letter before it is none, an h, or the last of a greeting ("heyomi").
_OMI_HINT = (
    r"o(?:m(?<![a-gjl-xz]om)(?:m?(?:[iy]|e[eiy])|ni)|[hw]m{1,2}(?:[iy]|e[eiy])|h[ ,\n-]{1,4}m[ei](?!\w)"
    rf"|[ ,\n-](?<![a-gjm-xz]o.)[ ,\n-]{{0,3}}m[ei](?!\w)|nly(?:{_BEFORE_ONLY}))"
)


# A part of some spellings, and the search for any of them. A plain tuple, which is taken apart twice as fast.
_Hint = tuple[str, Callable[[str], object]]


class WakePhrases(NamedTuple):
    """Searches for wake phrases: `spoken` finds any spelling of a name; `alone` holds those that need no greeting.

    Each spelling contains one of `hints`, each spelling in a line of ASCII one of `ascii_hints`; their search is
    faster. With a `pattern` its places are the wake phrases, and the names are none.
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
NORMAL = 0  # also the name alone, by the rules of wake.py
ASKING = 1  # also within a sentence, before words that ask or command; and in all spellings that sound like it
MENTIONED = 2  # also each mention of the name


# More sets of names than a node's settings and most of its live sessions have; each session keeps its own anyway.
@lru_cache(maxsize=256)
def prepare(names: tuple[str, ...], pattern: str = "", sensitivity: int = NORMAL) -> WakePhrases:
    """Compile the searches for these names, or for a pattern that `compile_pattern` takes; 3 ms for new names.

    Raises:
        ValueError: the pattern is none.
    """
    known = {name: "omi" if _sounds_like_omi(name) else name.casefold() for name in names}
    alone = {spelling for name in names for spelling in (name, *phrases.SPELLINGS.get(known[name], ()))}
    greeted = {spelling for name in names for spelling in phrases.SPELLINGS_AFTER_GREETING.get(known[name], ())}
    longest_first = sorted(alone | greeted, key=len, reverse=True)
    is_omi = "omi" in known.values()
    hints = tuple(_build_hints(longest_first, is_omi=is_omi))
    return WakePhrases(
        re.compile(_build_search(longest_first, is_omi=is_omi)),
        frozenset(map(str.casefold, alone)),
        hints,
        tuple(hint for hint in hints if hint[0].isascii()),
        sensitivity,
        compile_pattern(pattern) if pattern else None,
    )


def _sounds_like_omi(name: str) -> bool:
    return re.fullmatch(spell("omi"), name.casefold()) is not None


def spell(name: str) -> str:
    """Return a pattern of a name's spellings: of all that sound like it, if its letters are a to z."""
    return ",? ".join(map(_spell_word, name.split(" ")))


def _spell_word(word: str) -> str:
    if not (word.isascii() and word.isalpha()):
        return re.escape(word)
    word = word.casefold()
    return "".join(_spell_part(word, match) for match in _SOUNDS.finditer(word))


def _spell_part(word: str, match: re.Match[str]) -> str:
    if match["one"]:
        return f"{match['one']}{{1,2}}"
    # The last letters of "Sky" are no syllable of their own.
    is_sound = match["i"] is None or re.search("[aeiouy]", word[: match.start()]) is not None
    return _SPELLINGS.get(match.lastgroup or "", match.group()) if is_sound else match.group()


def _build_search(names: Sequence[str], *, is_omi: bool) -> str:
    unspaced = [_spell_unspaced(name) for name in names if _is_unspaced(name)]
    spelled = "|".join(spell(name) for name in names if not _is_unspaced(name))
    if not spelled:
        return "|".join(unspaced)
    others = f"|only|omni|omit|{_SPLIT_OMI}" if is_omi else ""
    spaced = f"(?P<{phrases.JOINED}>(?:{_JOINED})-?)?(?:{spelled}){others}"
    # Only the names ignore case: with it, the ranges of letters around them would take 30 ms to compile.
    return "|".join([*unspaced, f"{_BEGINS}(?i:{spaced}){_ENDS}"])


def _is_unspaced(name: str) -> bool:
    return re.search(f"[{UNSPACED}]", name) is not None


def _spell_unspaced(name: str) -> str:
    bare = f"(?i:{re.escape(name)})(?![{_goes_on(name)}])"
    if re.search(f"[{KATAKANA}]", name) is None or "ー" in name:
        return bare
    # After a greeting another word may follow without a blank: ねえオミルーターの, but not オミクロン.
    return rf"{bare}|(?:{_GREETED_UNSPACED})(?i:{re.escape(name)})(?=[{KATAKANA}]{{2}})(?!クロン|ックス|ット|ナエ|ー)"


def _goes_on(name: str) -> str:
    """Return the letters that make another word of a name if they follow it, as in オミクロン and 奥米克戎."""
    if name[-1] in "米咪":
        return "克茄"
    return KATAKANA if re.search(f"[{KATAKANA}]", name) else rf"\u3040-\u309f{KATAKANA}"


def _build_hints(names: Sequence[str], *, is_omi: bool) -> Iterator[_Hint]:
    """Return searches that find each spelling, grouped by a part, since a search for a part is many times faster."""
    patterns = defaultdict(list)
    for name in names:
        if not (is_omi and _sounds_like_omi(name)):
            for part, pattern in _split(spell(name.casefold())):
                patterns[part].append(pattern)
    if is_omi:
        patterns["o"].append(_OMI_HINT)
        patterns["aum"].append("aum")
    for part, group in patterns.items():
        yield part, re.compile("|".join(group)).search


def _split(pattern: str) -> Iterator[tuple[str, str]]:
    """Return a pattern with the letter that each of its texts has, in two if it begins with a sound of two letters."""
    bare = pattern.removeprefix("h?")
    long_o = _SPELLINGS["o"]
    if bare.startswith(long_o):
        yield "o", "o[hw]?" + bare.removeprefix(long_o)
        yield "au", "au" + bare.removeprefix(long_o)
    else:
        yield bare.removeprefix("\\")[0], bare


def may_wake(line: str, wake: WakePhrases) -> bool:
    """Return False when a line cannot hold a wake phrase. The search is fast."""
    if wake.pattern is not None:
        return wake.pattern.search(line) is not None
    folded = line.casefold()
    for part, search in wake.ascii_hints if folded.isascii() else wake.hints:
        if part in folded and search(folded):
            return True
    return False
