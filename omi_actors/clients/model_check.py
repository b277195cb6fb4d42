"""Asking a model's server what it has: proves address and key, and costs no token.

Not here: answers (openai_model.py). Threads: an event loop; blocks it for 0.7 s at first, to import the SDK.
"""

from dataclasses import dataclass
from email.utils import parsedate_to_datetime

from omi_actors.clients.openai_model import build_client, translate_error


@dataclass(frozen=True, slots=True)
class ModelServer:
    """The names of its models; `now_s` is its clock (UTC seconds), None when it does not say."""

    models: frozenset[str]
    now_s: float | None


async def ask_model_server(*, api_key: str, base_url: str | None, timeout_s: float) -> ModelServer:
    """Return what the server says of itself.

    Raises:
        UpstreamError: it cannot be reached, does not answer in time, or refuses the key.
    """
    import openai  # noqa: PLC0415 (see the module)

    async with build_client(openai, api_key=api_key, base_url=base_url, timeout_s=timeout_s) as client:
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
