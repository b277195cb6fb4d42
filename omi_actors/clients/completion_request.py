"""The request of a chat completion, in the form that its model takes: fields, roles of messages, streamed or whole.

Not here: sending it (openai_model.py), the prompt's text (domain/answers/prompt.py), the meaning of refusals
(model_refusals.py). Threads: the event loop.
Source: OpenAI's Chat Completions API. Reasoning models refuse `max_tokens` and `temperature`; servers other than
OpenAI's may know only `max_tokens`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from omi_actors.domain.answers.prompt import Prompt, PromptMessage
from omi_actors.errors import UpstreamRejectedError
from omi_actors.instruments.logs import get_logger

_log = get_logger(__name__)

# Beginnings of reasoning models' names, and the one exception.
_REASONING = ("gpt-5", "o1", "o3", "o4")
_CHATTING = "gpt-5-chat"
_LIMITS = ("max_completion_tokens", "max_tokens")
# Without it the stream does not report its tokens.
_USAGE = {"stream_options": {"include_usage": True}}
# Between messages that become one.
_PARAGRAPH = "\n\n"
# The replacement of a refused value.
_REPLACEMENTS = {("reasoning_effort", "minimal"): "low", ("reasoning_effort", "none"): "low"}


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestOptions:
    """The operator's options for every answer. `max_tokens` counts if a prompt has no limit of its own."""

    max_tokens: int = 500
    temperature: float = 0.7
    reasoning_effort: str = "minimal"
    has_store: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestForm:
    """The form of a request: the field that limits the answer, further fields, and the roles of messages.

    `has_system`: the server accepts a system message. `is_alternating`: messages of user and assistant must alternate,
    so neighbours of one role are joined. `limits_tried`: the fields for the limit that were tried after a refusal.
    `unwanted`: fields of programs that the server refuses, and that an answer can do without.
    """

    limit: str | None
    extras: Mapping[str, Any]
    is_streamed: bool = True
    has_system: bool = True
    is_alternating: bool = False
    limits_tried: tuple[str | None, ...] = ()
    unwanted: frozenset[str] = frozenset()


class RequestShape:
    """Builder of the requests to one model; it learns from refusals, for as long as the process lives.

    Example:
        shape = RequestShape("gpt-5-mini", RequestOptions(), is_openai=True)
        form, body = shape.form, shape.build(prompt)
        shape.learn(error, form)  # after a refusal: True if the next request differs
    """

    def __init__(self, name: str, options: RequestOptions, *, is_openai: bool) -> None:
        self._name = name
        is_reasoning = name.startswith(_REASONING) and not name.startswith(_CHATTING)
        self._max_tokens = options.max_tokens
        limit = "max_completion_tokens" if is_openai or is_reasoning else "max_tokens"
        extras: dict[str, Any] = (
            {"reasoning_effort": options.reasoning_effort} if is_reasoning else {"temperature": options.temperature}
        )
        if options.has_store:
            extras["store"] = True
        self.form = RequestForm(limit=limit, extras=extras | _USAGE, limits_tried=(limit,))

    def max_tokens_of(self, prompt: Prompt) -> int:
        """Return the answer's limit of tokens."""
        return prompt.max_tokens or self._max_tokens

    def build(self, prompt: Prompt) -> dict[str, Any]:
        """Return the request's body."""
        form = self.form
        limit = {form.limit: self.max_tokens_of(prompt)} if form.limit is not None else {}
        return {
            "model": self._name,
            "messages": [
                {"role": one.role, "content": one.text, **(one.fields or {})} for one in _arrange(prompt.messages, form)
            ],
            "stream": form.is_streamed,
            **form.extras,
            **_without(prompt.options or {}, *form.unwanted),
            **limit,
        }

    def learn(
        self, refusal: UpstreamRejectedError, sent: RequestForm, options: Mapping[str, Any] | None = None
    ) -> bool:
        """Change all later requests so that they avoid this refusal. `sent` is the form of the refused request.

        Return False if nothing is left to change. If several requests are refused alike, only the first refusal changes
        the form. With a program's `options`, only a refusal that names one of our fields, or one of theirs that an
        answer can do without, changes the form.
        """
        unwanted = _SAMPLING.intersection(options or (), refusal.parameters)
        if options is not None and not (unwanted or _concerns(refusal, sent)):
            return False
        if self.form != sent:
            return refusal.code in _LEARNT
        after = replace(_change(sent, refusal), unwanted=sent.unwanted | unwanted)
        if after == sent:
            return False
        self.form = after
        changed = {name: value for name, value in asdict(after).items() if value != getattr(sent, name)}
        changed.pop("limits_tried", None)
        _log.warning("model_request_changed", model=self._name, refused=refusal.code, now=changed)
        return True


# Codes of refusals that another form may avoid.
_LEARNT = ("parameter_refused", "roles_refused")
# Fields of programs that an answer can do without.
_SAMPLING = frozenset(
    ("temperature", "top_p", "presence_penalty", "frequency_penalty", "seed", "logit_bias", "reasoning_effort")
) | {"verbosity", "parallel_tool_calls"}


def _concerns(refusal: UpstreamRejectedError, sent: RequestForm) -> bool:
    """Return True if a refusal is about the roles, or names a field that is ours."""
    return refusal.code == "roles_refused" or not {*sent.extras, sent.limit, "stream"}.isdisjoint(refusal.parameters)


def _change(form: RequestForm, refusal: UpstreamRejectedError) -> RequestForm:
    """Return the form without the refused field or role; the same form if it has no such field."""
    if refusal.code == "roles_refused":
        return _change_roles(form, refuses_system="system" in refusal.parameters)
    if refusal.code != "parameter_refused":
        return form
    # A server that names nothing gets nothing beside the question and the limit.
    for name in refusal.parameters or tuple(form.extras):
        form = _change_field(form, name)
    return form


def _change_roles(form: RequestForm, *, refuses_system: bool) -> RequestForm:
    """Return the form with the next arrangement of roles: alternating ones, or no system message.

    Chat templates that know no system message often refuse it with "must alternate". So if alternating roles are
    refused, too, the system message is left out.
    """
    if form.has_system and (refuses_system or form.is_alternating):
        return replace(form, has_system=False)
    return replace(form, is_alternating=True)


def _change_field(form: RequestForm, name: str) -> RequestForm:
    if name == form.limit:
        other = next((one for one in _LIMITS if one not in form.limits_tried), None)
        return replace(form, limit=other, limits_tried=(*form.limits_tried, other))
    if name == "stream":
        return replace(form, is_streamed=False, extras=_without(form.extras, *_USAGE))
    if name not in form.extras:
        return form
    other = _REPLACEMENTS.get((name, str(form.extras[name])))
    return replace(form, extras={**_without(form.extras, name), **({name: other} if other else {})})


def _without(extras: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in extras.items() if name not in names}


def _arrange(messages: Sequence[PromptMessage], form: RequestForm) -> Sequence[PromptMessage]:
    if not form.has_system:
        messages = _without_system(messages)
    return _in_turns(messages) if form.is_alternating else messages


def _without_system(messages: Sequence[PromptMessage]) -> list[PromptMessage]:
    """Put the instructions in front of the first message, as the user's words."""
    texts = [one.text for one in messages if one.role == "system"]
    others = [one for one in messages if one.role != "system"]
    if others and others[0].role == "user":
        texts.append(others.pop(0).text)
    return [PromptMessage("user", _PARAGRAPH.join(texts)), *others]


def _in_turns(messages: Sequence[PromptMessage]) -> list[PromptMessage]:
    """Join messages of one role that follow each other; leave out an answer without its question at the beginning."""
    turns: list[PromptMessage] = []
    for one in messages:
        if turns and turns[-1].role == one.role and not (one.fields or turns[-1].fields):
            turns[-1] = PromptMessage(one.role, turns[-1].text + _PARAGRAPH + one.text)
        elif one.role != "assistant" or (turns and turns[-1].role != "system"):
            turns.append(one)
    return turns
