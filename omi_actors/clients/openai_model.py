"""A model at an OpenAI-compatible server, by the OpenAI SDK's async client.

Not here: retries of a job (actors/queue/workers.py), sentences for the wearer (domain/answers/failures.py).
Threads: the event loop; `OpenAIModel.load` imports the SDK in another thread (0.7 s).
Source: OpenAI's Chat Completions API.
"""

import asyncio
import contextlib
import gc
import time
from importlib import import_module
from typing import TYPE_CHECKING, Any

from omi_actors.clients.completion_request import RequestOptions, RequestShape
from omi_actors.clients.completion_stream import CompletionReader
from omi_actors.clients.model import ModelAnswer, OnText
from omi_actors.clients.model_server import build_client, list_models, translate_error, try_question
from omi_actors.domain.answers.prompt import Prompt, shorten_prompt
from omi_actors.errors import (
    UpstreamBusyError,
    UpstreamError,
    UpstreamRejectedError,
    UpstreamTimeoutError,
    UpstreamUnavailableError,
)
from omi_actors.instruments import metrics
from omi_actors.instruments.latencies import MODEL, RECORDERS
from omi_actors.instruments.logs import get_logger
from omi_actors.instruments.requests import REQUESTS
from omi_actors.kit.pacer import Pacer

if TYPE_CHECKING:
    import httpx2
    from openai import AsyncOpenAI

_log = get_logger(__name__)

_TOO_LONG = "context_length_exceeded"
# Seconds after an answer's end: for its tokens, which most servers send at once, and for more text, since some servers
# send a finish reason too early. After the stream's own end: for that of the response, which keeps the connection.
_AFTER_ANSWER_S = 0.5
_AFTER_STREAM_S = 0.05
# Seconds of the check after the start. It delays nothing, and a server may load a model first.
_CHECK_S = 15.0
# Refusals of a list of models that questions would meet, too; others are the list's own.
_REFUSES_ALL = frozenset({"invalid_api_key", "wrong_address", "redirected", "unreadable_reply"})
# A key may be restricted to questions.
_FORBIDDEN = 403


class OpenAIModel:
    """A model with one client for all sessions, without the SDK's retries: the job queue retries."""

    provider = "openai"

    def __init__(
        self, *, api_key: str, base_url: str | None, name: str, concurrency: int, options: RequestOptions
    ) -> None:
        self.name = name
        self._api_key = api_key
        self._base_url = base_url
        self._shape = RequestShape(name, options, is_openai=base_url is None)
        self._slots = asyncio.Semaphore(concurrency)
        self._pacer = Pacer()
        self._client: AsyncOpenAI | None = None
        self._loading = asyncio.Lock()
        # The model has reasoned without an opening tag, as its prompt's template makes it: it will again.
        self._is_unopened = False

    async def load(self) -> "AsyncOpenAI":
        """Import the SDK and build the client in a thread, once; that reads all certificates."""
        async with self._loading:
            if self._client is None:
                self._client = await asyncio.to_thread(self._build_client)
            return self._client

    async def check(self) -> bool:
        """Ask for the server's list of models, by the client of the questions; see `Model.check`."""
        try:
            async with asyncio.timeout(_CHECK_S):
                client = await self.load()
                server = await list_models(client)
                if not server.has_list:  # a wrong address, or a server without a list
                    await try_question(client, self.name)
        except TimeoutError as exc:
            raise UpstreamTimeoutError(f"the model's server does not answer within {_CHECK_S:.0f} s") from exc
        except UpstreamRejectedError as exc:
            if exc.code in _REFUSES_ALL and getattr(exc.__cause__, "status_code", 0) != _FORBIDDEN:
                raise
            return False
        except UpstreamBusyError:
            return False
        return True

    def _build_client(self) -> "AsyncOpenAI":
        import_and_freeze("openai")
        return build_client(api_key=self._api_key, base_url=self._base_url)

    async def answer(self, prompt: Prompt, *, deadline_s: float, on_text: OnText | None = None) -> ModelAnswer:
        """Stream one answer; see `Model.answer`. The deadline includes the wait for a slot."""
        started = time.monotonic()
        outcome = "done"
        try:
            async with asyncio.timeout(deadline_s):
                client = await self.load()
                async with self._slots:
                    return await self._ask(client, prompt, on_text)
        except UpstreamError as exc:
            outcome = type(exc).__name__
            raise
        except TimeoutError as exc:
            outcome = "UpstreamTimeoutError"
            raise UpstreamTimeoutError(f"no complete answer from the model within {deadline_s:.1f} s") from exc
        except asyncio.CancelledError:
            outcome = "cancelled"
            raise
        finally:
            seconds = time.monotonic() - started
            metrics.MODEL_SECONDS.labels(self.provider, outcome).observe(seconds)
            RECORDERS[MODEL].note(seconds)

    async def close(self) -> None:
        """Close the client's connections."""
        if self._client is not None:
            await self._client.close()

    async def _ask(self, client: "AsyncOpenAI", prompt: Prompt, on_text: OnText | None) -> ModelAnswer:
        """Ask, and ask again after a refusal that a shorter prompt or another form of the request may avoid.

        A prompt that was too long is shortened once. The form is changed as long as one is left that may avoid the
        refusal.
        """
        is_shortened = has_refused = False
        while True:
            form, request = self._shape.form, self._shape.build(prompt)
            try:
                is_verbatim = prompt.options is not None
                reader = CompletionReader(
                    self._shape.max_tokens_of(prompt), is_withheld=self._is_unopened, is_verbatim=is_verbatim
                )
                await self._stream(client, request, reader, on_text)
                return self._finish(reader, on_text, is_verbatim=is_verbatim)
            except UpstreamRejectedError as exc:
                shorter = shorten_prompt(prompt) if exc.code == _TOO_LONG and not is_shortened else None
                if shorter is None and not self._shape.learn(exc, form, prompt.options):
                    raise
                if shorter is not None:
                    _log.warning("model_context_shortened", model=self.name, fix="lower OPENAI_MAX_CONTEXT_TOKENS")
                    prompt, is_shortened = shorter, True
                has_refused = True
                if on_text is not None:  # a refusal within a stream may follow its first words
                    on_text("")
            except UpstreamUnavailableError:
                if not has_refused:
                    raise
                has_refused = False  # some servers close the connection of a refusal without saying so

    def _finish(self, reader: CompletionReader, on_text: OnText | None, *, is_verbatim: bool) -> ModelAnswer:
        text, pieces = reader.finish()
        self._is_unopened = self._is_unopened or reader.is_unopened
        if reader.is_cut:
            metrics.MODEL_ANSWERS_CUT.labels("us" if reader.is_full else "server").inc()
            pieces = pieces if is_verbatim else ["", text]  # more than the cut answer was sent
        _send(pieces, on_text)
        calls = tuple(reader.calls.form())
        return ModelAnswer(text, self.name, reader.tokens, reader.counts, calls, reader.is_cut)

    async def _stream(
        self, client: "AsyncOpenAI", request: dict[str, Any], reader: CompletionReader, on_text: OnText | None
    ) -> None:
        """Read one answer until it ends or `reader` has its maximum of tokens. Then close the response."""
        import httpx2  # noqa: PLC0415 (comes with openai)
        import openai  # noqa: PLC0415 (0.7 s: not at start)

        from omi_actors.clients import bounded_http  # noqa: PLC0415 (imports httpx2)

        # The pacer lets one request or chunk of all answers through in each pass of the loop: 1 to 3 ms each.
        await self._pacer.wait()
        try:
            # `chat.completions.create` would check the types of every message first (0.5 ms each), and its stream
            # would build objects for each chunk (0.6 ms), of which we read one field.
            response = await client.post("/chat/completions", cast_to=httpx2.Response, body=request, stream=True)
            try:
                await self._read(response, reader, on_text)
            finally:
                await response.aclose()
        except openai.OpenAIError as exc:
            raise translate_error(exc) from exc
        except httpx2.HTTPError as exc:
            if not reader.has_ended:
                is_long = isinstance(exc, bounded_http.ReplyTooLongError)
                what = "sent more bytes than an answer may have" if is_long else "cut its answer"
                raise UpstreamUnavailableError(f"the model's server {what}") from exc

    async def _read(self, response: "httpx2.Response", reader: CompletionReader, on_text: OnText | None) -> None:
        """Read until the answer's end, and a moment longer for its count of tokens.

        Then stop, even if the server leaves the connection open.
        """
        now_s = asyncio.get_running_loop().time
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(None) as moment:
                has_text = False
                async for data in response.aiter_bytes():
                    await self._pacer.wait()
                    pieces = reader.feed(data)
                    if pieces and not has_text:
                        has_text = True
                        REQUESTS.note("first token")
                    _send(pieces, on_text)
                    if reader.is_full:
                        break
                    if reader.is_done:
                        moment.reschedule(now_s() + _AFTER_STREAM_S)
                    elif reader.has_ended and (pieces or moment.when() is None):
                        moment.reschedule(now_s() + _AFTER_ANSWER_S)


def _send(pieces: list[str], on_text: OnText | None) -> None:
    if on_text is not None:
        for piece in pieces:
            on_text(piece)


def import_and_freeze(name: str) -> None:
    """Import a library, and exempt its objects from garbage collection. Call it in a thread.

    They are many and live as long as the process. A collection that visits them would hold the event loop for 0.1 s.
    """
    gc.disable()
    try:
        import_module(name)
        gc.freeze()
    finally:
        gc.enable()
