"""The interface of a language model, and the demo model.

Not here: real models (openai_model.py), their order (model_chain.py), prompts (domain/answers/prompt.py).
Threads: the event loop.
"""

import asyncio
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from omi_actors.domain.answers.prompt import Prompt

# Receives the pieces of an answer in order; joined and stripped they are the answer. An empty piece voids all earlier
# ones: another model begins anew.
OnText = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class ModelAnswer:
    """A complete, non-empty answer, and the name of the model that gave it.

    `tokens` counts question and answer by the model's server, `counts` each of them; 0 if it reports none.
    For programs only: `calls` are the model's calls of tools as OpenAI writes them, and `is_cut` tells that the answer
    ended at its limit of tokens.
    """

    text: str
    model: str
    tokens: int = 0
    counts: tuple[int, int] = (0, 0)
    calls: tuple[Mapping[str, Any], ...] = ()
    is_cut: bool = False


class Model(Protocol):
    """A language model. `provider` is a metric label: demo or openai."""

    provider: str
    name: str

    async def load(self) -> object:
        """Prepare to answer; may be called again. `answer` prepares what is missing."""

    async def check(self) -> bool:
        """Check address and key without a question. Return False if this does not show whether they are right.

        Raises:
            UpstreamError: every question would fail with this error.
        """

    async def answer(self, prompt: Prompt, *, deadline_s: float, on_text: OnText | None = None) -> ModelAnswer:
        """Answer within `deadline_s` seconds of wall clock. `on_text` may receive pieces before a failure.

        Raises:
            UpstreamTimeoutError: the deadline passed.
            UpstreamUnavailableError: not reachable, overloaded or broken; a retry may help.
            UpstreamRejectedError: refused (key, credit, model name, content); a retry cannot help.
        """

    async def close(self) -> None:
        """Close connections."""


_WORDS = re.compile(r"\s*\S+")
# Seconds between two pieces, as a model writes them; and the most pieces, so that a long answer takes a second, too.
_PIECE_S = 0.03
_MAX_PIECES = 33


class DemoModel:
    """Model that repeats the question, so that a person can try all the rest without a real model.

    The same question gets the same answer, which names the model.
    """

    provider = "demo"
    name = "demo-echo"

    async def load(self) -> None:
        """Do nothing."""

    async def check(self) -> bool:
        """Return False: there is no server."""
        return False

    async def answer(self, prompt: Prompt, *, deadline_s: float, on_text: OnText | None = None) -> ModelAnswer:
        """Answer with the question: at once, or word by word if a client reads along."""
        text = f"[demo] You asked: {prompt.question} Set OPENAI_API_KEY to connect a real model."
        if on_text is not None:
            words = _WORDS.findall(text)
            size = math.ceil(len(words) / _MAX_PIECES)
            for n in range(0, len(words), size):
                on_text("".join(words[n : n + size]))
                await asyncio.sleep(min(_PIECE_S, deadline_s / 2 / _MAX_PIECES))
        return ModelAnswer(text, self.name)

    async def close(self) -> None:
        """Do nothing."""
