"""Forms of OpenAI's wire for the declarations: errors, models, completions, responses.

Not here: making them (chat.py, response_events.py). Threads: any; constant. Source: OpenAI's API reference.
"""

from typing import Annotated, Any, Literal, NotRequired, TypedDict

from msgspec import Meta

Seconds = Annotated[int, Meta(description="UTC seconds", examples=[1_795_737_600])]
ModelName = Annotated[str, Meta(examples=["omi"])]


class OpenAIErrorDetail(TypedDict):
    """An error: `message` is for people, `code` and `type` for programs; `param` names the parameter at fault."""

    message: str
    type: Literal["invalid_request_error", "requests", "insufficient_quota", "server_error"]
    param: str | None
    code: str | None


class OpenAIError(TypedDict):
    """A refusal or failure in OpenAI's form."""

    error: OpenAIErrorDetail


# Statuses that the handlers answer themselves. The edge's own refusals, as of a body that is too large, have our form.
ERRORS: dict[int, Any] = dict.fromkeys((400, 401, 403, 404, 409, 422, 429, 500, 502, 503, 504), OpenAIError)


class OpenAIModelForm(TypedDict):
    """A space as a model."""

    id: ModelName
    object: Literal["model"]
    created: Seconds
    owned_by: str


class OpenAIModels(TypedDict):
    """All models."""

    object: Literal["list"]
    data: list[OpenAIModelForm]


class CompletionUsage(TypedDict):
    """Tokens as the model's server has counted them."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class CompletionChoice(TypedDict):
    """The answer. `message` has `content`, and `tool_calls` if the model calls tools of the program."""

    index: Literal[0]
    message: dict[str, Any]
    logprobs: None
    finish_reason: Literal["stop", "length", "tool_calls"]


class ChatCompletion(TypedDict):
    """A whole completion. `usage` is estimated if the model's server does not count."""

    id: str
    object: Literal["chat.completion"]
    created: Seconds
    model: ModelName
    choices: list[CompletionChoice]
    usage: CompletionUsage


class ChunkChoice(TypedDict):
    """A piece of the answer."""

    index: Literal[0]
    delta: dict[str, Any]
    logprobs: None
    finish_reason: Literal["stop", "length", "tool_calls"] | None


class ChatCompletionChunk(TypedDict):
    """A chunk of a streamed completion."""

    id: str
    object: Literal["chat.completion.chunk"]
    created: Seconds
    model: ModelName
    choices: list[ChunkChoice]
    usage: NotRequired[CompletionUsage | None]


class ResponseUsage(TypedDict):
    """Tokens as the model's server has counted them."""

    input_tokens: int
    input_tokens_details: dict[str, int]
    output_tokens: int
    output_tokens_details: dict[str, int]
    total_tokens: int


class ResponseObject(TypedDict):
    """A response. `output` has a message, calls of tools, or both; the fields after `usage` repeat the request."""

    id: str
    object: Literal["response"]
    created_at: Seconds
    model: ModelName
    status: Literal["in_progress", "completed", "incomplete", "failed"]
    error: dict[str, Any] | None
    incomplete_details: dict[str, Any] | None
    output: list[dict[str, Any]]
    usage: ResponseUsage | None
    instructions: NotRequired[str | None]
    max_output_tokens: NotRequired[int | None]
    metadata: NotRequired[dict[str, str]]
    parallel_tool_calls: NotRequired[bool]
    previous_response_id: NotRequired[str | None]
    reasoning: NotRequired[dict[str, Any]]
    store: NotRequired[bool]
    temperature: NotRequired[float | None]
    text: NotRequired[dict[str, Any]]
    tool_choice: NotRequired[str | dict[str, Any]]
    tools: NotRequired[list[dict[str, Any]]]
    top_p: NotRequired[float | None]
    truncation: NotRequired[str]


class ResponseEvent(TypedDict):
    """An event of a streamed response; its other fields are those of its `type`."""

    type: str
    sequence_number: int


class ResponseDeleted(TypedDict):
    """A response that is deleted."""

    id: str
    object: Literal["response"]
    deleted: Literal[True]
