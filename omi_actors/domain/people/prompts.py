"""Prompts: texts with variables in braces, that are sent to the model with values for them.

Not here: the shipped ones (web/prompts/), rows of a person's own (store/people/prompts.py). Threads: any; pure.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

# Characters of a text, and the prompts and versions of one account that are kept.
MAX_CHARS = 4_000
MAX_PROMPTS, MAX_VERSIONS = 100, 20
# What becomes of the output: it is only shown, or a person's is kept as a memory or as a task.
TEXT, MEMORY, TASK = "text", "memory", "task"
OUTPUT_TYPES = (TEXT, MEMORY, TASK)
# A name stands in addresses.
NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_VARIABLE = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]{0,63})\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """The text of a prompt, and what becomes of its output."""

    text: str
    output_type: str = TEXT

    @property
    def variables(self) -> tuple[str, ...]:
        """Return the names in braces, each once, in their order."""
        return tuple(dict.fromkeys(_VARIABLE.findall(self.text)))


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedPrompt(Draft):
    """A prompt that has a name. `prompt_id` is its name, too, if it is the server's; a person's has an id.

    `space` is the space whose answers follow it. Times are UTC seconds; 0 for the server's.
    """

    prompt_id: str
    name: str
    about: str = ""
    space: str | None = None
    version: int = 1
    created_at: float = 0.0
    updated_at: float = 0.0

    @property
    def is_own(self) -> bool:
        """Return True if a person has made it."""
        return self.created_at > 0.0


@dataclass(frozen=True, slots=True)
class Version:
    """An earlier or the present text of a prompt."""

    number: int
    draft: Draft
    created_at: float


def fill(text: str, values: Mapping[str, str]) -> str:
    """Return the text with the values in place of their names; a name without a value leaves nothing."""
    return _VARIABLE.sub(lambda found: values.get(found[1], ""), text)
