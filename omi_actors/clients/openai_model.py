"""A model at an OpenAI-compatible server, by the OpenAI SDK's async client, and the list of that server's models.

Not here: retries of a job (actors/queue/workers.py), sentences for the wearer (domain/answers/failures.py).
Threads: the event loop; `OpenAIModel.load` imports the SDK in another thread (0.7 s).
Source: OpenAI's Chat Completions API.
"""

import asyncio
import gc
import time
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from importlib import import_module
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

# Seconds to connect; the whole call has a deadline of its own.
_CONNECT_S = 5.0
# A 429 of these codes concerns the account, not speed: a retry cannot help.
_FINAL_CODES = ("insufficient_quota", "billing_not_active", "access_terminated", "billing_hard_limit_reached")
# A 400 of these codes concerns one parameter: without it, the request may pass.
_PARAMETER_CODES = ("unsupported_parameter", "unsupported_value", "unknown_parameter")
# Other servers may name an unknown field only in the text of such an error.
_FORM_STATUSES = (400, 422)
_USAGE = "stream_options"
# Codes of content filters.
_CONTENT_CODES = ("content_filter", "content_policy_violation")


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

    async def load(self) -> "AsyncOpenAI":
        """Import the SDK and build the client in a thread, once; that reads all certificates."""
        if self._client is None:
            client = await asyncio.to_thread(self._build_client)
        if self._client is None:  # a concurrent call may have set it
            self._client = client
        return self._client

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
            metrics.MODEL_SECONDS.labels(self.provider, outcome).observe(time.monotonic() - started)

    async def close(self) -> None:
        """Close the client's connections."""
        if self._client is not None:
            await self._client.close()

    async def _ask(self, client: "AsyncOpenAI", prompt: Prompt, on_text: OnText | None) -> ModelAnswer:
        """Ask, and repeat without each parameter that the server refuses."""
        while True:
            request = self._shape.build(prompt)
            try:
                reader = CompletionReader(self._shape.max_tokens_of(prompt))
                await self._stream(client, request, reader, on_text)
                return self._finish(reader, on_text)
            except UpstreamRejectedError as exc:
                if not self._shape.drop(exc.parameter, request):
                    raise

    def _finish(self, reader: CompletionReader, on_text: OnText | None) -> ModelAnswer:
        answer = ModelAnswer(reader.finish(), self.name, reader.tokens)
        if reader.is_cut:
            metrics.MODEL_ANSWERS_CUT.labels("us" if reader.is_full else "server").inc()
            if on_text is not None:  # it has received more than the cut answer
                on_text("")
                on_text(answer.text)
        return answer

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
        except bounded_http.ReplyTooLongError as exc:
            raise UpstreamUnavailableError("the model's server sent more bytes than an answer may have") from exc
        except httpx2.HTTPError as exc:
            raise UpstreamUnavailableError("the model's server cut its answer") from exc


def build_client(*, api_key: str, base_url: str | None, timeout_s: float | None = None) -> "AsyncOpenAI":
    """Return a client of the SDK without retries and redirects; `timeout_s` bounds each read, None does not.

    It uses aiohttp, the SDK's other transport, which costs half of the usual one.
    """
    import aiohttp  # noqa: PLC0415 (comes with openai: not at start)
    import httpx2  # noqa: PLC0415 (the same)
    import openai  # noqa: PLC0415 (0.7 s: not at start)

    from omi_actors.clients import bounded_http  # noqa: PLC0415 (imports httpx2)

    class Client(openai.DefaultAioHttpClient):
        """Translates the one error of aiohttp that its transport leaves as it is."""

        async def send(self, request: httpx2.Request, **options: Any) -> httpx2.Response:
            """Send a request. Raises: UpstreamRejectedError when the head of the reply is no HTTP, or too large."""
            try:
                return await super().send(request, **options)
            except aiohttp.ClientResponseError as exc:
                raise UpstreamRejectedError(
                    "the model's server, or a proxy before it, sent a head that cannot be read", code="unreadable_reply"
                ) from exc

    timeout = openai.Timeout(timeout_s, connect=_CONNECT_S)
    http_client = bounded_http.open_client(
        timeout=timeout, limits=openai.DEFAULT_CONNECTION_LIMITS, client_class=Client
    )
    return openai.AsyncOpenAI(
        api_key=api_key, base_url=base_url, max_retries=0, timeout=timeout, http_client=http_client
    )


def translate_error(error: Exception, sent: Mapping[str, Any]) -> UpstreamError:
    """Return our error for one of the SDK's, without its text, which may quote the prompt."""
    import openai  # noqa: PLC0415 (0.7 s: not at start)

    if isinstance(error, openai.APIStatusError):
        code = str(error.code or "")
        if code in _PARAMETER_CODES:
            name = find_refused(error.param, str(error), sent)
            return UpstreamRejectedError(
                f"the model does not accept {name or 'a parameter'}", code=code, parameter=name
            )
        if error.status_code in _FORM_STATUSES and _USAGE in sent and _USAGE in str(error.body):
            return UpstreamRejectedError(f"the model's server does not accept {_USAGE}", code=code, parameter=_USAGE)
        return _translate_status(error.status_code, code, error.response.headers.get("retry-after"))
    if isinstance(error, openai.APIConnectionError):
        return UpstreamUnavailableError("the model's server cannot be reached; check OPENAI_BASE_URL and the network")
    return UpstreamUnavailableError("the model's server sent a broken answer")


def _translate_status(status: int, code: str, retry_after: str | None) -> UpstreamError:
    if 300 <= status < 400:  # noqa: PLR2004
        return UpstreamRejectedError(
            f"the model's server redirects to another address ({status}); check OPENAI_BASE_URL", code="redirected"
        )
    if status == 401:  # noqa: PLR2004
        return UpstreamRejectedError("the model refuses OPENAI_API_KEY (401)", code="invalid_api_key")
    if code in _FINAL_CODES or status == 402:  # noqa: PLR2004
        return UpstreamRejectedError(
            "the model's account has no credit (this is not the rate limit); add credit at the provider",
            code="insufficient_quota",
        )
    if code in _CONTENT_CODES:
        return UpstreamRejectedError("the model's server refused the content of the question", code="content_refused")
    if status == 404:  # noqa: PLR2004
        return UpstreamRejectedError("the model's server does not know OPENAI_MODEL (404)", code="model_not_found")
    seconds = float(retry_after) if retry_after and retry_after.replace(".", "", 1).isdigit() else None
    if status == 429:  # noqa: PLR2004
        return UpstreamBusyError("the model's server limits our rate (429)", retry_after_s=seconds)
    if status >= 500 or status in (408, 409):  # noqa: PLR2004
        return UpstreamUnavailableError(f"the model's server answered {status}", retry_after_s=seconds)
    return UpstreamRejectedError(f"the model's server refused the request ({status})", code=code or str(status))


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


@dataclass(frozen=True, slots=True)
class ModelServer:
    """A server's models by name, and its clock in UTC seconds, None when it sends no date."""

    models: frozenset[str]
    now_s: float | None


async def ask_model_server(*, api_key: str, base_url: str | None, timeout_s: float) -> ModelServer:
    """Return the server's list of models. It proves address and key, and costs no token. It blocks to import the SDK.

    Raises:
        UpstreamError: the server cannot be reached, does not answer in time, or refuses the key.
    """
    import openai  # noqa: PLC0415 (0.7 s: not at start)

    async with build_client(api_key=api_key, base_url=base_url, timeout_s=timeout_s) as client:
        try:
            response = await client.models.with_raw_response.list()
            names = frozenset(model.id for model in response.parse().data)
        except openai.OpenAIError as exc:
            raise translate_error(exc, {}) from exc
    return ModelServer(names, _parse_date(response.headers.get("date")))


def _parse_date(value: str | None) -> float | None:
    try:
        return parsedate_to_datetime(value).timestamp() if value else None
    except ValueError:
        return None
