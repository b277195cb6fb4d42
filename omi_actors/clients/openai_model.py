"""Any OpenAI-compatible model, by the OpenAI SDK's async client.

Not here: retries of a job (actors/workers.py), sentences for the wearer (domain/failures.py).
Threads: the event loop; the SDK is imported by another thread (0.7 s), see `load`.
Source: OpenAI's Chat Completions API.
"""

import asyncio
import time
from types import ModuleType
from typing import TYPE_CHECKING, Any

from omi_actors.clients.completion_stream import CompletionReader
from omi_actors.clients.model import ModelAnswer, OnText
from omi_actors.domain.prompt import Prompt
from omi_actors.errors import UpstreamError, UpstreamRejectedError, UpstreamTimeoutError, UpstreamUnavailableError
from omi_actors.instruments import metrics

if TYPE_CHECKING:
    from openai import AsyncOpenAI

# Seconds to connect; the whole call has its own deadline.
_CONNECT_S = 5.0
# Names of models that think before they answer.
_REASONING = ("gpt-5", "o1", "o3", "o4")
# A 429 of these codes is about the account, not about speed: asking again cannot help.
_FINAL_CODES = ("insufficient_quota", "billing_not_active", "access_terminated")


class OpenAIModel:
    """One shared client for all sessions. Retries by the SDK are off: the job queue knows better."""

    provider = "openai"

    def __init__(self, *, api_key: str, base_url: str | None, name: str, max_tokens: int, concurrency: int) -> None:
        self.name = name
        self._api_key = api_key
        self._base_url = base_url
        self._max_tokens = max_tokens
        self._places = asyncio.Semaphore(concurrency)
        self._client: AsyncOpenAI | None = None

    async def load(self) -> "AsyncOpenAI":
        """Import the SDK off the loop and build the client, once."""
        if self._client is None:
            openai = await asyncio.to_thread(_import_openai)
            self._client = openai.AsyncOpenAI(
                api_key=self._api_key,
                base_url=self._base_url,
                max_retries=0,
                timeout=openai.Timeout(None, connect=_CONNECT_S),
            )
        return self._client

    async def answer(self, prompt: Prompt, *, deadline_s: float, on_text: OnText | None = None) -> ModelAnswer:
        """Stream one answer; see `Model.answer`. The deadline counts from now, waiting for a place included."""
        started = time.monotonic()
        outcome = "done"
        try:
            async with asyncio.timeout(deadline_s):
                client = await self.load()
                async with self._places:
                    return await self._stream(client, prompt, on_text)
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

    async def _stream(self, client: "AsyncOpenAI", prompt: Prompt, on_text: OnText | None) -> ModelAnswer:
        openai, http = _import_openai(), _import_http()
        reader = CompletionReader()
        try:
            # By the SDK's plain `post`: `chat.completions.create` walks the types of every message first, 0.5 ms each,
            # and its stream takes 0.6 ms a chunk to build objects of which we read one field.
            response = await client.post(
                "/chat/completions", cast_to=http.Response, body=self._request(prompt), stream=True
            )
            try:
                async for line in response.aiter_lines():
                    added = reader.feed(line)
                    if added and on_text is not None:
                        on_text(added)
            finally:
                await response.aclose()
        except openai.OpenAIError as exc:
            raise translate_error(exc) from exc
        except http.HTTPError as exc:
            raise UpstreamUnavailableError("the model's server cut its answer") from exc
        return ModelAnswer(reader.finish(), self.name)

    def _request(self, prompt: Prompt) -> dict[str, Any]:
        # Reasoning models refuse max_tokens and any temperature; servers other than OpenAI's may know only max_tokens.
        is_reasoning = self.name.startswith(_REASONING)
        limit = "max_tokens" if self._base_url and not is_reasoning else "max_completion_tokens"
        return {
            "model": self.name,
            "messages": [{"role": said.role, "content": said.text} for said in prompt.said],
            "stream": True,
            limit: self._max_tokens,
        }


def translate_error(error: Exception) -> UpstreamError:
    """Return the error of our tree for one of the SDK's. Its own text may quote the prompt and is left out."""
    openai = _import_openai()
    if isinstance(error, openai.APITimeoutError):
        return UpstreamTimeoutError("the model's server did not answer in time")
    if isinstance(error, openai.APIStatusError):
        return _translate_status(error.status_code, str(error.code or ""), error.response.headers.get("retry-after"))
    if isinstance(error, openai.APIConnectionError):
        return UpstreamUnavailableError("the model's server cannot be reached; check OPENAI_BASE_URL and the network")
    return UpstreamUnavailableError("the model's server cut or garbled its answer")


def _translate_status(status: int, code: str, retry_after: str | None) -> UpstreamError:
    if status == 401:  # noqa: PLR2004
        return UpstreamRejectedError("the model refuses OPENAI_API_KEY (401)", code="invalid_api_key")
    if code in _FINAL_CODES:
        return UpstreamRejectedError(
            "the model's account has no credit: this is no speed limit; add credit at the provider",
            code="insufficient_quota",
        )
    if status == 404:  # noqa: PLR2004
        return UpstreamRejectedError("the model's server does not know OPENAI_MODEL (404)", code="model_not_found")
    if status == 429 or status >= 500 or status in (408, 409):  # noqa: PLR2004
        seconds = float(retry_after) if retry_after and retry_after.replace(".", "", 1).isdigit() else None
        return UpstreamUnavailableError(f"the model's server answered {status}", retry_after_s=seconds)
    return UpstreamRejectedError(f"the model's server refused the request ({status})", code=code or str(status))


def _import_openai() -> ModuleType:
    import openai  # noqa: PLC0415 (0.7 s: not at start)

    return openai


def _import_http() -> ModuleType:
    import httpx2  # noqa: PLC0415 (comes with openai)

    return httpx2
