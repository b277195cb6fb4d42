"""Any OpenAI-compatible model, by the OpenAI SDK's async client.

Not here: retries of a job (actors/queue/workers.py), sentences for the wearer (domain/answers/failures.py).
Threads: the event loop; the SDK is imported by another thread (0.7 s), see `load`.
Source: OpenAI's Chat Completions API.
"""

import asyncio
import gc
import time
from collections.abc import Mapping
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

from omi_actors.clients.completion_request import RequestOptions, RequestShape, find_refused
from omi_actors.clients.completion_stream import CompletionReader
from omi_actors.clients.model import ModelAnswer, OnText
from omi_actors.domain.answers.prompt import Prompt
from omi_actors.errors import (
    UpstreamBusyError,
    UpstreamError,
    UpstreamRejectedError,
    UpstreamTimeoutError,
    UpstreamUnavailableError,
)
from omi_actors.instruments import metrics
from omi_actors.kit.pacer import Pacer

if TYPE_CHECKING:
    from openai import AsyncOpenAI

# Seconds to connect; the whole call has its own deadline.
_CONNECT_S = 5.0
# A 429 of these codes is about the account, not about speed: asking again cannot help.
_FINAL_CODES = ("insufficient_quota", "billing_not_active", "access_terminated", "billing_hard_limit_reached")
# A 400 of these codes is about one parameter of the request: without it, it may pass.
_PARAMETER_CODES = ("unsupported_parameter", "unsupported_value", "unknown_parameter")
# Servers other than OpenAI's may refuse a field that they do not know by its name in a text only.
_FORM_STATUSES = (400, 422)
_USAGE = "stream_options"
# Codes by which a content filter refuses, and ours for them.
_CONTENT_CODES = ("content_filter", "content_policy_violation")


class OpenAIModel:
    """One shared client for all sessions. Retries by the SDK are off: the job queue knows better."""

    provider = "openai"

    def __init__(
        self, *, api_key: str, base_url: str | None, name: str, concurrency: int, options: RequestOptions
    ) -> None:
        self.name = name
        self._api_key = api_key
        self._base_url = base_url
        self._shape = RequestShape(name, options, is_openai=base_url is None)
        self._places = asyncio.Semaphore(concurrency)
        self._pacer = Pacer()
        self._client: AsyncOpenAI | None = None

    async def load(self) -> "AsyncOpenAI":
        """Import the SDK and build the client off the loop, once: that reads all certificates."""
        if self._client is None:
            client = await asyncio.to_thread(self._build_client)
        if self._client is None:  # another may have come first meanwhile
            self._client = client
        return self._client

    def _build_client(self) -> "AsyncOpenAI":
        import_for_good("openai")
        openai = _import_openai()
        return build_client(openai, api_key=self._api_key, base_url=self._base_url)

    async def answer(self, prompt: Prompt, *, deadline_s: float, on_text: OnText | None = None) -> ModelAnswer:
        """Stream one answer; see `Model.answer`. The deadline counts from now, waiting for a place included."""
        started = time.monotonic()
        outcome = "done"
        try:
            async with asyncio.timeout(deadline_s):
                client = await self.load()
                async with self._places:
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
            metrics.MODEL_SECONDS.labels(self.provider, outcome).observe(time.monotonic() - started)

    async def close(self) -> None:
        """Close the client's connections."""
        if self._client is not None:
            await self._client.close()

    async def _ask(self, client: "AsyncOpenAI", prompt: Prompt, on_text: OnText | None) -> ModelAnswer:
        """Ask, and again as long as a parameter is refused that it can do without."""
        while True:
            request = self._shape.build(prompt)
            try:
                reader = CompletionReader(self._shape.max_tokens_of(prompt))
                await self._stream(client, request, reader, on_text)
                return self._finish(reader, on_text)
            except UpstreamRejectedError as exc:
                if not self._shape.forget(exc.parameter, request):
                    raise

    def _finish(self, reader: CompletionReader, on_text: OnText | None) -> ModelAnswer:
        answer = ModelAnswer(reader.finish(), self.name, reader.tokens)
        if reader.is_cut:
            metrics.MODEL_ANSWERS_CUT.labels("us" if reader.is_full else "server").inc()
            if on_text is not None:  # more was heard than the answer is: begin anew
                on_text("")
                on_text(answer.text)
        return answer

    async def _stream(
        self, client: "AsyncOpenAI", request: dict[str, Any], reader: CompletionReader, on_text: OnText | None
    ) -> None:
        """Read one answer until its end, or until the reader is full; then the connection is closed at once."""
        openai, http = _import_openai(), _import_http()
        # Of many questions at once, one a turn is written, and what came of one answer is read: 1 to 3 ms each.
        await self._pacer.wait()
        try:
            # By the SDK's plain `post`: `chat.completions.create` walks the types of every message first, 0.5 ms each,
            # and its stream takes 0.6 ms a chunk to build objects of which we read one field.
            response = await client.post("/chat/completions", cast_to=http.Response, body=request, stream=True)
            try:
                async for data in response.aiter_bytes():
                    await self._pacer.wait()
                    added = reader.feed(data)
                    if added and on_text is not None:
                        on_text(added)
                    if reader.is_full:
                        break
            finally:
                await response.aclose()
        except openai.OpenAIError as exc:
            raise translate_error(exc, request) from exc
        except _import_careful_http().ReplyTooLongError as exc:
            raise UpstreamUnavailableError("the model's server sent more than an answer can be") from exc
        except http.HTTPError as exc:
            raise UpstreamUnavailableError("the model's server cut its answer") from exc


def build_client(
    openai: ModuleType, *, api_key: str, base_url: str | None, timeout_s: float | None = None
) -> "AsyncOpenAI":
    """Return a client of the SDK without its retries and its redirects; `timeout_s` is of each read, None for none.

    Its requests go through aiohttp, the SDK's other transport, which costs half of what its usual one does.
    """
    timeout = openai.Timeout(timeout_s, connect=_CONNECT_S)
    http_client = _import_careful_http().open_client(
        timeout=timeout, limits=openai.DEFAULT_CONNECTION_LIMITS, kind=openai.DefaultAioHttpClient
    )
    client: AsyncOpenAI = openai.AsyncOpenAI(
        api_key=api_key, base_url=base_url, max_retries=0, timeout=timeout, http_client=http_client
    )
    return client


def translate_error(error: Exception, sent: Mapping[str, Any]) -> UpstreamError:
    """Return the error of our tree for one of the SDK's. Its own text may quote the prompt and is left out."""
    openai = _import_openai()
    if isinstance(error, openai.APIStatusError):
        code = str(error.code or "")
        if code in _PARAMETER_CODES:
            name = find_refused(error.param, str(error), sent)
            return UpstreamRejectedError(f"the model takes no such {name or 'parameter'}", code=code, parameter=name)
        if error.status_code in _FORM_STATUSES and _USAGE in sent and _USAGE in str(error.body):
            return UpstreamRejectedError(f"the model's server takes no {_USAGE}", code=code, parameter=_USAGE)
        return _translate_status(error.status_code, code, error.response.headers.get("retry-after"))
    if isinstance(error, openai.APIConnectionError):
        return UpstreamUnavailableError("the model's server cannot be reached; check OPENAI_BASE_URL and the network")
    return UpstreamUnavailableError("the model's server cut or garbled its answer")


def _translate_status(status: int, code: str, retry_after: str | None) -> UpstreamError:
    if 300 <= status < 400:  # noqa: PLR2004
        return UpstreamRejectedError(
            f"the model's server sends us to another address ({status}); check OPENAI_BASE_URL", code="redirected"
        )
    if status == 401:  # noqa: PLR2004
        return UpstreamRejectedError("the model refuses OPENAI_API_KEY (401)", code="invalid_api_key")
    if code in _FINAL_CODES or status == 402:  # noqa: PLR2004
        return UpstreamRejectedError(
            "the model's account has no credit: this is no speed limit; add credit at the provider",
            code="insufficient_quota",
        )
    if code in _CONTENT_CODES:
        return UpstreamRejectedError("the model's server refused the content of the question", code="content_refused")
    if status == 404:  # noqa: PLR2004
        return UpstreamRejectedError("the model's server does not know OPENAI_MODEL (404)", code="model_not_found")
    seconds = float(retry_after) if retry_after and retry_after.replace(".", "", 1).isdigit() else None
    if status == 429:  # noqa: PLR2004
        return UpstreamBusyError("the model's server asks us to be slower (429)", retry_after_s=seconds)
    if status >= 500 or status in (408, 409):  # noqa: PLR2004
        return UpstreamUnavailableError(f"the model's server answered {status}", retry_after_s=seconds)
    return UpstreamRejectedError(f"the model's server refused the request ({status})", code=code or str(status))


def _import_openai() -> ModuleType:
    import openai  # noqa: PLC0415 (0.7 s: not at start)

    return openai


def _import_http() -> ModuleType:
    import httpx2  # noqa: PLC0415 (comes with openai)

    return httpx2


def _import_careful_http() -> ModuleType:
    from omi_actors.clients import careful_http  # noqa: PLC0415 (imports httpx2)

    return careful_http


def import_for_good(name: str) -> None:
    """Import a library. Call it in a thread.

    What it is made of lives to the end, and there is much of it: a garbage collector that looked through it, now or
    later, would hold the event loop for 0.1 s each time.
    """
    gc.disable()
    try:
        import_module(name)
        gc.freeze()
    finally:
        gc.enable()
