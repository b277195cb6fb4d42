"""What every language model offers, and what it answers.

Not here: the models themselves (openai_model.py, demo_model.py), what they are told (domain/answers/prompt.py).
Threads: the event loop.
"""

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
