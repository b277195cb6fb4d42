"""Reader of a chat completion, streamed or whole: bytes in, the answer's speech out.

It keeps the good parts of a server's answer, and does not give them up for a part that it does not understand.
Not here: the request (openai_model.py), lines and JSON (event_stream.py), the shapes of chunks (completion_chunk.py),
reasoning within the text (domain/answers/speech.py). Threads: none, pure.
"""

import re

from omi_actors.clients.completion_chunk import Chunk, Ending, read_broken_chunk, read_chunk
from omi_actors.clients.event_stream import Event, EventReader
from omi_actors.clients.model_refusals import read_refusal
from omi_actors.clients.tool_calls import ToolCalls
from omi_actors.domain.answers.limits import cut_answer
from omi_actors.domain.answers.speech import Speech
from omi_actors.errors import UpstreamEmptyError, UpstreamError, UpstreamRejectedError, UpstreamUnavailableError

# Bytes of a line, and of a whole answer, beside its tokens: ids, results of filters, comments during reasoning.
_LINE_BYTES = 64 * 1024
_REPLY_BYTES = 256 * 1024
# Most bytes of one token: as text with each character written as \uXXXX, and as an event of its own.
_TEXT_BYTES_PER_TOKEN = 32
_EVENT_BYTES_PER_TOKEN = 2048
# So many characters that begin like all text before them repeat it. Fewer may be a word that is said twice.
_REPEAT_CHARS = 16
_HIGH_SURROGATE = re.compile("[\ud800-\udbff]$")
_SURROGATE = re.compile("[\ud800-\udfff]")


class CompletionReader:
    """Reader of one answer of at most `max_tokens` (estimated); `max_tokens` also bounds its memory.

    Example:
        reader = CompletionReader(max_tokens=500)
        async for data in response.aiter_bytes(): reader.feed(data)
        text, _ = reader.finish()  # raises if the stream broke off before the answer's end
    """

    def __init__(self, max_tokens: int, *, is_withheld: bool = False, is_verbatim: bool = False) -> None:
        """`is_withheld`: the model is known to reason without an opening tag; see `Speech`.

        `is_verbatim`: calls of tools are a part of the answer, and one that was cut is not trimmed.
        """
        # Tokens of question and answer together, and of each; 0 until the server reports them.
        self.tokens = 0
        self.counts = (0, 0)
        # The calls of tools, if they are a part of the answer.
        self.calls = ToolCalls()
        self._is_verbatim = is_verbatim
        self._events = EventReader(
            max_line_bytes=_LINE_BYTES + _TEXT_BYTES_PER_TOKEN * max_tokens,
            max_bytes=_REPLY_BYTES + _EVENT_BYTES_PER_TOKEN * max_tokens,
        )
        self._speech = Speech(max_tokens, is_withheld=is_withheld)
        # Half of a character that the server has cut in two.
        self._half = ""
        self._ending: Ending | None = None
        self._is_refused = False
        self._has_broken = False
        self._values = self._choices = 0
        # All text up to now, which a message or the last delta may repeat.
        self._told = ""
        self._is_message = False
        # The last value that is no chunk.
        self._odd: object = None

    @property
    def is_full(self) -> bool:
        """Return True if the answer is longer than its (estimated) limit of tokens; the caller should stop reading."""
        return self._speech.is_full

    @property
    def is_cut(self) -> bool:
        """Return True if the answer was cut at its limit of tokens, by this reader or by the server."""
        return self.is_full or self._ending is Ending.LENGTH

    @property
    def is_done(self) -> bool:
        """Return True once the stream has sent the mark of its end, `[DONE]`."""
        return self._events.is_done

    @property
    def has_ended(self) -> bool:
        """Return True once the answer is complete. Its count of tokens may follow, and from some servers more text."""
        return self.is_done or self._speech.is_over or self._ending not in (None, Ending.UNKNOWN)

    @property
    def is_unopened(self) -> bool:
        """Return True if the model has reasoned without an opening tag."""
        return self._speech.is_unopened

    def feed(self, data: bytes) -> list[str]:
        """Take the next bytes; return the pieces that they add to the answer. An empty piece cancels all before it.

        Raises:
            UpstreamError: the server reports a failure, or sends an HTML page, a damaged event, or too many bytes.
        """
        return self._take_events(self._events.feed(data))

    def finish(self) -> tuple[str, list[str]]:
        """Return the whole answer, and its pieces that were held back until now.

        An answer that was cut ends at a sentence's end, with a mark.

        Raises:
            UpstreamUnavailableError: the stream ended before the answer did, or the answer has no text.
            UpstreamRejectedError: the model refused the content, or used up its tokens before its first word.
        """
        pieces = self._take_events(self._events.finish())
        if self._half:
            pieces += self._speech.take("\ufffd")
        pieces += self._speech.finish(is_whole=not self.is_cut)
        self._check_end()
        text = self._speech.text.strip()
        if not text and not self.calls:
            raise self._explain_silence()
        return (cut_answer(text) if self.is_cut and not self._is_verbatim else text), pieces

    @property
    def _is_settled(self) -> bool:
        """Return True once the answer is complete. A damaged event or an error that comes later is ignored."""
        return self._speech.is_over or self._ending in (Ending.WHOLE, Ending.LENGTH, Ending.REFUSED)

    def _check_end(self) -> None:
        if self._is_refused or self._ending is Ending.REFUSED:
            raise UpstreamRejectedError("the model refused the content of the question", code="content_refused")
        if self.is_full or self._speech.is_over:
            return
        # A whole message is an answer as it is; so is one without a finish reason whose stream has said its end.
        is_whole = self.is_done or (self._is_message and self._choices == 1)
        if self._ending in (Ending.WHOLE, Ending.LENGTH) or (self._ending is None and is_whole):
            return
        if self._events.is_empty or self._is_empty_completion():
            return
        if self._odd is not None and not self._choices:
            raise read_refusal(200, self._odd)
        if self._events.words and not self._values:
            raise read_refusal(200, self._events.words)
        raise UpstreamUnavailableError("the model's server cut its answer")

    def _is_empty_completion(self) -> bool:
        """Return True if all that came is a completion without a choice."""
        return self._values == 1 and isinstance(self._odd, dict) and "choices" in self._odd

    def _explain_silence(self) -> UpstreamError:
        if self.is_cut:
            return UpstreamRejectedError(
                "the model used all its tokens before the first word of its answer", code="thought_too_long"
            )
        if self._has_broken:
            return UpstreamUnavailableError("the model's server sent an invalid completion")
        return UpstreamEmptyError("the model's answer has no text: it is empty, reasoning, or a tool call only")

    def _take_events(self, events: list[Event]) -> list[str]:
        if self._events.page:
            raise read_refusal(200, self._events.page)
        pieces: list[str] = []
        for event in events:
            values = event.value if isinstance(event.value, list) else [event.value]
            for value in values:
                if not self.is_full:
                    pieces += self._take_value(value, event)
        return _join(pieces)

    def _take_value(self, value: object, event: Event) -> list[str]:
        self._values += 1
        if isinstance(value, dict):
            return self._take(read_chunk(value, event.name), value)
        if event.name == "error":
            raise read_refusal(200, value)
        return self._take_broken(str(value)) if event.is_broken else []

    def _take_broken(self, text: str) -> list[str]:
        """Take the text of an event that is no valid JSON. After the answer's end, and without a {, ignore it."""
        if self._is_settled or not text.lstrip().startswith("{"):
            return []
        chunk = read_broken_chunk(text)
        if chunk is None:
            raise UpstreamUnavailableError("the model's server sent an invalid completion")
        return self._take(chunk, {})

    def _take(self, chunk: Chunk, value: object) -> list[str]:
        if chunk.is_error and not self._is_settled:
            raise read_refusal(200, value)
        self.tokens = chunk.tokens or self.tokens
        self.counts = chunk.counts if any(chunk.counts) else self.counts
        if self._is_verbatim:
            self.calls.take(chunk.calls)
        if not chunk.has_choice:
            self._odd = value
            return []
        self._choices += 1
        self._is_refused = self._is_refused or chunk.is_refusal
        pieces = self._speech.trust() if chunk.has_reasoning else []
        pieces += self._take_text(chunk)
        self._ending = chunk.ending or self._ending
        return pieces

    def _take_text(self, chunk: Chunk) -> list[str]:
        text = self._without_repeat(chunk)
        self._told += text
        text = self._join_halves(text).replace("\0", "")  # PostgreSQL stores no NUL
        return self._speech.take(text) if text else []

    def _without_repeat(self, chunk: Chunk) -> str:
        """Return the new part of a chunk: some servers send the whole text again, at the end or with each message."""
        text, told = chunk.text, self._told
        is_first, self._is_message = chunk.is_message and not self._is_message, chunk.is_message or self._is_message
        is_grown = chunk.is_message and len(text) > len(told)
        is_last = len(told) >= _REPEAT_CHARS and (chunk.is_message or chunk.ending is not None)
        if told and text.startswith(told) and (is_grown or is_last):
            return text.removeprefix(told)
        return "" if told and is_first else text

    def _join_halves(self, text: str) -> str:
        """Join halves of characters, replace a lone half, keep a half at the end for later; return the rest."""
        if not self._half and not _SURROGATE.search(text):
            return text
        text = self._half + text
        found = _HIGH_SURROGATE.search(text)
        self._half = found.group() if found else ""
        text = text[: len(text) - len(self._half)]
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _join(pieces: list[str]) -> list[str]:
    """Join the pieces after the last empty one. If there is an empty one, put it in front: it cancels all before it."""
    kept = len(pieces) - pieces[::-1].index("") if "" in pieces else 0
    text = "".join(pieces[kept:])
    return [""] * bool(kept) + [text] * bool(text)
