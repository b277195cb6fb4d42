"""One speaker's speech as a line: the pieces still of interest, and what is read in them.

A line's reading depends on its words alone, not on how they were cut into segments. Not here: time, other speakers
(hearing.py). Threads: none, pure.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from omi_actors.domain.hearing.question_end import (
    clean,
    find_end,
    has_words,
    is_dangling,
    skip_acknowledgement,
    skip_leading,
)
from omi_actors.domain.hearing.wake import CONTEXT_CHARS, CONTEXT_WORDS, Wake, ends_in_greeting, find_wakes, may_wake

# Pieces that a line remembers by key; more are joined.
_PIECES_LIMIT = 16
# Scripts without blanks are joined without one.
_UNSPACED = re.compile(r"[\u3000-\u30ff\u4e00-\u9fff\uff00-\uffef]")
_SENTENCE_OVER = (".", "!", "?", "。", "！", "？", "।", "؟", "۔")


class Piece(msgspec.Struct, frozen=True, gc=False):
    """What is left of a segment: its text, blank before included. `asked` counts the questions before it there."""

    key: str
    text: str
    asked: int = 0


class FoundQuestion(NamedTuple):
    """A question, and the segment in which it was put: `ordinal` counts those of that segment from 0."""

    text: str
    key: str
    ordinal: int


class ParsedLine(NamedTuple):
    """What a line holds: its questions, and the pieces that are still of interest.

    `question` is what was said so far of a question without an end, None when none is open; its text may be empty.
    """

    found: tuple[FoundQuestion, ...]
    pieces: tuple[Piece, ...]
    scanned: int
    question: FoundQuestion | None


class LineRules(NamedTuple):
    """How to read: the names to hear; whether speech needs none; whether all of it needs none."""

    names: tuple[str, ...]
    max_chars: int
    without_wake: bool = False
    always: bool = False


def join(pieces: Sequence[Piece], key: str, text: str, *, after_pause: bool) -> tuple[Piece, ...]:
    """Return the pieces with one more, and between them what its script wants; a pause becomes a line's end."""
    if not pieces:
        return (Piece(key, text),)
    last = pieces[-1].text
    glue = "\n" if after_pause else "" if _UNSPACED.match(last[-1:]) and _UNSPACED.match(text) else " "
    joined = (*pieces, Piece(key, glue + text))
    if len(joined) > _PIECES_LIMIT:
        first, second, third, *others = joined
        joined = (first, Piece(second.key, second.text + third.text, second.asked), *others)
    return joined


def is_of_no_interest(text: str, names: tuple[str, ...]) -> bool:
    """Tell whether these words, with none before them, ask nothing and nothing after them can change that."""
    return _is_over(text) and not may_wake(text, names)


def _is_over(line: str) -> bool:
    """Tell whether a line ends with a sentence, and not in the middle of a wake phrase."""
    return line.rstrip(" \n\"”»)'").endswith(_SENTENCE_OVER) and not ends_in_greeting(line)


def parse_line(pieces: tuple[Piece, ...], scanned: int, rules: LineRules) -> ParsedLine:
    """Read a line. Its first `scanned` characters were read before and hold no wake phrase. Linear in its length."""
    line = "".join(piece.text for piece in pieces)
    if not rules.without_wake and not may_wake(line, rules.names):
        return ParsedLine((), keep_rest(pieces, line), 0, None)
    return _LineParser(pieces, line, scanned, rules).parse()


class _LineParser:
    """One reading in progress."""

    def __init__(self, pieces: tuple[Piece, ...], line: str, scanned: int, rules: LineRules) -> None:
        self._pieces = pieces
        self._line = line
        self._rules = rules
        wakes = find_wakes(line, rules.names)
        # The line may end in names of which it is not clear yet whether they are addressed.
        self._open = next((wake for wake in wakes if wake.is_open), None)
        self._wakes = [wake for wake in wakes if wake.end > scanned and not wake.is_open]
        self._found: list[FoundQuestion] = []
        self._pos = 0
        self._asked = {piece.key: piece.asked for piece in pieces}

    def parse(self) -> ParsedLine:
        line, count = self._line, len(self._wakes)
        index = 0
        # A question in the reading: where it was put and where its words begin.
        question = Wake(0, 0, is_open=False) if self._rules.without_wake else None
        while True:
            if question is None:
                if index == count:
                    return self._idle()
                question, index = self._wakes[index], index + 1
                if question.said_end:
                    self._take_said(question)
                    question = None
                    continue
            following = next((n for n in range(index, count) if not self._wakes[n].said_end), count)
            stop = self._wakes[following].start if following < count else len(line)
            begin = self._begin(question)
            end = find_end(line, begin, stop, self._rules.max_chars)
            if end is not None:
                self._take(question, line[begin:end])
                question = Wake(end, end, is_open=False) if self._rules.always else None
                self._pos = end
                index = next((n for n in range(index, count) if self._wakes[n].start >= end), count)
            elif following < count:
                self._interrupt(question, line[begin:stop])
                question, index = None, following
            else:
                return self._listening(question, line[begin:])

    def _take_said(self, wake: Wake) -> None:
        """Take a question whose words stand before the name, without it."""
        name_end = len(self._line[: wake.end].rstrip("?？؟ "))
        self._take(wake, self._line[wake.start : wake.said_end] + self._line[name_end : wake.end])
        self._pos = wake.end

    def _begin(self, question: Wake) -> int:
        """Return where a question's words begin: without a wake phrase, after thanks for the last answer."""
        if question.start < question.end:
            return question.end
        first_words = self._line[question.end : question.end + 2 * CONTEXT_CHARS]
        thanks_chars = skip_acknowledgement(first_words)
        return question.end + thanks_chars + skip_leading(first_words[thanks_chars:])

    def _interrupt(self, question: Wake, words: str) -> None:
        """Another wake phrase came before the end: a question if it is more than a false start."""
        if question.start < question.end and not is_dangling(words):
            self._take(question, words)

    def _take(self, question: Wake, words: str) -> None:
        found = self._place(question, words)
        if found.text:
            self._found.append(found)
            self._asked[found.key] += 1

    def _place(self, question: Wake, words: str) -> FoundQuestion:
        """Return a question and where it was put: at its wake phrase's end, or where its words begin."""
        text = clean(words)
        text = text if has_words(text) else ""
        has_wake = question.start < question.end
        key = self._key_at(question.end - 1 if has_wake else self._begin(question))
        return FoundQuestion(text, key, self._asked[key])

    def _key_at(self, place: int) -> str:
        end = 0
        for piece in self._pieces:
            end += len(piece.text)
            if place < end:
                return piece.key
        return self._pieces[-1].key

    def _listening(self, question: Wake, words: str) -> ParsedLine:
        start = question.start
        return ParsedLine(tuple(self._found), self._cut(start), 0, self._place(question, words))

    def _idle(self) -> ParsedLine:
        if self._open is not None:
            return ParsedLine(tuple(self._found), self._cut(self._open.start), 0, None)
        # With the sentence's end before it, which tells that another begins.
        start = self._pos - 1 if self._line[: self._pos].endswith(_SENTENCE_OVER) else self._pos
        kept = keep_rest(self._cut(start), self._line[start:])
        return ParsedLine(tuple(self._found), kept, sum(len(piece.text) for piece in kept), None)

    def _cut(self, start: int) -> tuple[Piece, ...]:
        return _cut([Piece(piece.key, piece.text, self._asked[piece.key]) for piece in self._pieces], start)


def _cut(pieces: Sequence[Piece], start: int) -> tuple[Piece, ...]:
    """Return the pieces without their first `start` characters."""
    kept: list[Piece] = []
    for piece in pieces:
        if start < len(piece.text):
            kept.append(Piece(piece.key, piece.text[start:] if start else piece.text, piece.asked))
        start = max(0, start - len(piece.text))
    return tuple(kept)


def keep_rest(pieces: tuple[Piece, ...], line: str) -> tuple[Piece, ...]:
    """Return what may matter of a line without a question: nothing after a whole sentence, else its last words."""
    return () if not line or _is_over(line) else _cut(pieces, _last_words(line))


def keep_piece(key: str, text: str) -> tuple[Piece, ...]:
    """Do as `keep_rest` for a line of one piece. On the way of nearly every segment."""
    if not text or (not text[-1].isalnum() and _is_over(text)):
        return ()
    return (Piece(key, text[_last_words(text) :]),)


def is_piece(pieces: tuple[Piece, ...], key: str) -> bool:
    """Tell whether the segment of this key is one of them."""
    for piece in pieces:  # noqa: SIM110 (on the way of nearly every segment: half the time of any())
        if piece.key == key:
            return True
    return False


def _last_words(line: str) -> int:
    """Return where the words begin that may tell what a name after them means."""
    parts = line.rsplit(" ", CONTEXT_WORDS)
    start = len(parts[0]) if len(parts) > CONTEXT_WORDS else 0
    if len(line) - start <= CONTEXT_CHARS:
        return start
    start = len(line) - CONTEXT_CHARS
    blank = line.find(" ", start)
    return start if blank < 0 else blank
