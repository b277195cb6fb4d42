"""A streamed chat completion: from its bytes to the answer's text.

Not here: the request and its errors (openai_model.py). Threads: none, pure.
Source: OpenAI's Chat Completions API, server-sent events: `data: {chunk}` lines, ended by `data: [DONE]`.
"""

from contextlib import suppress

import msgspec

from omi_actors.errors import UpstreamRejectedError, UpstreamUnavailableError

_DATA = b"data:"
_END = b"[DONE]"
_LINE_ENDS = (b"\n", b"\r")


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
    """Collects one answer. An answer counts only when its end was seen: half a sentence is no answer."""

    def __init__(self) -> None:
        # Of the question and its answer; 0 until, and unless, the server has told.
        self.tokens = 0
        self._parts: list[str] = []
        # The beginning of a line whose end has not come yet.
        self._rest = b""
        self._is_ended = False
        self._reason = ""
        self._is_refused = False

    def feed(self, data: bytes) -> str:
        """Take bytes of the stream as they come; return the text that they add to the answer.

        Raises:
            UpstreamUnavailableError: a line is no chunk, or tells of a failure of the model's server.
        """
        lines = (self._rest + data).splitlines(keepends=True)
        self._rest = lines.pop() if lines and not lines[-1].endswith(_LINE_ENDS) else b""
        return "".join(map(self._read_line, lines))

    def _read_line(self, line: bytes) -> str:
        if not line.startswith(_DATA):
            return ""
        data = line[len(_DATA) :].strip()
        if data == _END:
            self._is_ended = True
            return ""
        try:
            chunk = _decode(data)
        except msgspec.MsgspecError as exc:
            raise UpstreamUnavailableError("the model's server sent something that is not a completion") from exc
        if chunk.error:
            raise UpstreamUnavailableError("the model's server broke off with an error")
        if chunk.usage:
            self._note_usage(chunk.usage)
        return self._take(chunk)

    def finish(self) -> str:
        """Return the whole answer.

        Raises:
            UpstreamUnavailableError: the stream ended before the answer did, or the answer is empty.
            UpstreamRejectedError: the model refused the content, or used up its tokens before its first word.
        """
        self.feed(b"\n")  # some leave the last line without an end
        if not self._is_ended:
            raise UpstreamUnavailableError("the model's server cut its answer")
        if self._is_refused or self._reason == "content_filter":
            raise UpstreamRejectedError("the model refused the content of the question", code="content_refused")
        text = "".join(self._parts).strip()
        if not text and self._reason == "length":
            raise UpstreamRejectedError(
                "the model used up all its tokens before the first word of its answer", code="thought_too_long"
            )
        if not text:
            raise UpstreamUnavailableError("the model's answer was empty")
        return text

    def _note_usage(self, raw: msgspec.Raw) -> None:
        """Note the tokens. A count of another form is none: an answer is not lost over its price."""
        with suppress(msgspec.MsgspecError):
            usage = _decode_usage(raw)
            if usage is not None and usage.total_tokens > 0:
                self.tokens = usage.total_tokens

    def _take(self, chunk: _Chunk) -> str:
        added = ""
        for choice in chunk.choices:
            if choice.delta is not None:
                added += choice.delta.content or ""
                self._is_refused = self._is_refused or bool(choice.delta.refusal)
            if choice.finish_reason is not None:
                self._is_ended = True
                self._reason = choice.finish_reason
        self._parts.append(added)
        return added
