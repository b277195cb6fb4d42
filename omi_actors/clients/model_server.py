"""The API of a model's server: the client, its errors as ours, and a check without a question of a person.

Not here: questions (openai_model.py), what the operator is told of the check (doctor/servers.py). Threads: an event
loop's; the SDK's import blocks (0.7 s).
"""

import asyncio
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import msgspec

from config.upstreams import OPENAI_URL
from omi_actors.clients.model_refusals import read_refusal
from omi_actors.clients.surroundings import explain_connection
from omi_actors.errors import UpstreamError, UpstreamRejectedError, UpstreamTimeoutError, UpstreamUnavailableError

if TYPE_CHECKING:
    from httpx2 import Response
    from openai import AsyncOpenAI

# Seconds to connect; the whole call has a deadline of its own.
_CONNECT_S = 5.0
# Refusals of a request without messages that concern all questions. Others are what such a request deserves.
_LASTING = frozenset({"invalid_api_key", "insufficient_quota", "wrong_address", "redirected", "model_not_found"})


def build_client(*, api_key: str, base_url: str | None, timeout_s: float | None = None) -> "AsyncOpenAI":
    """Return a client of the SDK without retries and redirects; `timeout_s` bounds each read, None does not.

    It uses aiohttp, the SDK's other transport, which costs half of the usual one.
    """
    import aiohttp  # noqa: PLC0415 (comes with openai: not at start)
    import httpx2  # noqa: PLC0415 (the same)
    import openai  # noqa: PLC0415 (0.7 s: not at start)

    from omi_actors.clients import bounded_http  # noqa: PLC0415 (imports httpx2)

    class Client(openai.DefaultAioHttpClient):
        """Translates the one error of aiohttp that the transport of httpx2 does not translate."""

        async def send(self, request: httpx2.Request, **options: Any) -> httpx2.Response:
            """Send a request. Raises: UpstreamRejectedError when the head of the reply is no HTTP, or too large."""
            try:
                return await super().send(request, **options)
            except aiohttp.ClientResponseError as exc:
                raise UpstreamRejectedError(
                    "the model's server, or a proxy before it, sent a head that cannot be read", code="unreadable_reply"
                ) from exc

    timeout = openai.Timeout(timeout_s, connect=_CONNECT_S)
    address, _, query = (base_url or OPENAI_URL).partition("?")
    http_client = bounded_http.open_client(
        address, timeout=timeout, limits=openai.DEFAULT_CONNECTION_LIMITS, client_class=Client
    )

    async def rename_key(request: httpx2.Request) -> None:
        request.headers["api-key"] = request.headers.pop("Authorization").removeprefix("Bearer ")

    if "api-version=" in query:  # Azure's older addresses, which take a key by a header of their own
        http_client.event_hooks["request"].append(rename_key)
    return openai.AsyncOpenAI(
        api_key=api_key,
        base_url=address,
        max_retries=0,
        timeout=timeout,
        http_client=http_client,
        default_query=dict(parse_qsl(query, keep_blank_values=True)),
    )


def translate_error(error: Exception) -> UpstreamError:
    """Return our error for one of the SDK's, without its text, which may quote the prompt."""
    import openai  # noqa: PLC0415 (0.7 s: not at start)

    if isinstance(error, openai.APIStatusError):
        return read_refusal(error.status_code, error.response.content, error.response.headers)
    if isinstance(error, openai.APIConnectionError):
        why = explain_connection(error, str(error.request.url), "OPENAI_BASE_URL")
        return UpstreamUnavailableError(f"the model's server cannot be reached{why}")
    return UpstreamUnavailableError("the model's server sent a broken answer")


@dataclass(frozen=True, slots=True)
class ModelServer:
    """The names of a server's models, and its clock in UTC seconds; None if it sends no date.

    `has_list`: the server sent something that may be a list of models.
    """

    models: frozenset[str]
    now_s: float | None
    has_list: bool = True


async def ask_model_server(*, api_key: str, base_url: str | None, timeout_s: float, model: str = "") -> ModelServer:
    """Return the server's list of models, and try key, address and `model` by a question without messages.

    This costs no token. Some servers list their models to everybody, and some list none. The call blocks while it
    imports the SDK.

    Raises:
        UpstreamError: the server cannot be reached, does not answer in time, or refuses key, address or model.
        SettingsError: the environment names an unknown proxy or no certificates.
    """
    async with build_client(api_key=api_key, base_url=base_url, timeout_s=timeout_s) as client:
        try:
            async with asyncio.timeout(2 * timeout_s):
                server = await list_models(client)
                if model:
                    await try_question(client, model, has_names=bool(server.models))
        except TimeoutError as exc:
            raise UpstreamTimeoutError(f"the model's server did not answer within {2 * timeout_s:.0f} s") from exc
    return server


async def list_models(client: "AsyncOpenAI") -> ModelServer:
    """Return the server's models; none if it has no list, or one of an unknown form. Raises: UpstreamError."""
    import httpx2  # noqa: PLC0415 (comes with openai)
    import openai  # noqa: PLC0415 (the same)

    try:
        response = await client.get("/models", cast_to=httpx2.Response)
    except openai.OpenAIError as exc:
        error = translate_error(exc)
        if not (isinstance(error, UpstreamRejectedError) and error.code == "wrong_address"):
            raise error from exc
        return ModelServer(frozenset(), None, has_list=False)
    except httpx2.HTTPError as exc:
        raise UpstreamUnavailableError("the model's server cut its list of models") from exc
    names = _read_names(response.content)
    return ModelServer(frozenset(names or ()), _parse_date(response.headers.get("date")), has_list=names is not None)


def _read_names(content: bytes) -> list[str] | None:
    """Return the names in a list of models; None if `content` is not JSON or is an error.

    Gemini's names begin with `models/`; they are also returned without it.
    """
    try:
        body = msgspec.json.decode(content)
    except msgspec.MsgspecError:
        return None
    if isinstance(body, dict) and "error" in body:
        return None
    models = body.get("data") if isinstance(body, dict) else None
    names = [one.get("id") for one in models if isinstance(one, dict)] if isinstance(models, list) else []
    known = [name for name in names if isinstance(name, str)]
    return [*known, *(name.removeprefix("models/") for name in known)]


async def try_question(client: "AsyncOpenAI", model: str, *, has_names: bool = False) -> None:
    """Send a question without messages, and raise the refusal if it concerns all questions: key, credit, address, name.

    `has_names`: the server lists its models. Then the list shows whether it knows the name, and a refusal of the name
    is ignored.
    """
    error = await _ask_nothing(client, model)
    if isinstance(error, UpstreamUnavailableError):  # some servers close a kept connection without saying so
        error = await _ask_nothing(client, model)
    lasting = _LASTING - {"model_not_found"} if has_names else _LASTING
    if isinstance(error, UpstreamRejectedError) and error.code in lasting:
        raise error


async def _ask_nothing(client: "AsyncOpenAI", model: str) -> UpstreamError | None:
    import httpx2  # noqa: PLC0415 (comes with openai)
    import openai  # noqa: PLC0415 (the same)

    try:
        body: dict[str, Any] = {"model": model}
        response = await client.post("/chat/completions", cast_to=httpx2.Response, body=body, stream=True)
        return await _find_error(response)
    except openai.OpenAIError as exc:
        return translate_error(exc)
    except httpx2.HTTPError:
        return UpstreamUnavailableError("the model's server cut its answer")


async def _find_error(response: "Response") -> UpstreamError | None:
    """Return the error in a response with status 200; None if there is none. A stream is not read.

    LM Studio sends one for a wrong address; other servers send an HTML page.
    """
    try:
        if "event-stream" in response.headers.get("content-type", ""):
            return None
        body = (await response.aread()).lstrip()
        is_error = body.startswith(b"<") or b'"error"' in body
        return read_refusal(response.status_code, body) if is_error else None
    finally:
        await response.aclose()


def _parse_date(value: str | None) -> float | None:
    try:
        return parsedate_to_datetime(value).timestamp() if value else None
    except ValueError:
        return None
