"""Chunks of a chat completion, in the shapes that servers give them: text, finish reason, tokens, refusal or error.

Not here: their order and the answer (completion_stream.py), the meaning of an error (model_refusals.py). Threads: none,
pure. Source: OpenAI's Chat Completions API, and the servers that follow it; docs/models.md names their oddities.
"""

import json
import math
import re
from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Any

import msgspec

# No answer costs more; a larger count is an error of its server, and no integer of the store.
_MOST_TOKENS = 1_000_000_000
# Kinds of parts that are speech, and the fields of a text.
_SPEECH_PARTS = ("", "text", "output_text", "text_delta", "message")
_TEXTS = ("content", "text", "value", "parts")
# Fields of gateways that hold a whole completion.
_ENVELOPES = ("data", "result", "output", "response")
_REASONING = frozenset({"reasoning_content", "reasoning", "reasoning_details", "thinking"})
# A text lies at most so deep: message, content, part, text, value.
_LEVELS = 5
# The text of a chunk that is broken elsewhere, and its finish reason.
_STRING = r'\s*:\s*("(?:[^"\\]|\\.)*")'
_BROKEN_TEXT = re.compile(rf'"(?:content|text)"{_STRING}')
_BROKEN_REASON = re.compile(rf'"finish_reason"{_STRING}')


class Ending(StrEnum):
    """The meaning of a finish reason. UNKNOWN counts as a cut, too, but more of the answer may follow it."""

    WHOLE = "whole"
    LENGTH = "length"
    REFUSED = "refused"
    CUT = "cut"
    UNKNOWN = "unknown"


_REASONS = {
    Ending.WHOLE: (
        *("stop", "stop_sequence", "stop_token", "stop_str", "eos", "eos_token", "end_turn", "end_of_turn", "end"),
        *(
            "complete",
            "completed",
            "finish",
            "finished",
            "done",
            "normal",
            "endoftext",
            "eos_found",
            "stop_string_found",
        ),
        *("tool_calls", "tool_call", "tool_use", "function_call", "malformed_function_call"),
    ),
    Ending.LENGTH: (
        *("length", "max_tokens", "max_output_tokens", "max_output", "max_length", "model_length"),
        *("model_context_window_exceeded", "context_length_reached", "token_limit", "max_predicted_tokens_reached"),
    ),
    Ending.REFUSED: (
        *("content_filter", "content_filtered", "safety", "recitation", "prohibited_content", "blocklist", "spii"),
        *("sensitive", "refusal", "guardrail_intervened", "error_toxic", "image_safety"),
    ),
    Ending.CUT: (
        *(
            "error",
            "abort",
            "aborted",
            "cancelled",
            "canceled",
            "user_cancel",
            "error_limit",
            "network_error",
            "timeout",
        ),
        *("time_limit", "insufficient_system_resource"),
    ),
}
_NO_LETTERS = re.compile(r"[^a-z]+")


def _letters_of(reason: str) -> str:
    """Return what spellings of a reason have in common: `MAX_TOKENS`, `max-tokens` and `maxTokens` are one."""
    return _NO_LETTERS.sub("", reason.lower()).removeprefix("finishreason")


_ENDINGS: Mapping[str, Ending] = MappingProxyType(
    {_letters_of(reason): ending for ending, reasons in _REASONS.items() for reason in reasons}
)
# Forms of no reason, as of a program that prints its null.
_NO_REASONS = ("", "null", "none", "undefined")


class Chunk(msgspec.Struct, frozen=True):
    """A chunk. `is_message`: its text is a message, which may repeat the text of all deltas before it.

    `tokens` are those of question and answer together, `counts` those of each; `calls` are pieces of calls of tools.
    """

    text: str = ""
    is_message: bool = False
    ending: Ending | None = None
    tokens: int = 0
    counts: tuple[int, int] = (0, 0)
    calls: tuple[Mapping[str, Any], ...] = ()
    is_refusal: bool = False
    is_error: bool = False
    has_reasoning: bool = False
    has_choice: bool = False


def read_chunk(value: Mapping[str, Any], event_name: str = "") -> Chunk:
    """Return the chunk in an event's value, as far as it can be understood. Only the first choice counts."""
    value = _unwrap(value)
    choice = _find_choice(value)
    is_error = event_name == "error" or _is_error(value) or "error" in (value.get("object"), value.get("type"))
    usage = value.get("usage")
    tokens, counts = _read_tokens(usage), _read_counts(usage)
    if choice is None:
        return Chunk(tokens=tokens, counts=counts, is_error=is_error)
    delta, message = choice.get("delta"), choice.get("message")
    text, is_message = find_text(delta), False
    if not text:
        told = find_text(message)
        text, is_message = told or find_text(choice.get("text")), bool(told)
    parts = [part for part in (delta, message) if isinstance(part, dict)]
    return Chunk(
        text=text,
        is_message=is_message,
        ending=next((found for part in (choice, *parts, value) if (found := _read_ending(part))), None),
        tokens=tokens or _read_tokens(choice.get("usage")),
        counts=counts,
        calls=tuple(call for part in parts for call in _read_calls(part.get("tool_calls"))),
        is_refusal=any(map(_is_refusal, parts)),
        is_error=is_error or _is_error(choice),
        has_reasoning=any(not _REASONING.isdisjoint(part) and any(map(part.get, _REASONING)) for part in parts),
        has_choice=True,
    )


def read_broken_chunk(text: str) -> Chunk | None:
    """Return the chunk in a text that is no JSON, but holds all of its own text; None if a part may be lost."""
    texts, reason = list(_BROKEN_TEXT.finditer(text)), _BROKEN_REASON.search(text)
    found = texts[0] if texts else None
    if len(texts) > 1 or (found is None and (reason is None or "content" in text)):
        return None
    choice = {"text": _unquote(found[1]) if found else "", "finish_reason": _unquote(reason[1]) if reason else None}
    return read_chunk({"choices": [choice]})


def find_text(content: object, levels: int = _LEVELS) -> str:
    """Return the speech in a delta, message or content: a text, its parts, or an object that holds one of these.

    Reasoning, calls of tools and other parts are not speech and are left out.
    """
    if isinstance(content, str):
        return content
    if isinstance(content, int) and not isinstance(content, bool):  # a gateway has read the token "9" as a number
        return str(content)
    if levels == 0:
        return ""
    if isinstance(content, list):
        return "".join(find_text(part, levels - 1) for part in content)
    if isinstance(content, dict) and _is_speech(content):
        return next((text for name in _TEXTS if (text := find_text(content.get(name), levels - 1))), "")
    return ""


def _is_speech(part: Mapping[str, Any]) -> bool:
    is_final = (part.get("channel") or "final") == "final"
    return is_final and (part.get("type") or "") in _SPEECH_PARTS and not part.get("thought")


def _unwrap(value: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the completion in a gateway's own envelope, as {"code": 200, "data": {"choices": …}}."""
    inner = (value.get(name) for name in _ENVELOPES) if "choices" not in value else ()
    return next((one for one in inner if isinstance(one, dict) and "choices" in one), value)


def _find_choice(value: Mapping[str, Any]) -> Mapping[str, Any] | None:
    choices = value.get("choices")
    for choice in choices if isinstance(choices, list) else [choices]:
        if isinstance(choice, dict) and _is_first(choice.get("index")):
            return choice
    return None


def _is_first(index: object) -> bool:
    if index is None or index == 0:
        return True
    number = str(index).strip()
    return not number.isdecimal() or int(number) == 0


def _is_error(part: Mapping[str, Any]) -> bool:
    error = part.get("error")
    return any(error.values()) if isinstance(error, dict) else bool(error)


def _is_refusal(part: Mapping[str, Any]) -> bool:
    """Return True for a delta or message that refuses: in a field, or as one of its parts."""
    refusal, content = part.get("refusal"), part.get("content")
    pieces = content if isinstance(content, list) else []
    is_told = isinstance(refusal, str) and bool(refusal.strip())
    return is_told or any(isinstance(piece, dict) and piece.get("type") == "refusal" for piece in pieces)


def _read_ending(part: Mapping[str, Any]) -> Ending | None:
    reason = part.get("finish_reason") or part.get("finishReason") or part.get("stop_reason")
    if not reason or (isinstance(reason, str) and reason.strip().lower() in _NO_REASONS):
        return None
    return _ENDINGS.get(_letters_of(reason), Ending.UNKNOWN) if isinstance(reason, str) else Ending.UNKNOWN


def _read_tokens(usage: object) -> int:
    """Return the tokens of question and answer; 0 if the server reports none, or a count that cannot be right."""
    return _count(usage.get("total_tokens")) or sum(_read_counts(usage)) if isinstance(usage, dict) else 0


def _read_counts(usage: object) -> tuple[int, int]:
    """Return the tokens of the question and of the answer; 0 for what the server does not report."""
    if not isinstance(usage, dict):
        return 0, 0
    question, answer = (
        _count(usage.get(one)) or _count(usage.get(other))
        for one, other in (("prompt_tokens", "input_tokens"), ("completion_tokens", "output_tokens"))
    )
    return question, answer


def _read_calls(calls: object) -> list[Mapping[str, Any]]:
    return [call for call in calls if isinstance(call, dict)] if isinstance(calls, list) else []


def _count(value: object) -> int:
    try:
        number = float(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else 0.0
    except (ValueError, OverflowError):
        return 0
    is_count = math.isfinite(number) and number.is_integer() and 0 < number <= _MOST_TOKENS
    return int(number) if is_count else 0


def _unquote(literal: str) -> str:
    """Return the text of a JSON string; if the string is no valid JSON, the characters between its quotes."""
    try:
        return str(json.loads(literal, strict=False))
    except ValueError:
        return literal[1:-1]
