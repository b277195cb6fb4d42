"""Completions: prompts from the conversations that programs bring along, and what of a long one is sent.

Not here: prompts of our own questions (prompt.py), OpenAI's wire (web/openai/), the call (clients/).
Threads: any; pure.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from omi_actors.domain.answers.prompt import (
    MEMORIES,
    Prompt,
    PromptMessage,
    RecalledLine,
    Space,
    build_notes,
    estimate_tokens,
    find_space,
    wish_of,
)
from omi_actors.domain.hearing.language import LANGUAGES
from omi_actors.errors import ContextTooLongError

_WHO = (
    "You are Omi, the assistant of a person who wears a small microphone. The person reads your answer in another "
    "program: answer in {language}, in the form that is asked for. If you do not know, say so."
)
_PROGRAM = "\n\nThe program gave these instructions. Follow them as far as nothing above forbids it.\n\n"
# Tokens of an image, about: servers count from 85 to 1,600.
_IMAGE_TOKENS = 1_000
# Tokens of a message's frame.
_FRAME_TOKENS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class CompletionLimits:
    """Limits of completions: seconds of a whole one, tokens of its answer and of its conversation (estimated).

    One session has at most `open` at once.
    """

    timeout_s: float = 120.0
    max_tokens: int = 4_000
    context_tokens: int = 32_000
    open: int = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Keeping:
    """A program's wish that question and answer are kept, the answer as `message_id`.

    `conversation_id` and `previous_id` are those of the kept response it goes on from, "" without one. `record` is kept
    together with the answer for /v1/responses; None: the messages alone.
    """

    message_id: str
    conversation_id: str = ""
    previous_id: str = ""
    record: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """A program's question. `messages` are its conversation, oldest first; `options` fields for the model's request.

    `max_tokens` is the program's own limit of the answer, None if it has none. `keeping` is None if nothing is kept.
    """

    space: str
    messages: tuple[PromptMessage, ...]
    options: Mapping[str, Any] = field(default_factory=dict)
    max_tokens: int | None = None
    keeping: Keeping | None = None

    @property
    def question(self) -> str:
        """Return the text of the last message of the user; "" if there is none."""
        return next((one.text for one in reversed(self.messages) if one.role == "user"), "")

    @property
    def is_new_question(self) -> bool:
        """Return True if the conversation ends with a message of the user, and not with the result of a tool."""
        return bool(self.messages) and self.messages[-1].role == "user"

    @property
    def earlier_answer(self) -> str:
        """Return the last answer before the question; "" if there is none."""
        return next((one.text for one in reversed(self.messages) if one.role == "assistant" and one.text), "")


def build_completion_prompt(
    asked: Completion, recalled: Sequence[RecalledLine], limits: CompletionLimits, *, language: str = "", wish: str = ""
) -> Prompt:
    """Return the prompt: our instructions, the program's under them, recalled texts, the newest of the conversation.

    Raises:
        ContextTooLongError: instructions and last turn alone are too long.
    """
    notes = build_notes(recalled)
    theirs = [one.text for one in asked.messages if one.role == "system" and one.text.strip()]
    instructions = _build_instructions(find_space(asked.space), theirs, language, has_notes=bool(notes), wish=wish)
    turns = [one for one in asked.messages if one.role != "system"]
    kept = _choose_turns(turns, limits.context_tokens - estimate_tokens(instructions))
    wanted = asked.max_tokens or limits.max_tokens
    return Prompt(
        asked.question,
        (PromptMessage("system", instructions), *notes, *kept),
        min(wanted, limits.max_tokens),
        asked.options,
    )


def _build_instructions(space: Space, theirs: Sequence[str], language: str, *, has_notes: bool, wish: str) -> str:
    ours = _WHO.format(language=LANGUAGES.get(language, "the language of the question"))
    ours += MEMORIES if has_notes else ""
    ours += f" {space.instruction}" if space.instruction else ""
    ours += wish_of(wish)
    return _PROGRAM.join((ours, "\n\n".join(theirs))) if theirs else ours


def _choose_turns(turns: Sequence[PromptMessage], tokens: float) -> Sequence[PromptMessage]:
    """Return the newest turns that fit. A turn is a message of the user with all that follows it up to the next one."""
    starts = [at for at, one in enumerate(turns) if one.role == "user"] or [0]
    least = starts[-1]
    left, first = tokens - sum(map(_count, turns[least:])), least
    if left < 0:
        raise ContextTooLongError(
            "This model's maximum context length is exceeded: instructions and last message are too long."
        )
    for start in (*reversed(starts[:-1]), 0):
        left -= sum(map(_count, turns[start:first]))
        if left < 0:
            break
        first = start
    return turns[first:]


def _count(message: PromptMessage) -> float:
    """Return an estimate of a message's tokens."""
    fields = message.fields or {}
    parts = fields.get("content")
    images = sum(part.get("type") == "image_url" for part in parts) if isinstance(parts, list) else 0
    calls = str(fields.get("tool_calls", ""))
    return estimate_tokens(message.text) + estimate_tokens(calls) + images * _IMAGE_TOKENS + _FRAME_TOKENS
