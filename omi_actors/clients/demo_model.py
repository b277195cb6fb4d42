"""The built-in demo model: no key, no network, and no pretence of knowledge.

Not here: the real ones (openai_model.py). Threads: the event loop; answers at once.
"""

from omi_actors.clients.model import ModelAnswer
from omi_actors.domain.prompt import Prompt


class DemoModel:
    """Repeats the question, so that the whole way can be tried. Deterministic, and labelled in every answer."""

    provider = "demo"
    name = "demo-echo"

    async def load(self) -> None:
        """Nothing to get ready."""

    async def answer(self, prompt: Prompt, *, deadline_s: float) -> ModelAnswer:  # noqa: ARG002 (the protocol's)
        """Answer at once with the question."""
        return ModelAnswer(
            f"[demo] You asked: {prompt.question} Set OPENAI_API_KEY to connect a real model.", self.name
        )

    async def close(self) -> None:
        """Nothing to give back."""
