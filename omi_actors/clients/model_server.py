"""A look at a model's server without a question: its list of models, its clock, and whether it takes key and address.

Not here: questions (openai_model.py), what the operator is told of it (doctor/servers.py). Threads: an event loop's.
"""

import asyncio
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

import msgspec

from omi_actors.clients.model_refusals import read_refusal
from omi_actors.clients.openai_model import build_client, translate_error
from omi_actors.errors import UpstreamError, UpstreamRejectedError, UpstreamTimeoutError

if TYPE_CHECKING:
    from httpx2 import Response
    from openai import AsyncOpenAI

# Refusals of a request without messages that concern all questions. Others are what such a request deserves.
_LASTING = ("invalid_api_key", "insufficient_quota", "wrong_address", "redirected", "model_not_found")


@dataclass(frozen=True, slots=True)
class ModelServer:
    """A server's models by name, and its clock in UTC seconds, None when it sends no date."""

    models: frozenset[str]
    now_s: float | None


async def ask_model_server(*, api_key: str, base_url: str | None, timeout_s: float, model: str = "") -> ModelServer:
    """Return the server's list of models, and try key, address and `model` by a question without messages.

    This costs no token. Some servers list their models to everybody, and some list none. It blocks to import the SDK.

    Raises:
        UpstreamError: the server cannot be reached, does not answer in time, or refuses key, address or model.
        SettingsError: the environment names an unknown proxy or no certificates.
    """
    import openai  # noqa: PLC0415 (0.7 s: not at start)

    async with build_client(api_key=api_key, base_url=base_url, timeout_s=timeout_s) as client:
        try:
            async with asyncio.timeout(2 * timeout_s):
                server = await _list_models(client)
                if model:
                    await _try_question(client, model, server)
        except openai.OpenAIError as exc:
            raise translate_error(exc) from exc
        except TimeoutError as exc:
            raise UpstreamTimeoutError(f"the model's server did not answer within {2 * timeout_s:.0f} s") from exc
    return server


async def _list_models(client: "AsyncOpenAI") -> ModelServer:
    """Return the list; it is empty when the server has none, or has it in an unknown form."""
    import httpx2  # noqa: PLC0415 (comes with openai)
    import openai  # noqa: PLC0415 (0.7 s: not at start)

    try:
        response = await client.get("/models", cast_to=httpx2.Response)
    except openai.APIStatusError as exc:
        error = translate_error(exc)
        if not (isinstance(error, UpstreamRejectedError) and error.code == "wrong_address"):
            raise
        response = exc.response
    return ModelServer(frozenset(_read_names(response.content)), _parse_date(response.headers.get("date")))


def _read_names(content: bytes) -> list[str]:
    """Return the names in a list of models. Gemini's have a prefix, which questions need not have."""
    try:
        body = msgspec.json.decode(content)
    except msgspec.MsgspecError:
        return []
    models = body.get("data") if isinstance(body, dict) else None
    names = [one.get("id") for one in models if isinstance(one, dict)] if isinstance(models, list) else []
    known = [name for name in names if isinstance(name, str)]
    return [*known, *(name.removeprefix("models/") for name in known)]


async def _try_question(client: "AsyncOpenAI", model: str, server: ModelServer) -> None:
    import httpx2  # noqa: PLC0415 (comes with openai)
    import openai  # noqa: PLC0415 (0.7 s: not at start)

    try:
        body: dict[str, Any] = {"model": model}
        response = await client.post("/chat/completions", cast_to=httpx2.Response, body=body, stream=True)
        error = await _find_error(response)
    except openai.APIStatusError as exc:
        error = translate_error(exc)
    if isinstance(error, UpstreamRejectedError) and error.code in _LASTING:
        if error.code == "model_not_found" and server.models:
            return  # the list tells more
        raise error


async def _find_error(response: "Response") -> UpstreamError | None:
    """Return the error within a 200, such as LM Studio's at a wrong address; a stream is left unread."""
    try:
        kind = response.headers.get("content-type", "")
        if "json" in kind and b'"error"' in await response.aread():
            return read_refusal(response.status_code, response.content)
        return read_refusal(response.status_code, await response.aread()) if "html" in kind else None
    finally:
        await response.aclose()


def _parse_date(value: str | None) -> float | None:
    try:
        return parsedate_to_datetime(value).timestamp() if value else None
    except ValueError:
        return None
