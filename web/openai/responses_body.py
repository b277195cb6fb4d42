"""Bodies of `POST /v1/responses`: from bytes to the messages, options and echo of a response.

Not here: what is stored of it (responses.py), the prompt (omi_actors/domain/answers/completions.py).
Threads: any; pure. Source: OpenAI's API reference of Responses.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from msgspec import Meta, Struct

from omi_actors.domain.answers.prompt import PromptMessage
from web.openai.base import ParameterError
from web.openai.wire import decode_body

# Parameters that ask for what is not done here, with the values that ask for nothing.
_NOT_DONE: dict[str, tuple[Any, ...]] = {"background": (False,), "conversation": (), "prompt": (), "top_logprobs": (0,)}
_SYSTEM = ("system", "developer")
_TEXT_PARTS = ("input_text", "output_text", "text", "refusal")


class ResponseBody(Struct, forbid_unknown_fields=True, kw_only=True):
    """The request. A field that is not named here is refused, as OpenAI's server does."""

    model: str
    input: str | list[dict[str, Any]]
    instructions: str | None = None
    previous_response_id: str | None = None
    store: bool | None = True
    stream: bool | None = False
    max_output_tokens: Annotated[int, Meta(ge=1)] | None = None
    temperature: Annotated[float, Meta(ge=0, le=2)] | None = None
    top_p: Annotated[float, Meta(ge=0, le=1)] | None = None
    tools: list[dict[str, Any]] | None = None
    tool_choice: str | dict[str, Any] | None = None
    parallel_tool_calls: bool | None = None
    text: dict[str, Any] | None = None
    reasoning: dict[str, Any] | None = None
    metadata: dict[str, str] | None = None
    truncation: str | None = None
    # Not done here; see _NOT_DONE.
    background: bool | None = None
    conversation: str | dict[str, Any] | None = None
    prompt: dict[str, Any] | None = None
    top_logprobs: int | None = None
    # Ignored: they change nothing in an answer.
    include: list[str] | None = None
    max_tool_calls: int | None = None
    stream_options: dict[str, Any] | None = None
    user: str | None = None
    service_tier: str | None = None
    safety_identifier: str | None = None
    prompt_cache_key: str | None = None
    prompt_cache_retention: str | None = None


class Request(Struct, frozen=True):
    """A request as it was understood. `echo` are the fields that the response repeats."""

    body: ResponseBody
    messages: list[PromptMessage]
    options: dict[str, Any]
    echo: dict[str, Any]


def read_response_request(data: bytes) -> Request:
    """Parse a body.

    Raises:
        ParameterError: a parameter is missing, invalid, unknown or not done here.
    """
    body = decode_body(data, ResponseBody)
    for name, harmless in _NOT_DONE.items():
        value = getattr(body, name)
        if value is not None and value not in harmless:
            raise _unsupported(name, f"'{name}' asks for what this server does not do.")
    given = body.input
    messages = [PromptMessage("user", given)] if isinstance(given, str) else _read_items(given)
    if not messages:
        raise ParameterError("Invalid 'input': it holds no message.", param="input", code="invalid_value")
    return Request(body, messages, _build_options(body), _build_echo(body))


def _read_items(items: Sequence[Mapping[str, Any]]) -> list[PromptMessage]:
    messages: list[PromptMessage] = []
    for at, item in enumerate(items):
        place = f"input[{at}]"
        match item.get("type", "message"):
            case "message":
                messages.append(_read_message(item, place))
            case "function_call":
                _add_call(messages, item, place)
            case "function_call_output":
                output = item.get("output", "")
                text = output if isinstance(output, str) else _read_parts(output, place)[0]
                messages.append(PromptMessage("tool", text, {"tool_call_id": _text(item, "call_id", place)}))
            case "reasoning":
                pass  # another model's thoughts
            case other:
                raise _unsupported(place, f"items of the type '{str(other)[:32]}' are not done here.")
    return messages


def _read_message(item: Mapping[str, Any], place: str) -> PromptMessage:
    role, content = _text(item, "role", place), item.get("content", "")
    if role not in (*_SYSTEM, "user", "assistant"):
        raise ParameterError(f"Invalid value: '{place}.role'.", param=f"{place}.role", code="invalid_value")
    text, parts = (content, []) if isinstance(content, str) else _read_parts(content, place)
    if role in _SYSTEM:
        return PromptMessage("system", text)
    return PromptMessage(role, text, {"content": parts} if parts else None)


def _read_parts(content: object, place: str) -> tuple[str, list[dict[str, Any]]]:
    """Return the text of all parts, and the parts themselves in the model's form if one is an image."""
    if not isinstance(content, list) or not all(isinstance(part, dict) for part in content):
        raise ParameterError(f"Invalid type for '{place}.content'.", param=f"{place}.content", code="invalid_type")
    parts = [_read_part(part, place) for part in content]
    text = "\n".join(part["text"] for part in parts if part["type"] == "text")
    return text, parts if any(part["type"] != "text" for part in parts) else []


def _read_part(part: Mapping[str, Any], place: str) -> dict[str, Any]:
    kind = part.get("type")
    if kind in _TEXT_PARTS:
        return {"type": "text", "text": _text(part, "refusal" if kind == "refusal" else "text", f"{place}.content")}
    if kind == "input_image" and isinstance(part.get("image_url"), str):
        image = {"url": part["image_url"], **({"detail": part["detail"]} if "detail" in part else {})}
        return {"type": "image_url", "image_url": image}
    raise _unsupported(f"{place}.content", f"parts of the type '{str(kind)[:32]}' are not done here.")


def _add_call(messages: list[PromptMessage], item: Mapping[str, Any], place: str) -> None:
    """Add a call of a tool. Calls that follow each other, or the assistant's words, are of one message."""
    function = {"name": _text(item, "name", place), "arguments": _text(item, "arguments", place)}
    call = {"id": _text(item, "call_id", place), "type": "function", "function": function}
    last = messages[-1] if messages and messages[-1].role == "assistant" else None
    if last is not None:
        messages.pop()
    text, fields = (last.text, dict(last.fields or {})) if last is not None else ("", {})
    fields["tool_calls"] = [*fields.get("tool_calls", ()), call]
    messages.append(PromptMessage("assistant", text, fields if text else {**fields, "content": None}))


def _text(item: Mapping[str, Any], name: str, place: str) -> str:
    value = item.get(name)
    if not isinstance(value, str):
        raise ParameterError(
            f"Missing required parameter: '{place}.{name}'.", param=f"{place}.{name}", code="missing_required_parameter"
        )
    return value


# --- options of the model's request


def _build_options(body: ResponseBody) -> dict[str, Any]:
    options: dict[str, Any] = {
        "temperature": body.temperature,
        "top_p": body.top_p,
        "tools": [_read_tool(at, tool) for at, tool in enumerate(body.tools or ())] or None,
        "tool_choice": _read_choice(body.tool_choice) if body.tools else None,
        "parallel_tool_calls": body.parallel_tool_calls if body.tools else None,
        "response_format": _read_format((body.text or {}).get("format")),
        "verbosity": (body.text or {}).get("verbosity"),
        "reasoning_effort": (body.reasoning or {}).get("effort"),
    }
    return {name: value for name, value in options.items() if value is not None}


def _read_tool(at: int, tool: Mapping[str, Any]) -> dict[str, Any]:
    if tool.get("type") != "function":
        raise _unsupported(f"tools[{at}].type", "tools other than functions are not done here.")
    return {"type": "function", "function": {name: value for name, value in tool.items() if name != "type"}}


def _read_choice(choice: str | Mapping[str, Any] | None) -> str | dict[str, Any] | None:
    if choice is None or isinstance(choice, str):
        return choice
    if choice.get("type") != "function":
        raise _unsupported("tool_choice", "a choice among tools is a word or a function.")
    return {"type": "function", "function": {"name": choice.get("name", "")}}


def _read_format(form: object) -> dict[str, Any] | None:
    if not isinstance(form, dict) or form.get("type") in (None, "text"):
        return None
    if form["type"] != "json_schema":
        return form
    return {"type": "json_schema", "json_schema": {name: value for name, value in form.items() if name != "type"}}


def _build_echo(body: ResponseBody) -> dict[str, Any]:
    return {
        "instructions": body.instructions,
        "max_output_tokens": body.max_output_tokens,
        "metadata": body.metadata or {},
        "parallel_tool_calls": body.parallel_tool_calls is not False,
        "previous_response_id": body.previous_response_id,
        "reasoning": {"effort": None, "summary": None, **(body.reasoning or {})},
        "store": body.store is not False,
        "temperature": body.temperature,
        "text": body.text or {"format": {"type": "text"}},
        "tool_choice": body.tool_choice or "auto",
        "tools": body.tools or [],
        "top_p": body.top_p,
        "truncation": body.truncation or "disabled",
    }


def _unsupported(param: str, why: str) -> ParameterError:
    return ParameterError(f"Unsupported value: {why}", param=param, code="unsupported_value")
