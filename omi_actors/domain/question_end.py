"""The end of a question: at a question mark, or with a sentence that asks or commands; else only a pause tells.

Not here: the pause (hearing.py), where the question begins (wake.py). Threads: none, pure.
"""

import re

from omi_actors.domain import phrases

_TERMINATOR = re.compile(r"[?？؟.!。！।۔]+")
_QUESTION_MARKS = frozenset("?？؟")
# A full stop is none inside a number or after an abbreviation.
_ABBREVIATION = re.compile(r"(?:^|[\s(])(?:[^\W\d_]|dr|mr|mrs|ms|st|prof|vs|etc|no|nr|sr|sra|ca|bzw|[a-z]\.[a-z])$", re.IGNORECASE)
_LEADING = re.compile(r"^[\s,.!?:;…–—、。，！？।؛،؟\"'”»」)-]+")
_WORD = re.compile(r"[^\W_]")
_BLANK = re.compile(r"\s")
_FILLER = rf"(?:(?:{phrases.FILLERS})[\s,]+){{0,2}}"


def _any_of(*rows: str) -> str:
    return "|".join(sorted({word for row in rows for word in row.split("|")}, key=len, reverse=True))


_ASKS_FIRST = re.compile(
    rf"[¿¡\s]*{_FILLER}(?:{_any_of(*phrases.QUESTION_WORDS, *phrases.COMMANDS, phrases.AUXILIARIES)})(?![\w'’-])",
    re.IGNORECASE,
)
_ASKS_ANYWHERE = re.compile(
    rf"{phrases.ASKING_ANYWHERE_UNSPACED}|(?<!\S)(?:{phrases.ASKING_ANYWHERE})(?![^\s,])", re.IGNORECASE
)
_ASKS_LAST = re.compile(rf"(?:{phrases.ASKING_AT_END_UNSPACED})$")
_DANGLING = re.compile(rf"(?<![\w'’])(?:{_any_of(*phrases.DANGLING)})[\s.,!…–—-]*$", re.IGNORECASE)
_ACKNOWLEDGED = re.compile(
    rf"(?:(?:{_any_of(*phrases.ACKNOWLEDGEMENTS)})(?:[\s,.!、。，！]+|$))+", re.IGNORECASE
)
# A sentence's first and last characters that are looked at.
_EDGE_CHARS = 64


def has_words(text: str) -> bool:
    """Tell whether there is a letter or a digit in it."""
    return _WORD.search(text) is not None


def is_dangling(text: str) -> bool:
    """Tell whether the text breaks off at a word that wants another after it."""
    return _DANGLING.search(text[-_EDGE_CHARS:]) is not None


def clean(text: str) -> str:
    """Return the words of a question without what separates them from the wake phrase."""
    return _LEADING.sub("", text).strip()


def skip_acknowledgement(text: str) -> int:
    """Return how many characters of thanks stand before a question that follows an answer."""
    blank = len(text) - len(text.lstrip())
    match = _ACKNOWLEDGED.match(text, blank)
    return match.end() if match else 0


def find_end(line: str, start: int, stop: int, max_chars: int) -> int | None:
    """Return where the question that begins at `start` ends, before `stop`; None when only a pause can tell.

    Linear in the text looked at, which is at most `max_chars`: there a question ends in any case, between two words.
    """
    cap = min(stop, start + max_chars)
    sentence_start = start
    for match in _TERMINATOR.finditer(line, start, cap):
        if not has_words(line[sentence_start : match.start()]):
            continue
        if not _QUESTION_MARKS.isdisjoint(match.group()):
            return match.end()
        if not _ends_sentence(line, match):
            continue
        if _is_complete(line[sentence_start : match.start()]):
            return match.end()
        sentence_start = match.end()
    return _cut_between_words(line, start, cap) if cap < stop else None


def _ends_sentence(line: str, match: re.Match[str]) -> bool:
    if match.group() == ".":
        after = line[match.end() : match.end() + 1]
        if after and not after.isspace() and after not in "\"'”»’)":
            return False
        return _ABBREVIATION.search(line[max(0, match.start() - 8) : match.start()]) is None
    return set(match.group()) != {"."}


def _is_complete(sentence: str) -> bool:
    """Tell whether a sentence asks or commands, and is whole."""
    text = clean(sentence)
    if is_dangling(text):
        return False
    if _ASKS_FIRST.match(text[: 2 * _EDGE_CHARS]):
        return _BLANK.search(text) is not None
    return _ASKS_ANYWHERE.search(text) is not None or _ASKS_LAST.search(text[-_EDGE_CHARS:]) is not None


def _cut_between_words(line: str, start: int, cap: int) -> int:
    blank = line.rfind(" ", start + (cap - start) // 2, cap)
    return cap if blank < 0 else blank
