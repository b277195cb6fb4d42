"""Speech: parse one speaker's words, joined to one line, into questions and the pieces that are kept.

The result depends on the words only, not on the segments that hold them. Not here: times, other speakers
(utterances.py). Threads: any; pure.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from omi_actors.domain.hearing.names import WakePhrases, may_wake
from omi_actors.domain.hearing.pauses import Ending, judge_ending
from omi_actors.domain.hearing.phrases import words_in
from omi_actors.domain.hearing.question_end import (
    clean,
    find_end,
    has_words,
    skip_acknowledgement,
    skip_leading,
)
from omi_actors.domain.hearing.repetition import is_beginning, normalise
from omi_actors.domain.hearing.wake import CONTEXT_CHARS, CONTEXT_WORDS, Wake, ends_in_greeting, find_wakes

# Pieces that a line keeps apart; more are joined, so that a long question keeps its size.
_PIECES_LIMIT = 16
# Signs of scripts that are joined without a blank, also to a digit.
_UNSPACED = r"[\u3000-\u30ff\u4e00-\u9fff\uff00-\uffef]"
_UNSPACED_EDGES = re.compile(rf"{_UNSPACED}(?:{_UNSPACED}|\d)|\d{_UNSPACED}")
_SENTENCE_END = re.compile(r"\w\W*[.!?。！？।؟۔]")
# All letters of scripts without blanks between words come after this one.
_FIRST_UNSPACED = "\u3000"
# Words after a name that decide if it is spoken about (mentions.py).
_SETTLED_WORDS = 5
_SENTENCE_OVER = (".", "!", "?", "。", "！", "？", "।", "؟", "۔")


class Piece(msgspec.Struct, frozen=True, gc=False):
    """The rest of a segment's text, with the blank before it. `asked` counts the questions in the part before."""

    key: str
    text: str
    asked: int = 0


class FoundQuestion(NamedTuple):
    """A question in a line, with its segment's key; `ordinal` counts the segment's questions from 0.

    `after`: the words behind a question without a wake phrase, which show whether it was part of a tale.
    `may_be_mention`: its words cannot tell if the name before them is spoken about. `name_at`: the place of a name
    after an open question, which may be a wake phrase, depending on the next words.
    """

    text: str
    key: str
    ordinal: int
    has_wake: bool = True
    after: str = ""
    may_be_mention: bool = False
    name_at: int = 0


class ParsedLine(NamedTuple):
    """Result of parsing a line: its questions, and the pieces that are kept for the next words.

    `question` is an open question, which has no end yet; its text may be empty. None when none is open.
    """

    found: tuple[FoundQuestion, ...]
    pieces: tuple[Piece, ...]
    scanned: int
    question: FoundQuestion | None


class LineRules(NamedTuple):
    """Rules for one line. `without_wake`: its first question needs no wake phrase; `always`: no question needs one."""

    wake: WakePhrases
    max_chars: int
    without_wake: bool = False
    always: bool = False


def join(pieces: Sequence[Piece], key: str, text: str, *, after_pause: bool) -> tuple[Piece, ...]:
    """Append a piece. Put a line break before it after a pause, else a blank if its language uses blanks."""
    if not pieces:
        return (Piece(key, text),)
    edges = pieces[-1].text[-1:] + text[:1]
    glue = "\n" if after_pause else "" if _UNSPACED_EDGES.fullmatch(edges) else " "
    joined = (*pieces, Piece(key, glue + text))
    if len(joined) > _PIECES_LIMIT:
        first, second, third, *others = joined
        joined = (first, Piece(second.key, second.text + third.text, second.asked), *others)
    return joined


def is_of_no_interest(text: str, wake: WakePhrases) -> bool:
    """Return True when the first words of a line hold no question, and later words cannot change that."""
    return _is_over(text) and not may_wake(text, wake)


def _is_over(line: str) -> bool:
    """Return True when a line ends with a whole sentence, and not in the middle of a wake phrase."""
    return line.rstrip(" \n\"”»)'").endswith(_SENTENCE_OVER) and not ends_in_greeting(line)


def parse_line(pieces: tuple[Piece, ...], scanned: int, rules: LineRules) -> ParsedLine:
    """Parse a line. Its first `scanned` characters hold no wake phrase. The cost is linear in its length."""
    line = "".join(piece.text for piece in pieces)
    if not rules.without_wake and not may_wake(line, rules.wake):
        return ParsedLine((), keep_rest(pieces, line), 0, None)
    return _LineParser(pieces, line, scanned, rules).parse()


class _LineParser:
    """State of parsing one line."""

    def __init__(self, pieces: tuple[Piece, ...], line: str, scanned: int, rules: LineRules) -> None:
        self._pieces = pieces
        self._line = line
        self._rules = rules
        wakes = find_wakes(line, rules.wake)
        # A name at the end of the line may be a wake phrase, depending on the next words.
        self._open = next((wake for wake in wakes if wake.is_open), None)
        self._wakes = [wake for wake in wakes if wake.end > scanned and not wake.is_open]
        self._found: list[FoundQuestion] = []
        self._pos = 0
        self._asked = {piece.key: piece.asked for piece in pieces}

    def parse(self) -> ParsedLine:
        line, count = self._line, len(self._wakes)
        index = 0
        # The open question's wake phrase; an empty one (start == end) where none was needed.
        question = Wake(0, 0, is_open=False) if self._rules.without_wake else None
        while True:
            if question is None:
                if index == count:
                    return self._idle()
                question, index = self._wakes[index], index + 1
                if question.words_end:
                    self._take_words_before(question)
                    question = None
                    continue
            following = next((n for n in range(index, count) if not self._wakes[n].words_end), count)
            stop = self._wakes[following].start if following < count else len(line)
            begin = self._begin(question)
            end = find_end(line, begin, stop, self._rules.max_chars)
            if end is not None:
                is_unnamed = self._rules.without_wake and not self._rules.always
                self._take(question, line[begin:end], line[end : end + 2 * CONTEXT_CHARS] if is_unnamed else "")
                question = Wake(end, end, is_open=False) if self._rules.always else None
                self._pos = end
                index = next((n for n in range(index, count) if self._wakes[n].start >= end), count)
            elif following < count:
                undecided = self._interrupt(question, line[begin:stop], following)
                if undecided is not None:
                    return undecided
                question, index = None, following
            else:
                return self._listening(question, line[begin:])

    def _take_words_before(self, wake: Wake) -> None:
        """Accept a question with its words before the name, and leave out the name: "What time is it, Omi?"."""
        name_end = len(self._line[: wake.end].rstrip("?？؟ "))
        self._take(wake, self._line[wake.start : wake.words_end] + self._line[name_end : wake.end])
        self._pos = wake.end

    def _begin(self, question: Wake) -> int:
        """Return the beginning of a question's words: after its wake phrase, or after thanks for the last answer."""
        if question.start < question.end:
            return question.end
        first_words = self._line[question.end : question.end + 2 * CONTEXT_CHARS]
        thanks_chars = skip_acknowledgement(first_words)
        return question.end + thanks_chars + skip_leading(first_words[thanks_chars:])

    def _interrupt(self, question: Wake, words: str, following: int) -> ParsedLine | None:
        """Accept a question that another wake phrase interrupts, unless it breaks off, or begins anew.

        Return the line as it is kept if only its next words can decide that: "hey Omi" may be "hey Omi team".
        """
        wake = self._wakes[following]
        after = self._line[wake.end : wake.end + len(words) + 2 * CONTEXT_CHARS]
        first, second = normalise(clean(words)), normalise(after)
        is_asked = question.start < question.end and judge_ending(words) is not Ending.UNFINISHED
        is_asked = is_asked and not (second and is_beginning(first, second))
        is_repeating = bool(second) and is_beginning(second, first)
        if _is_settled(after) and not (is_asked and is_repeating):
            if is_asked:
                self._take(question, words)
            return None
        if is_asked:
            name_at = 0 if is_repeating else wake.start - question.start
            heard = self._place(question, words)._replace(name_at=name_at)
        else:
            heard = self._place(wake, self._line[wake.end :])
        return ParsedLine(tuple(self._found), self._cut(question.start), 0, heard)

    def _take(self, question: Wake, words: str, after: str = "") -> None:
        found = self._place(question, words)
        if found.text:
            self._found.append(found._replace(after=after) if after else found)
            self._asked[found.key] += 1

    def _place(self, question: Wake, words: str) -> FoundQuestion:
        """Return a question with its segment: the one with the end of its wake phrase, or with its first word."""
        text = clean(words)
        text = text if has_words(text) else ""
        has_wake = question.start < question.end
        key = self._key_at(question.end - 1 if has_wake else self._begin(question))
        return FoundQuestion(text, key, self._asked[key], has_wake, may_be_mention=question.may_be_mention)

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
        # Keep the end of the sentence before, so that a name after it begins a sentence.
        start = self._pos - 1 if self._line[: self._pos].endswith(_SENTENCE_OVER) else self._pos
        kept = keep_rest(self._cut(start), self._line[start:])
        return ParsedLine(tuple(self._found), kept, sum(len(piece.text) for piece in kept), None)

    def _cut(self, start: int) -> tuple[Piece, ...]:
        return cut([Piece(piece.key, piece.text, self._asked[piece.key]) for piece in self._pieces], start)


def _is_settled(after: str) -> bool:
    """Return True when these words after a name are enough to decide for good if it is a wake phrase."""
    words = words_in(after)
    is_spaced = bool(words) and words[0] < _FIRST_UNSPACED
    return _SENTENCE_END.search(after) is not None or (is_spaced and len(words) >= _SETTLED_WORDS)


def cut(pieces: Sequence[Piece], start: int) -> tuple[Piece, ...]:
    """Return the pieces without their first `start` characters."""
    kept: list[Piece] = []
    for piece in pieces:
        if start < len(piece.text):
            kept.append(Piece(piece.key, piece.text[start:] if start else piece.text, piece.asked))
        start = max(0, start - len(piece.text))
    return tuple(kept)


def keep_rest(pieces: tuple[Piece, ...], line: str) -> tuple[Piece, ...]:
    """Return the part to keep of a line without a question: its last words, or nothing after a whole sentence."""
    return () if not line or _is_over(line) else cut(pieces, _last_words(line))


def keep_piece(key: str, text: str) -> tuple[Piece, ...]:
    """Return the same as `keep_rest` for a line of one piece; nearly every segment runs this."""
    if not text or (not text[-1].isalnum() and _is_over(text)):
        return ()
    return (Piece(key, text[_last_words(text) :]),)


def grow(pieces: tuple[Piece, ...], text: str) -> tuple[Piece, ...] | None:
    """Return the pieces with a longer version of the last ones, whose words it begins with; None if it does not.

    The version keeps the first one's key, so that its questions count as known. The first piece may have lost its
    beginning, which no longer mattered.
    """
    words = normalise(text, len(text))
    for n, piece in enumerate(pieces):
        known = normalise("".join(one.text for one in pieces[n:]), len(text) + 1)
        begin = 0 if n or not known else max(0, words.find(known))
        is_apart = not begin or words[begin - 1] == " "
        if known and is_apart and is_beginning(known, words[begin:]):
            glue = piece.text[: len(piece.text) - len(piece.text.lstrip())]
            return (*pieces[:n], Piece(piece.key, glue + text))
    return None


def is_piece(pieces: tuple[Piece, ...], key: str) -> bool:
    """Return True when one of the pieces is of the segment with this key."""
    for piece in pieces:  # noqa: SIM110 (nearly every segment runs this: half the time of any())
        if piece.key == key:
            return True
    return False


def _last_words(line: str) -> int:
    """Return the offset of the last words. They decide if a name after them is a wake phrase."""
    parts = line.rsplit(" ", CONTEXT_WORDS)
    start = len(parts[0]) if len(parts) > CONTEXT_WORDS else 0
    if len(line) - start <= CONTEXT_CHARS:
        return start
    start = len(line) - CONTEXT_CHARS
    blank = line.find(" ", start)
    return start if blank < 0 else blank
