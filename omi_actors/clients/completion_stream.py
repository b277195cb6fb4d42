"""Parser of a streamed chat completion: bytes in, the answer's text out.

Not here: the request and its errors (openai_model.py). Threads: none, pure.
Source: OpenAI's Chat Completions API, server-sent events: `data: {chunk}` lines, ended by `data: [DONE]`.
"""

from contextlib import suppress

import msgspec

from omi_actors.domain.answers.limits import AnswerRoom, cut_answer
from omi_actors.errors import UpstreamRejectedError, UpstreamUnavailableError

_DATA = b"data:"
_END = b"[DONE]"
_LINE_ENDS = (b"\n", b"\r")
# Bytes of a line, and of a whole answer, beside its tokens: ids, results of filters, comments during reasoning.
_LINE_BYTES = 64 * 1024
_REPLY_BYTES = 256 * 1024
# Most bytes of one token: as text with each character written as \uXXXX, and as an event of its own.
_TEXT_BYTES_PER_TOKEN = 32
_EVENT_BYTES_PER_TOKEN = 2048


class _Delta(msgspec.Struct):
    content: str | None = None
    refusal: str | None = None


class _Choice(msgspec.Struct):
    delta: _Delta | None = None
    finish_reason: str | None = None


class _Usage(msgspec.Struct):
    total_tokens: int = 0


class _Chunk(msgspec.Struct):
    choices: list[_Choice] = []
    error: msgspec.Raw = msgspec.Raw()
    usage: msgspec.Raw = msgspec.Raw()


_decode_usage = msgspec.json.Decoder(_Usage | None).decode
_decode = msgspec.json.Decoder(_Chunk).decode


class CompletionReader:
    """Reader of one answer of at most `max_tokens` (estimated); `max_tokens` also bounds its memory.

    Example:
        reader = CompletionReader(max_tokens=500)
        async for data in response.aiter_bytes(): reader.feed(data)
        text = reader.finish()  # raises if the stream broke off before the answer's end
    """

    def __init__(self, max_tokens: int) -> None:
        # Tokens of question and answer; 0 until the server reports them.
        self.tokens = 0
        self._parts: list[str] = []
        self._room = AnswerRoom(max_tokens)
        self._max_line_bytes = _LINE_BYTES + _TEXT_BYTES_PER_TOKEN * max_tokens
        self._left_bytes = _REPLY_BYTES + _EVENT_BYTES_PER_TOKEN * max_tokens
        # The unfinished last line.
        self._rest = bytearray()
        self._is_ended = False
        self._reason = ""
        self._is_refused = False

    @property
    def is_full(self) -> bool:
        """Return True if the answer goes on past its tokens; the rest should not be read."""
        return self._room.is_full

    @property
    def is_cut(self) -> bool:
        """Return True if the answer was cut at its tokens, by us or by the server."""
        return self.is_full or self._reason == "length"

    def feed(self, data: bytes) -> str:
        """Take the stream's next bytes; return the text that they add to the answer.

        Raises:
            UpstreamUnavailableError: a line is invalid, line or stream are too long, or the server reports a failure.
        """
        self._rest += data
        self._left_bytes -= len(data)
        has_line = b"\n" in data or b"\r" in data
        if self._left_bytes < 0 or (not has_line and len(self._rest) > self._max_line_bytes):
            raise UpstreamUnavailableError("the model's server sent more bytes than an answer may have")
        if not has_line:
            return ""
        lines = bytes(self._rest).splitlines(keepends=True)
        self._rest = bytearray(b"" if lines[-1].endswith(_LINE_ENDS) else lines.pop())
        return "".join(map(self._read_line, lines))

    def _read_line(self, line: bytes) -> str:
        if self.is_full or not line.startswith(_DATA):
            return ""
        data = line[len(_DATA) :].strip()
        if data == _END:
            self._is_ended = True
            return ""
        try:
            chunk = _decode(data)
        except msgspec.MsgspecError as exc:
            raise UpstreamUnavailableError("the model's server sent an invalid completion") from exc
        if chunk.error:
            raise UpstreamUnavailableError("the model's server broke off with an error")
        if chunk.usage:
            self._note_usage(chunk.usage)
        return self._take(chunk)

    def finish(self) -> str:
        """Return the whole answer; one that was cut ends at a sentence's end, with a mark.

        Raises:
            UpstreamUnavailableError: the stream ended before the answer did, or the answer is empty.
            UpstreamRejectedError: the model refused the content, or used up its tokens before its first word.
        """
        self.feed(b"\n")  # some servers do not end the last line
        if not (self._is_ended or self.is_full):
            raise UpstreamUnavailableError("the model's server cut its answer")
        if self._is_refused or self._reason == "content_filter":
            raise UpstreamRejectedError("the model refused the content of the question", code="content_refused")
        text = "".join(self._parts).strip()
        if not text and self._reason == "length":
            raise UpstreamRejectedError(
                "the model used all its tokens before the first word of its answer", code="thought_too_long"
            )
        if not text:
            raise UpstreamUnavailableError("the model's answer was empty")
        return cut_answer(text) if self.is_cut else text

    def _note_usage(self, raw: msgspec.Raw) -> None:
        """Note the tokens, and ignore a count of an unknown form."""
        with suppress(msgspec.MsgspecError):
            usage = _decode_usage(raw)
            if usage is not None and usage.total_tokens > 0:
                self.tokens = usage.total_tokens

    def _take(self, chunk: _Chunk) -> str:
        added = ""
        for choice in chunk.choices:
            if choice.delta is not None:
                added += self._room.take(choice.delta.content or "")
                self._is_refused = self._is_refused or bool(choice.delta.refusal)
            if choice.finish_reason is not None:
                self._is_ended = True
                self._reason = choice.finish_reason
        self._parts.append(added)
        return added
