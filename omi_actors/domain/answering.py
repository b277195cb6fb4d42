"""What one answer may take: time, tokens, context. Apart for what is spoken to a wearer, and for what is written.

Not here: the settings (config/), how the context is chosen (domain/answers/prompt.py), attempts (patience.py,
retry.py). Threads: none, pure.
"""

from dataclasses import dataclass, field

from omi_actors.domain.answers.prompt import PromptLimits

# Sessions of wearables begin so; all others read their answers.
_WEARABLE = "omi:"


@dataclass(frozen=True, slots=True)
class Allowance:
    """Seconds of wall clock for a whole turn, all attempts together, and tokens that an answer may have."""

    timeout_s: float = 20.0
    max_tokens: int = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerRules:
    """See the module."""

    spoken: Allowance = field(default_factory=Allowance)
    written: Allowance = field(default_factory=Allowance)
    context: PromptLimits = field(default_factory=PromptLimits)

    def allowance_of(self, session_key: str) -> Allowance:
        """Return what an answer in this session may take."""
        return self.spoken if session_key.startswith(_WEARABLE) else self.written
