"""Limits of spoken and written answers: time, tokens and context; and the cut of an answer that is too long.

Not here: the settings (config/), the choice of the context (prompt.py), attempts (patience.py).
Threads: any; pure.
"""

from bisect import bisect_right
from dataclasses import dataclass, field

from omi_actors.domain.answers.completions import CompletionLimits
from omi_actors.domain.answers.prompt import PromptLimits, estimate_tokens
from omi_actors.domain.hearing.question_end import find_last_end

# Times the tokens asked for that an arriving answer may have, as estimated by its characters. Estimates are up to half
# too high, so that an answer of a server that keeps to its tokens is never cut here.
_ESTIMATE_SLACK = 2
# Ends the text of an answer that was cut, so that its reader sees it.
_CUT_MARK = " …"

# Sessions of wearables begin so; all others read their answers.
_WEARABLE = "omi:"


@dataclass(frozen=True, slots=True)
class Allowance:
    """Limits of one answer: seconds for all its attempts together, and tokens."""

    timeout_s: float = 20.0
    max_tokens: int = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerRules:
    """Limits of spoken and written answers, of the context in their prompts, and of programs' completions."""

    spoken: Allowance = field(default_factory=Allowance)
    written: Allowance = field(default_factory=Allowance)
    context: PromptLimits = field(default_factory=PromptLimits)
    completions: CompletionLimits = field(default_factory=CompletionLimits)

    def allowance_of(self, session_key: str) -> Allowance:
        """Return the limits of an answer in this session: wearables speak their answers, other sessions write them."""
        return self.spoken if session_key.startswith(_WEARABLE) else self.written


class AnswerRoom:
    """Space left for an answer that arrives in pieces; each piece uses up a part.

    Example: with 500 tokens it takes 4,000 characters of English, or 1,000 of Chinese.
    """

    def __init__(self, max_tokens: int) -> None:
        self.is_full = False
        self._left_tokens = float(max_tokens * _ESTIMATE_SLACK)

    def take(self, piece: str) -> str:
        """Return the part of the piece that fits. If not all of it fits, later pieces do not fit either."""
        tokens = estimate_tokens(piece)
        if not self.is_full and tokens <= self._left_tokens:
            self._left_tokens -= tokens
            return piece
        left_tokens, self._left_tokens, self.is_full = self._left_tokens, 0.0, True
        fitting = bisect_right(range(1, len(piece) + 1), left_tokens, key=lambda chars: estimate_tokens(piece[:chars]))
        return piece[:fitting]


def cut_answer(text: str) -> str:
    """Return an incomplete text, cut after the last sentence or line that ends in its second half, with a mark.

    If none ends there, cut after the last whole word there; if there is none, cut nothing.
    """
    half = len(text) // 2
    end = max(find_last_end(text, half) or 0, text.rfind("\n", half)) or text.rfind(" ", half)
    return text[: end if end > 0 else None].rstrip() + _CUT_MARK
