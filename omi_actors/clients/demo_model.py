"""The built-in demo model: no key, no network, and no pretence of knowledge.

Not here: the real ones (openai_model.py). Threads: the event loop; answers at once.
"""

import re

from omi_actors.clients.model import ModelAnswer, OnText
from omi_actors.domain.answers.prompt import Prompt

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
