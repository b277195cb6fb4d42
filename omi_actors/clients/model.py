"""The interface of a language model, and the demo model.

Not here: real models (openai_model.py), their order (model_chain.py), prompts (domain/answers/prompt.py).
Threads: the event loop.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from omi_actors.domain.answers.prompt import Prompt

# Receives the pieces of an answer in order; joined and stripped they are the answer. An empty piece voids all earlier
# ones: another model begins anew.
OnText = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class ModelAnswer:
    """A complete, non-empty answer, and the name of the model that gave it.

    `tokens` counts question and answer by the model's server; 0 if it reports none.
    """

    text: str
    model: str
    tokens: int = 0


class Model(Protocol):
    """A language model. `provider` is a metric label: demo or openai."""

    provider: str
    name: str

    async def load(self) -> object:
        """Prepare to answer; may be called again. `answer` prepares what is missing."""

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


class DemoModel:
    """Model that repeats the question, to try everything else. Deterministic, and named in every answer."""

    provider = "demo"
    name = "demo-echo"

    async def load(self) -> None:
        """Do nothing."""

    async def answer(self, prompt: Prompt, *, deadline_s: float, on_text: OnText | None = None) -> ModelAnswer:  # noqa: ARG002 (the protocol's)
        """Answer at once with the question, word by word."""
        text = f"[demo] You asked: {prompt.question} Set OPENAI_API_KEY to connect a real model."
        if on_text is not None:
            for word in _WORDS.findall(text):
                on_text(word)
        return ModelAnswer(text, self.name)

    async def close(self) -> None:
        """Do nothing."""
