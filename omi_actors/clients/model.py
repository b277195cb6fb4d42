"""What every language model offers, and what it answers.

Not here: the models themselves (openai_model.py, model.py), what they are told (domain/answers/prompt.py).
Threads: the event loop.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from omi_actors.domain.answers.prompt import Prompt

# Hears an answer's pieces as they arrive, in order; together they are the answer, blanks at its ends apart. An empty
# piece voids all before it: another model begins anew.
OnText = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class ModelAnswer:
    """A complete, non-empty answer, and the name of the model that gave it.

    `tokens` are those of question and answer as the model's server counts them, 0 where it does not tell.
    """

    text: str
    model: str
    tokens: int = 0


class Model(Protocol):
    """A language model. `provider` is a metric label: demo or openai."""

    provider: str
    name: str

    async def load(self) -> object:
        """Get ready to answer. Calling it again is fine; `answer` does what is missing."""
        ...

    async def answer(self, prompt: Prompt, *, deadline_s: float, on_text: OnText | None = None) -> ModelAnswer:
        """Answer within `deadline_s` seconds of wall clock. `on_text` may have heard pieces of what then fails.

        Raises:
            UpstreamTimeoutError: the deadline passed.
            UpstreamUnavailableError: not reachable, overloaded or broken; asking again may help.
            UpstreamRejectedError: refused (key, credit, model name, content); asking again cannot help.
        """
        ...

    async def close(self) -> None:
        """Give back connections."""
        ...


_WORDS = re.compile(r"\s*\S+")


class DemoModel:
    """Repeats the question, so that the whole way can be tried. Deterministic, and labelled in every answer."""

    provider = "demo"
    name = "demo-echo"

    async def load(self) -> None:
        """Nothing to get ready."""

    async def answer(self, prompt: Prompt, *, deadline_s: float, on_text: OnText | None = None) -> ModelAnswer:  # noqa: ARG002 (the protocol's)
        """Answer at once with the question, word by word."""
        text = f"[demo] You asked: {prompt.question} Set OPENAI_API_KEY to connect a real model."
        if on_text is not None:
            for word in _WORDS.findall(text):
                on_text(word)
        return ModelAnswer(text, self.name)

    async def close(self) -> None:
        """Nothing to give back."""
