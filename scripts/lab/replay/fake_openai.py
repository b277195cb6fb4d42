"""Fake of OpenAI's Chat Completions: it repeats the question as its answer, with faults on demand.

Not here: the product's client (clients/openai_model.py), threads and processes (fake_openai_process.py).
Threads: the loop that started it; any thread may set `mode`.
"""

import asyncio
import contextlib
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import tornado.httpserver
import tornado.iostream
import tornado.netutil
import tornado.web


class Mode(StrEnum):
    """Modes of the fake. `delay` waits `delay_s` first; `trickle` waits before each piece, `drip` before each byte.

    `timed` streams one piece, the monotonic seconds of its sending, and waits before it ends the stream. `endless`
    streams sentences as fast as the client reads, until it hangs up. `filtered` and `refusal` are two kinds of refusal;
    `thinking` uses all its tokens before the first word.
    """

    NORMAL = "normal"
    DELAY = "delay"
    TRICKLE = "trickle"
    DRIP = "drip"
    TIMED = "timed"
    ENDLESS = "endless"
    HANG = "hang"
    CUT = "cut"
    UNAUTHORIZED = "unauthorized"
    NO_QUOTA = "no_quota"
    RATE_LIMIT = "rate_limit"
    SERVER_ERROR = "server_error"
    MALFORMED = "malformed"
    NO_MODEL = "no_model"
    BAD_CONTENT = "bad_content"
    TOO_LONG = "too_long"
    FILTERED = "filtered"
    REFUSAL = "refusal"
    THINKING = "thinking"
    EMPTY = "empty"


# mode: status, code and text of the error
_ERRORS = {
    Mode.UNAUTHORIZED: (401, "invalid_api_key", "Incorrect API key provided."),
    Mode.NO_QUOTA: (429, "insufficient_quota", "You exceeded your current quota."),
    Mode.RATE_LIMIT: (429, "rate_limit_exceeded", "Rate limit reached for requests."),
    Mode.SERVER_ERROR: (500, "server_error", "The server had an error."),
    Mode.NO_MODEL: (404, "model_not_found", "The model does not exist."),
    Mode.BAD_CONTENT: (400, "content_filter", "The prompt was refused."),
    Mode.TOO_LONG: (400, "context_length_exceeded", "The prompt is too long."),
}
# mode: finish reason of a streamed answer without words
_WORDLESS = {Mode.FILTERED: "content_filter", Mode.REFUSAL: "stop", Mode.THINKING: "length", Mode.EMPTY: "stop"}
_PIECE = 4
_SENTENCE = "It is far away, and it goes farther. "


@dataclass
class FakeOpenAI:
    """State of the fake: set fields at any time; read `calls` (request bodies, oldest first).

    `left` is set once a client has hung up before its answer. `modes` overrides `mode` by the model's name. `tokens` is
    the reported cost of an answer; 0: none is reported. `is_strict` refuses requests for that cost.

    `takes` names the only parameters allowed beside those of every request, `efforts` the allowed words of
    `reasoning_effort`; `names_parameter`: a refusal has the parameter in a field, else in its text only. A question
    that contains `hangs_on`, if not empty, is never answered. `say` makes the answer of a question. A streamed question
    that comes with tools is answered with the pieces `tool_calls`, if there are any. `usage` replaces `tokens`.
    """

    mode: Mode = Mode.NORMAL
    modes: dict[str, Mode] = field(default_factory=dict)
    takes: frozenset[str] | None = None
    efforts: frozenset[str] | None = None
    names_parameter: bool = True
    delay_s: float = 0.0
    tokens: int = 0
    is_strict: bool = False
    retry_after: str = "1"
    hangs_on: str = ""
    say: Callable[[str], str] = "You asked: {}".format
    tool_calls: list[dict[str, Any]] = field(default_factory=list)
    usage: dict[str, int] | None = None
    calls: list[dict[str, Any]] = field(default_factory=list)
    left: asyncio.Event = field(default_factory=asyncio.Event)
    url: str = ""

    def listen(self, port: int = 0) -> tornado.httpserver.HTTPServer:
        """Serve on the running loop and set `url`. The caller stops the returned server."""
        sockets = tornado.netutil.bind_sockets(port, "127.0.0.1")
        self.url = f"http://127.0.0.1:{sockets[0].getsockname()[1]}/v1"
        routes: list[Any] = [
            ("/v1/chat/completions", _Completions, {"fake": self}),
            ("/v1/models", _Models, {"fake": self}),
        ]
        server = tornado.httpserver.HTTPServer(tornado.web.Application(routes, log_function=lambda _: None))
        server.add_sockets(sockets)
        return server


class _Models(tornado.web.RequestHandler):
    def initialize(self, fake: FakeOpenAI) -> None:
        """Take the arguments of the route."""
        self.fake = fake

    def get(self) -> None:
        """List one model, or fail by the mode."""
        if self.fake.mode in _ERRORS:
            self.set_status(_ERRORS[self.fake.mode][0])
            self.finish({"error": {"message": _ERRORS[self.fake.mode][2], "code": _ERRORS[self.fake.mode][1]}})
            return
        self.finish({"object": "list", "data": [{"id": "gpt-5-mini", "object": "model"}]})


class _Completions(tornado.web.RequestHandler):
    fake: FakeOpenAI

    def initialize(self, fake: FakeOpenAI) -> None:
        """Take the arguments of the route."""
        self.fake = fake
        self.gone = asyncio.Event()

    def on_connection_close(self) -> None:
        """End a call that hangs."""
        self.gone.set()
        self.fake.left.set()

    async def post(self) -> None:
        """Answer by the mode."""
        body = json.loads(self.request.body)
        self.fake.calls.append(body)
        self.mode = self.fake.modes.get(body["model"], self.fake.mode)
        if self._refuse(body):
            return
        is_hung = bool(self.fake.hangs_on) and self.fake.hangs_on in body["messages"][-1]["content"]
        if is_hung or self.mode is Mode.HANG:
            await self.gone.wait()
            return
        if self.mode is Mode.ENDLESS:
            await self._stream_for_ever(body["model"])
            return
        if self.mode is Mode.DELAY:
            await asyncio.sleep(self.fake.delay_s)
        text = self.fake.say(body["messages"][-1]["content"])
        await (self._stream(body, text) if body.get("stream") else self._answer(body, text))

    def _refuse(self, body: dict[str, Any]) -> bool:
        """Answer with an error when the mode or the request requires it; return True when it did."""
        if self.fake.is_strict and "stream_options" in body:
            self.set_status(422)
            self.finish({"detail": [{"type": "extra_forbidden", "loc": ["body", "stream_options"]}]})
        elif self.mode in _ERRORS:
            if self.mode is Mode.RATE_LIMIT:
                self.set_header("Retry-After", self.fake.retry_after)
            self._fail(*_ERRORS[self.mode])
        elif refused := self._find_unsupported(body):
            self._fail(400, *refused)
        elif not body.get("messages"):
            self._fail(400, "missing_required_parameter", "Missing required parameter: 'messages'.")
        elif str(body.get("model", "")).startswith("gpt-5") and "max_tokens" in body:
            self._fail(400, "unsupported_parameter", "Unsupported parameter: 'max_tokens'.")
        elif str(body.get("model", "")).startswith("gpt-5") and body.get("temperature", 1) != 1:
            self._fail(400, "unsupported_value", "Unsupported value: 'temperature'.")
        else:
            return False
        return True

    def _find_unsupported(self, body: dict[str, Any]) -> tuple[str, str, str] | None:
        takes, efforts = self.fake.takes, self.fake.efforts
        for name in body:
            if takes is not None and name not in takes | {"model", "messages", "stream"}:
                return "unsupported_parameter", f"Unsupported parameter: '{name}'.", name
        if efforts is not None and body.get("reasoning_effort") not in efforts | {None}:
            return "unsupported_value", "Unsupported value: 'reasoning_effort'.", "reasoning_effort"
        return None

    def _fail(self, status: int, code: str, message: str, parameter: str = "") -> None:
        kind = {401: "authentication_error", 429: code, 500: "server_error"}.get(status, "invalid_request_error")
        named = parameter if parameter and self.fake.names_parameter else None
        self.set_status(status)
        self.finish({"error": {"message": message, "type": kind, "param": named, "code": code}})

    async def _answer(self, body: dict[str, Any], text: str) -> None:
        message = {"role": "assistant", "content": text}
        whole = json.dumps(
            {
                "id": "chatcmpl-fake",
                "object": "chat.completion",
                "created": 1_790_000_000,
                "model": body["model"],
                "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
                "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
            }
        )
        self.set_header("Content-Type", "application/json")
        if self.mode is Mode.MALFORMED:
            whole = whole[: len(whole) // 2]
        if self.mode in {Mode.TRICKLE, Mode.CUT}:
            self.set_header("Content-Length", str(len(whole.encode())))
            await self._write_pieces([whole[at : at + _PIECE] for at in range(0, len(whole), _PIECE)])
        else:
            self.write(whole)
        self._end()

    def _build_events(self, body: dict[str, Any], text: str) -> list[str]:
        pieces = [text[at : at + _PIECE] for at in range(0, len(text), _PIECE)]
        deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}, *({"content": piece} for piece in pieces)]
        end = "stop"
        if self.fake.tool_calls and body.get("tools") and body["messages"][-1]["role"] == "user":
            deltas, end = [{"tool_calls": [piece]} for piece in self.fake.tool_calls], "tool_calls"
        events = [_event(body["model"], delta, None) for delta in deltas]
        if self.mode is Mode.MALFORMED:
            events = ["data: {this is no JSON\n\n"]
        if self.mode in _WORDLESS:
            events, end = [_event(body["model"], {"role": "assistant"}, None)], _WORDLESS[self.mode]
        if self.mode is Mode.REFUSAL:
            events.append(_event(body["model"], {"refusal": "I'm sorry, I can't help with that."}, None))
        events.append(_event(body["model"], {}, end))
        usage = self.fake.usage or ({"total_tokens": self.fake.tokens} if self.fake.tokens else None)
        if usage and body.get("stream_options"):
            events.append(f'data: {{"choices": [], "usage": {json.dumps(usage)}}}\n\n')
        return [*events, "data: [DONE]\n\n"]

    async def _stream(self, body: dict[str, Any], text: str) -> None:
        self.set_header("Content-Type", "text/event-stream")
        events = self._build_events(body, text)
        if self.mode is Mode.DRIP:
            await self._write_pieces(list("".join(events)))
        elif self.mode is Mode.TIMED:
            self.write(_event(body["model"], {"content": f"{time.monotonic():.6f}"}, None))
            await self.flush()
            await asyncio.sleep(self.fake.delay_s)
            self.write("".join(events[-2:]))
        elif self.mode in {Mode.TRICKLE, Mode.CUT}:
            await self._write_pieces(events)
        else:
            self.write("".join(events))
        self._end()

    async def _stream_for_ever(self, model: str) -> None:
        self.set_header("Content-Type", "text/event-stream")
        while not self.gone.is_set():
            self.write(_event(model, {"content": _SENTENCE}, None))
            with contextlib.suppress(tornado.iostream.StreamClosedError):
                await self.flush()
            await asyncio.sleep(0)  # a flush to a fast reader does not give way to other calls
        self.detach().close()

    async def _write_pieces(self, pieces: list[str]) -> None:
        """Write and flush piece by piece; only half of them in mode `cut`."""
        for piece in pieces[: len(pieces) // 2] if self.mode is Mode.CUT else pieces:
            if self.gone.is_set():
                return
            if self.mode in {Mode.TRICKLE, Mode.DRIP}:
                await asyncio.sleep(self.fake.delay_s)
            self.write(piece)
            with contextlib.suppress(tornado.iostream.StreamClosedError):
                await self.flush()

    def _end(self) -> None:
        if self.mode is Mode.CUT or self.gone.is_set():
            self.detach().close()
        else:
            self.finish()


def _event(model: str, delta: dict[str, Any], finish_reason: str | None) -> str:
    chunk = {
        "id": "chatcmpl-fake",
        "object": "chat.completion.chunk",
        "created": 1_790_000_000,
        "model": model,
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish_reason}],
    }
    return f"data: {json.dumps(chunk)}\n\n"
