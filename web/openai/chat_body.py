"""Bodies of `POST /v1/chat/completions`: from bytes to a completion, with errors that name the parameter.

Not here: what the model makes of it (omi_actors/domain/answers/completions.py). Threads: any; pure.
Source: OpenAI's API reference of Chat Completions.
"""

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from omi_actors.domain.answers.completions import Completion
from omi_actors.domain.answers.prompt import PromptMessage
from web.openai.base import ParameterError, find_space
from web.openai.wire import decode_body

# Parameters that go to the model's server as they came.
_PASSED = (
    *("temperature", "top_p", "presence_penalty", "frequency_penalty", "seed", "stop", "logit_bias"),
    *("response_format", "tools", "tool_choice", "parallel_tool_calls", "reasoning_effort", "verbosity"),
)
# Parameters that ask for what is not done here, with the values that ask for nothing.
_NOT_DONE: dict[str, tuple[Any, ...]] = {
    "n": (1,),
    "logprobs": (False,),
    "top_logprobs": (0,),
    "audio": (),
    "modalities": (["text"],),
    "functions": ([],),
    "function_call": ("none",),
    "web_search_options": (),
}
_SYSTEM = ("system", "developer")
_Penalty = Annotated[float, Meta(ge=-2, le=2)]


class Part(Struct):
    """A part of a message's content."""

    type: str
    text: str | None = None
    image_url: dict[str, Any] | None = None


class Message(Struct):
    """A message of the client. Programs add fields of their own, which are ignored."""

    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: str | list[Part] | None = None
    name: str | None = None
    tool_calls: list[dict[str, Any]] | None = None
    tool_call_id: str | None = None


class StreamOptions(Struct):
    """Options of a stream."""

    include_usage: bool | None = False


class ChatBody(Struct, forbid_unknown_fields=True, kw_only=True):
    """The request. A field that is not named here is refused, as OpenAI's server does."""

    model: str
    messages: Annotated[list[Message], Meta(min_length=1)]
    stream: bool | None = False
    stream_options: StreamOptions | None = None
    store: bool | None = False
    max_tokens: Annotated[int, Meta(ge=1)] | None = None
    max_completion_tokens: Annotated[int, Meta(ge=1)] | None = None
    temperature: Annotated[float, Meta(ge=0, le=2)] | None = None
    top_p: Annotated[float, Meta(ge=0, le=1)] | None = None
    presence_penalty: _Penalty | None = None
    frequency_penalty: _Penalty | None = None
    seed: int | None = None
    stop: str | list[str] | None = None
    logit_bias: dict[str, float] | None = None
    response_format: dict[str, Any] | None = None
    tools: list[dict[str, Any]] | None = None
    tool_choice: str | dict[str, Any] | None = None
    parallel_tool_calls: bool | None = None
    reasoning_effort: str | None = None
    verbosity: str | None = None
    # Not done here; see _NOT_DONE.
    n: int | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None
    audio: dict[str, Any] | None = None
    modalities: list[str] | None = None
    functions: list[dict[str, Any]] | None = None
    function_call: str | dict[str, Any] | None = None
    web_search_options: dict[str, Any] | None = None
    # Ignored: they change nothing in an answer.
    user: str | None = None
    metadata: dict[str, Any] | None = None
    service_tier: str | None = None
    safety_identifier: str | None = None
    prompt_cache_key: str | None = None
    prompt_cache_retention: str | None = None
    prediction: dict[str, Any] | None = None

    @property
    def includes_usage(self) -> bool:
        """Return True if the stream ends with the count of tokens."""
        return self.stream_options is not None and bool(self.stream_options.include_usage)


def read_chat(body: bytes) -> tuple[ChatBody, Completion]:
    """Parse a body.

    Raises:
        ParameterError: a parameter is missing, invalid, unknown or not done here. UnknownModelError: no such model.
    """
    read = decode_body(body, ChatBody)
    for name, harmless in _NOT_DONE.items():
        value = getattr(read, name)
        if value is not None and value not in harmless:
            raise ParameterError(
                f"Unsupported value: '{name}' asks for what this server does not do.",
                param=name,
                code="unsupported_value",
            )
    options = {name: value for name in _PASSED if (value := getattr(read, name)) is not None and value != []}
    return read, Completion(
        space=find_space(read.model),
        messages=tuple(_build(at, one) for at, one in enumerate(read.messages)),
        options=options,
        max_tokens=read.max_completion_tokens or read.max_tokens,
    )


def _build(at: int, message: Message) -> PromptMessage:
    """Return the message for the prompt; its fields are those that the model's server must see as they came."""
    parts = message.content if isinstance(message.content, list) else []
    text = "\n".join(part.text or "" for part in parts if part.type == "text") if parts else message.content or ""
    assert isinstance(text, str)  # noqa: S101 (a list is in `parts`)
    if message.role in _SYSTEM:
        return PromptMessage("system", text)
    fields: dict[str, Any] = {}
    if any(part.type != "text" for part in parts):
        fields["content"] = [_build_part(at, part) for part in parts]
    if message.role == "tool":
        if not message.tool_call_id:
            raise ParameterError(
                f"Missing parameter 'tool_call_id': messages with role 'tool' must have it: messages[{at}].",
                param=f"messages[{at}].tool_call_id",
            )
        fields["tool_call_id"] = message.tool_call_id
    if message.role == "assistant" and message.tool_calls:
        fields["tool_calls"] = message.tool_calls
        if not text:
            fields["content"] = None
    return PromptMessage(message.role, text, fields or None)


def _build_part(at: int, part: Part) -> dict[str, Any]:
    if part.type == "text":
        return {"type": "text", "text": part.text or ""}
    if part.type == "image_url" and part.image_url is not None:
        return {"type": "image_url", "image_url": part.image_url}
    raise ParameterError(
        f"Invalid value: '{part.type[:32]}'. Parts may be 'text' and 'image_url'.",
        param=f"messages[{at}].content",
        code="invalid_value",
    )
