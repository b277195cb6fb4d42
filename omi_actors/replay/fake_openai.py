"""A server that speaks OpenAI's Chat Completions, well or badly, as told; it repeats the question as its answer.

Not here: our own client (clients/openai_model.py). Threads: the loop that started it, or one of its own
(`run_fake_openai`); `mode` may be set from any thread.
Run as a process: python -m omi_actors.replay.fake_openai --port 8901 --mode delay --delay-s 0.05
"""

import argparse
import asyncio
import contextlib
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import tornado.httpserver
import tornado.iostream
import tornado.netutil
import tornado.web


class Mode(StrEnum):
    """How it behaves. `delay` waits `delay_s` first; `trickle` waits it before each piece, `drip` before each byte.

    `filtered` and `refusal` are the two ways in which a model refuses; `thinking` uses its tokens up before it speaks.
    """

    NORMAL = "normal"
    DELAY = "delay"
    TRICKLE = "trickle"
    DRIP = "drip"
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


# mode: status, the error's code, its text
_ERRORS = {
    Mode.UNAUTHORIZED: (401, "invalid_api_key", "Incorrect API key provided."),
    Mode.NO_QUOTA: (429, "insufficient_quota", "You exceeded your current quota."),
    Mode.RATE_LIMIT: (429, "rate_limit_exceeded", "Rate limit reached for requests."),
    Mode.SERVER_ERROR: (500, "server_error", "The server had an error."),
    Mode.NO_MODEL: (404, "model_not_found", "The model does not exist."),
    Mode.BAD_CONTENT: (400, "content_filter", "The prompt was refused."),
    Mode.TOO_LONG: (400, "context_length_exceeded", "The prompt is too long."),
}
# mode: how a streamed answer without a word ends
_WORDLESS = {Mode.FILTERED: "content_filter", Mode.REFUSAL: "stop", Mode.THINKING: "length", Mode.EMPTY: "stop"}
_PIECE = 4


@dataclass
class FakeOpenAI:
    """The fake's state: set the fields at any time, read `calls` (request bodies, oldest first).

    `takes` names the only parameters that it takes beside those of every request, and `efforts` the words for
    `reasoning_effort`; `names_parameter` tells whether a refusal has the parameter in a field, or in its text only.
    A question with `hangs_on` in it, if not empty, is never answered.
    """

    mode: Mode = Mode.NORMAL
    takes: frozenset[str] | None = None
    efforts: frozenset[str] | None = None
    names_parameter: bool = True
    delay_s: float = 0.0
    retry_after: str = "1"
    hangs_on: str = ""
    calls: list[dict[str, Any]] = field(default_factory=list)
    url: str = ""

    def listen(self, port: int = 0) -> tornado.httpserver.HTTPServer:
        """Serve on the running loop; `url` is set then. The caller stops what is returned."""
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
        """Take what Tornado passes from the route."""
        self.fake = fake

    def get(self) -> None:
        """List one model, or fail as the mode says."""
        if self.fake.mode in _ERRORS:
            self.set_status(_ERRORS[self.fake.mode][0])
            self.finish({"error": {"message": _ERRORS[self.fake.mode][2], "code": _ERRORS[self.fake.mode][1]}})
            return
        self.finish({"object": "list", "data": [{"id": "gpt-5-mini", "object": "model"}]})


class _Completions(tornado.web.RequestHandler):
    fake: FakeOpenAI

    def initialize(self, fake: FakeOpenAI) -> None:
        """Take what Tornado passes from the route."""
        self.fake = fake
        self.gone = asyncio.Event()

    def on_connection_close(self) -> None:
        """Let a call that hangs end."""
        self.gone.set()

    async def post(self) -> None:
        """Answer as the mode says."""
        body = json.loads(self.request.body)
        self.fake.calls.append(body)
        if self._refuse(body):
            return
        is_hung = bool(self.fake.hangs_on) and self.fake.hangs_on in body["messages"][-1]["content"]
        if is_hung or self.fake.mode is Mode.HANG:
            await self.gone.wait()
            return
        if self.fake.mode is Mode.DELAY:
            await asyncio.sleep(self.fake.delay_s)
        text = f"You asked: {body['messages'][-1]['content']}"
        await (self._stream(body, text) if body.get("stream") else self._answer(body, text))

    def _refuse(self, body: dict[str, Any]) -> bool:
        """Answer with an error when the mode or the request asks for it; tell whether it did."""
        if self.fake.mode in _ERRORS:
            if self.fake.mode is Mode.RATE_LIMIT:
                self.set_header("Retry-After", self.fake.retry_after)
            self._fail(*_ERRORS[self.fake.mode])
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
        if self.fake.mode is Mode.MALFORMED:
            whole = whole[: len(whole) // 2]
        if self.fake.mode in {Mode.TRICKLE, Mode.CUT}:
            self.set_header("Content-Length", str(len(whole.encode())))
            await self._write_pieces([whole[at : at + _PIECE] for at in range(0, len(whole), _PIECE)])
        else:
            self.write(whole)
        self._end()

    async def _stream(self, body: dict[str, Any], text: str) -> None:
        self.set_header("Content-Type", "text/event-stream")
        pieces = [text[at : at + _PIECE] for at in range(0, len(text), _PIECE)]
        deltas: list[dict[str, str]] = [{"role": "assistant", "content": ""}, *({"content": piece} for piece in pieces)]
        events = [_event(body["model"], delta, None) for delta in deltas]
        if self.fake.mode is Mode.MALFORMED:
            events = ["data: {this is no JSON\n\n"]
        end = "stop"
        if self.fake.mode in _WORDLESS:
            events, end = [_event(body["model"], {"role": "assistant"}, None)], _WORDLESS[self.fake.mode]
        if self.fake.mode is Mode.REFUSAL:
            events.append(_event(body["model"], {"refusal": "I'm sorry, I can't help with that."}, None))
        events += [_event(body["model"], {}, end), "data: [DONE]\n\n"]
        if self.fake.mode is Mode.DRIP:
            await self._write_pieces(list("".join(events)))
        elif self.fake.mode in {Mode.TRICKLE, Mode.CUT}:
            await self._write_pieces(events)
        else:
            self.write("".join(events))
        self._end()

    async def _write_pieces(self, pieces: list[str]) -> None:
        """Write and flush piece by piece; in mode `cut` only half of them."""
        for piece in pieces[: len(pieces) // 2] if self.fake.mode is Mode.CUT else pieces:
            if self.gone.is_set():
                return
            if self.fake.mode in {Mode.TRICKLE, Mode.DRIP}:
                await asyncio.sleep(self.fake.delay_s)
            self.write(piece)
            with contextlib.suppress(tornado.iostream.StreamClosedError):
                await self.flush()

    def _end(self) -> None:
        if self.fake.mode is Mode.CUT or self.gone.is_set():
            self.detach().close()
        else:
            self.finish()


def _event(model: str, delta: dict[str, str], finish_reason: str | None) -> str:
    chunk = {
        "id": "chatcmpl-fake",
        "object": "chat.completion.chunk",
        "created": 1_790_000_000,
        "model": model,
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish_reason}],
    }
    return f"data: {json.dumps(chunk)}\n\n"


@contextlib.contextmanager
def run_fake_openai(mode: Mode = Mode.NORMAL, *, delay_s: float = 0.0) -> Iterator[FakeOpenAI]:
    """Serve from a thread of its own until the block ends."""
    fake = FakeOpenAI(mode=mode, delay_s=delay_s)
    ready = threading.Event()
    stops: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []

    async def serve() -> None:
        stop = asyncio.Event()
        stops.append((asyncio.get_running_loop(), stop))
        server = fake.listen()
        ready.set()
        await stop.wait()
        server.stop()
        await server.close_all_connections()

    thread = threading.Thread(target=lambda: asyncio.run(serve()), name="fake-openai")
    thread.start()
    try:
        if not ready.wait(timeout=10):
            raise RuntimeError("the fake model did not start")
        yield fake
    finally:
        loop, stop = stops[0]
        loop.call_soon_threadsafe(stop.set)
        thread.join(timeout=10)


@contextlib.contextmanager
def spawn_fake_openai(mode: Mode = Mode.NORMAL, *, delay_s: float = 0.0) -> Iterator[str]:
    """Serve from a process of its own until the block ends; yields the address for OPENAI_BASE_URL."""
    command = [sys.executable, "-m", __name__, "--port=0", f"--mode={mode}", f"--delay-s={delay_s}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 (our own command)
        try:
            line = process.stdout.readline() if process.stdout else ""
            if not line.startswith("OPENAI_BASE_URL="):
                raise RuntimeError(f"the fake model did not start: {line!r}")
            yield line.partition("=")[2].strip()
        finally:
            process.kill()


async def _main() -> None:
    parser = argparse.ArgumentParser(description="Serve OpenAI's Chat Completions on 127.0.0.1, from nothing.")
    parser.add_argument("--port", type=int, default=8901)
    parser.add_argument("--mode", type=Mode, choices=list(Mode), default=Mode.NORMAL)
    parser.add_argument("--delay-s", type=float, default=0.0)
    options = parser.parse_args()
    fake = FakeOpenAI(mode=options.mode, delay_s=options.delay_s)
    fake.listen(options.port)
    print(f"OPENAI_BASE_URL={fake.url}", flush=True)  # noqa: T201 (for the person or program that started it)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_main())
