"""The speech in a model's text: without its reasoning, its calls of tools and the marks of its chat template.

Not here: the marks (marks.py), reasoning in fields of its own (clients/completion_chunk.py). Threads: none, pure.
"""

import re
from enum import Enum, auto

from omi_actors.domain.answers.limits import AnswerRoom
from omi_actors.domain.answers.marks import MARK, MARK_OR_LINE, find_half_mark, is_half_mark, may_have_mark

# A quoted mark is speech: its quotation marks.
_QUOTES = {"`": "`", '"': '"', "'": "'", "“": "”", "‘": "’", "«": "»", "„": "“", "「": "」"}
# A tag within a sentence, as of one who speaks about it: a word or a comma, and a space before it.
_MID_SENTENCE = re.compile(r"[\w,;:] $")
_ROLE = re.compile(r"\s*\w*\s*")
# Roles in a model's text that are not its own: it goes on with the conversation by itself.
_OTHERS_TURN = ("user", "human", "system", "developer", "tool", "ipython", "observation")
# Characters of a role or channel with its parameters. More is text after a mark that has none.
_LONGEST_HEADER = 60
# Last characters of the speech that are kept to look back at.
_TAIL_CHARS = 8

# Beginnings of reasoning whose opening tag stands in the prompt: nobody says "the user" to the user. In lower case.
_UNOPENED = (
    *("the user", "user asks", "user wants", "okay, the user", "okay, so", "okay, let", "ok, the user", "ok, so"),
    *("alright, the user", "alright, so", "alright, let", "so, the user", "so the user", "first, the user"),
    *("hmm", "let me think", "let me see", "let's think", "we need to ", "i need to ", "i should ", "the question "),
    *("we are asked", "they ask", "thinking:", "thinking process", "here's a thinking process"),
    *("here is my thought process:", "analysis", "用户", "好的，用户", "嗯，"),
)
# Reasoning and answer apart by words only: Harmony's channels without their marks, and Granite.
_BARE = {"analysis": "assistantfinal", "Here is my thought process:": "Here is my response:"}

# A piece that voids all before it.
_VOID = ""


class _Mode(Enum):
    SPEECH = auto()
    # Reasoning, a call of a tool, or another's turn.
    HIDDEN = auto()
    # Between the mark of a turn or channel and its text: role and name.
    HEADER = auto()
    OVER = auto()


class Speech:
    """The speech of one answer, whose text comes in pieces. Only what may be the beginning of a mark is held back.

    An end tag of reasoning without its opening tag makes all text before it reasoning. So text that begins like
    reasoning is held back until that tag or the end comes; with `is_withheld` any text is. `max_tokens` limits the
    speech only.

    Example:
        speech = Speech(max_tokens=500)
        speech.take("<think>Hm.</think>The sh")  # ["The sh"]
        speech.take("op opens at nine.<|im_end|>")  # ["op opens at nine."]
        speech.text  # "The shop opens at nine."
    """

    def __init__(self, max_tokens: int, *, is_withheld: bool = False) -> None:
        # The reasoning had no opening tag.
        self.is_unopened = False
        self._max_tokens = max_tokens
        self._room = AnswerRoom(max_tokens)
        self._parts: list[str] = []
        self._out: list[str] = []
        # The unread end of the text: it may be the beginning of a mark.
        self._rest = ""
        self._mode = _Mode.SPEECH
        self._family = ""
        self._header = ""
        self._is_channel = False
        self._tail = ""
        self._is_after_hidden = False
        self._is_wrapped = False
        self._has_thought = False
        # Text that is speech only if the tag before it is never closed.
        self._doubtful: list[str] | None = None
        self._void = ""
        self._is_withheld = True
        # It is known whether the text is withheld to its end; and its beginning is that of a bare channel.
        self._is_decided = is_withheld
        self._bare_final = ""

    @property
    def text(self) -> str:
        """The speech up to now."""
        return "".join(self._parts)

    @property
    def is_full(self) -> bool:
        """Return True if the speech is longer than its (estimated) limit of tokens; the rest is not taken."""
        return self._room.is_full

    @property
    def is_over(self) -> bool:
        """Return True once the model has ended its turn by a mark; text after it is no speech."""
        return self._mode is _Mode.OVER

    def take(self, text: str) -> list[str]:
        """Take the next piece of text; return the pieces of speech that it adds. An empty one voids all before it."""
        is_plain = self._mode is _Mode.SPEECH and not self._rest and not may_have_mark(text)
        if is_plain:
            self._put(text)
        else:
            self._read(self._rest + text, is_last=False)
        return self._flush()

    def trust(self) -> list[str]:
        """Hold nothing back as reasoning without an opening tag: the server sends reasoning apart from the text."""
        self._has_thought = True
        self._release()
        return self._flush()

    def finish(self, *, is_whole: bool) -> list[str]:
        """End the text; return its last pieces. `is_whole`: the model has ended it itself."""
        self._read(self._rest, is_last=True)
        if self._mode is _Mode.HEADER and not self._tail and not _ROLE.fullmatch(self._header):
            self._mode = _Mode.SPEECH
            self._put(self._header)
        if is_whole and self._doubtful is not None:
            self._say("".join(self._doubtful))
        if not self.text.strip() and self._void:
            self._say(self._void)
        if self._is_withheld and not is_whole:  # it began like reasoning, and the model came to no end of it
            self._parts = []
        self._release()
        return self._flush()

    def _read(self, text: str, *, is_last: bool) -> None:
        at = 0
        while self._mode is not _Mode.OVER:
            pattern = MARK_OR_LINE if self._mode is _Mode.HEADER else MARK
            found = pattern.search(text, at)
            if found is None:
                break
            self._put(text[at : found.start()])
            is_said = self._is_said(found, is_last=is_last)
            if is_said is None:
                self._rest = text[found.start() :]
                return
            at = found.end()
            if is_said:
                self._put(found.group())
            else:
                self._act(str(found.lastgroup), found.group())
        end = find_half_mark(text, at)
        if is_last and not is_half_mark(text[end:]):
            end = len(text)
        self._put(text[at:end])
        self._rest = "" if is_last else text[end:]

    def _is_said(self, found: re.Match[str], *, is_last: bool) -> bool | None:
        """Return True if this mark is quoted or a tag of the text, None if what follows it decides that."""
        if self._mode is not _Mode.SPEECH:
            return False
        following = found.string[found.end() :]
        quote = _QUOTES.get(self._tail[-1:])
        if quote is not None and not following and not is_last:
            return None
        if quote is not None and following.startswith(quote):
            return True
        match found.lastgroup:
            case "first":
                return bool(self._tail)
            case "last":
                return self._is_last_said(following, is_last=is_last)
            case "wrap":
                is_closing = found.group().startswith("</")
                return not (self._is_wrapped if is_closing else self._has_thought or not self._tail)
            case _:
                return False

    def _is_last_said(self, following: str, *, is_last: bool) -> bool | None:
        if "<s>" in self.text:
            return True
        following = following.lstrip()
        if not following or find_half_mark(following) == 0:
            return False if is_last else None
        return MARK.match(following) is None

    def _act(self, kind: str, mark: str) -> None:
        match kind:
            case "open_thought" | "open_call":
                self._hide(kind.removeprefix("open_"), mark)
            case "close_thought" | "close_call":
                self._close(kind.removeprefix("close_"), mark)
            case "channel":
                self._begin_header(is_channel=True)
            case "turn":
                self._end_turn() if self._is_speaking() else self._begin_header(is_channel=False)
            case "body" | "line":
                self._end_header()
            case "end" | "last":
                self._end_turn()
            case "wrap":
                self._is_wrapped = True

    def _is_speaking(self) -> bool:
        return self._mode is _Mode.SPEECH and bool(self._tail)

    def _end_turn(self) -> None:
        if self._is_speaking():
            self._mode = _Mode.OVER

    def _hide(self, family: str, mark: str) -> None:
        if self._mode is _Mode.HIDDEN:
            self._put(mark)
            return
        self._doubtful = [mark] if self._is_speaking() and _MID_SENTENCE.search(self._tail) else None
        self._mode, self._family = _Mode.HIDDEN, family
        self._has_thought = True

    def _close(self, family: str, mark: str) -> None:
        if self._mode is _Mode.HIDDEN and family != self._family:
            self._put(mark)
            return
        if self._mode is not _Mode.HIDDEN and family == "thought":
            self._void_all()
        self._mode, self._family, self._doubtful = _Mode.SPEECH, "", None
        self._is_after_hidden = True
        self._release()

    def _void_all(self) -> None:
        """Make all text before this reasoning. Its opening tag stood in the prompt, or the model reasons once more."""
        if self._tail and not self._is_withheld:
            self._out = [_VOID]
        self._void = self.text if self._has_thought else ""
        self.is_unopened = self.is_unopened or not self._has_thought
        self._parts, self._tail, self._has_thought = [], "", True
        self._room = AnswerRoom(self._max_tokens)

    def _begin_header(self, *, is_channel: bool) -> None:
        self._mode, self._header, self._is_channel = _Mode.HEADER, "", is_channel

    def _end_header(self) -> None:
        """Decide by its header what a turn or channel is."""
        if self._mode is not _Mode.HEADER:
            return
        name = self._header.strip().lower()
        is_speech = "final" in name if self._is_channel and name else not name.startswith(_OTHERS_TURN)
        self._mode, self._family = (_Mode.SPEECH if is_speech else _Mode.HIDDEN), "thought"
        self._has_thought = self._has_thought or not is_speech

    def _put(self, text: str) -> None:
        """Take text without marks, by the mode."""
        if self._mode is _Mode.SPEECH:
            self._say(text)
        elif self._mode is _Mode.HIDDEN and self._doubtful is not None:
            self._doubtful.append(text)
        elif self._mode is _Mode.HEADER:
            self._header += text
            if len(self._header) > _LONGEST_HEADER:  # a mark of a turn that has no header
                self._mode = _Mode.SPEECH
                self._say(self._header)

    def _say(self, text: str) -> None:
        if not self._tail or (self._is_after_hidden and self._tail[-1].isspace()):
            text = text.lstrip()
        if not text:
            return
        self._is_after_hidden = False
        self._tail = (self._tail + text)[-_TAIL_CHARS:]
        if self._is_withheld:
            self._parts.append(text)
            self._decide()
        else:
            self._add(text)

    def _add(self, text: str) -> None:
        if text := self._room.take(text):
            self._parts.append(text)
            self._out.append(text)

    def _decide(self) -> None:
        """Release the text, unless it begins like reasoning, or may do so."""
        if self._is_decided and not self._bare_final:
            return
        text = self.text
        if not self._is_decided:
            self._is_decided = text.lower().startswith(_UNOPENED)
            self._bare_final = next((final for begin, final in _BARE.items() if text.startswith(begin)), "")
            if not self._is_decided and not any(one.startswith(text.lower()) for one in _UNOPENED):
                self._release()
        if self._bare_final and self._bare_final in text:
            self._parts = [text.partition(self._bare_final)[2].lstrip()]
            self._tail = self.text[-_TAIL_CHARS:]
            self._release()

    def _release(self) -> None:
        if self._is_withheld:
            self._is_withheld = False
            text, self._parts = self.text, []
            self._add(text)

    def _flush(self) -> list[str]:
        pieces, self._out = self._out, []
        return pieces
