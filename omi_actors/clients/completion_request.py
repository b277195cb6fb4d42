"""The request of a chat completion, without the parameters that its model has refused.

Not here: sending it (openai_model.py), the prompt's text (domain/answers/prompt.py). Threads: the event loop.
Source: OpenAI's Chat Completions API. Reasoning models refuse `max_tokens` and `temperature`; servers other than
OpenAI's may know only `max_tokens`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from omi_actors.domain.answers.prompt import Prompt
from omi_actors.instruments.logs import get_logger

_log = get_logger(__name__)

# Beginnings of reasoning models' names, and the one exception.
_REASONING = ("gpt-5", "o1", "o3", "o4")
_CHATTING = "gpt-5-chat"
# Fields without which there is no question.
_REQUIRED = ("model", "messages", "stream")
_LIMITS = ("max_completion_tokens", "max_tokens")
# The replacement of a refused value.
_REPLACEMENTS = {("reasoning_effort", "minimal"): "low", ("reasoning_effort", "none"): "low"}


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestOptions:
    """The operator's options for every answer. `max_tokens` is the default of prompts without their own."""

    max_tokens: int = 500
    temperature: float = 0.7
    reasoning_effort: str = "minimal"
    has_store: bool = False


class RequestShape:
    """Builder of the requests to one model; it learns from refusals.

    Example:
        shape = RequestShape("gpt-5-mini", RequestOptions(), is_openai=True)
        body = shape.build(prompt)
        shape.drop("reasoning_effort", body)  # after a refusal: asks for less effort, or without the parameter
    """

    def __init__(self, name: str, options: RequestOptions, *, is_openai: bool) -> None:
        self._name = name
        is_reasoning = name.startswith(_REASONING) and not name.startswith(_CHATTING)
        self._max_tokens = options.max_tokens
        self._limit: str | None = "max_completion_tokens" if is_openai or is_reasoning else "max_tokens"
        self._limits_tried: list[str | None] = [self._limit]
        self._extras: dict[str, Any] = (
            {"reasoning_effort": options.reasoning_effort} if is_reasoning else {"temperature": options.temperature}
        )
        # Without it the stream does not report its tokens.
        self._extras["stream_options"] = {"include_usage": True}
        if options.has_store:
            self._extras["store"] = True

    def max_tokens_of(self, prompt: Prompt) -> int:
        """Return the answer's limit of tokens."""
        return prompt.max_tokens or self._max_tokens

    def build(self, prompt: Prompt) -> dict[str, Any]:
        """Return the request's body."""
        limit = {self._limit: self.max_tokens_of(prompt)} if self._limit is not None else {}
        return {
            "model": self._name,
            "messages": [{"role": one.role, "content": one.text} for one in prompt.messages],
            "stream": True,
            **self._extras,
            **limit,
        }

    def drop(self, parameter: str, sent: Mapping[str, Any]) -> bool:
        """Leave out this parameter of the request `sent`, or replace its value, in all later requests.

        False if the request has no such parameter. When several requests are refused alike, only the first counts.
        """
        if parameter not in _REQUIRED and parameter in sent:
            if parameter == self._limit:
                self._change_limit()
            elif self._extras.get(parameter) == sent[parameter]:
                self._change_extra(parameter)
            return True
        return False

    def _change_limit(self) -> None:
        refused = self._limit
        other = next((name for name in _LIMITS if name not in self._limits_tried), None)
        self._limit = other
        self._limits_tried.append(other)
        _log.warning("model_parameter_refused", model=self._name, parameter=refused, instead=other)

    def _change_extra(self, parameter: str) -> None:
        value = self._extras.pop(parameter)
        other = _REPLACEMENTS.get((parameter, str(value)))
        if other is not None:
            self._extras[parameter] = other
        _log.warning("model_parameter_refused", model=self._name, parameter=parameter, value=value, instead=other)


def find_refused(parameter: str | None, message: str, sent: Mapping[str, Any]) -> str:
    """Return the parameter that a refusal names in its field, or else in its text; "" for none."""
    if parameter:
        return parameter
    return next((name for name in sent if f"'{name}'" in message), "")
