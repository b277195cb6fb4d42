"""Budgets: how many questions a minute, and how many tokens a day, the model may be asked; for one owner, and for all.

Not here: counting (store/model_use.py), what is said of it (failures.py), the settings (config/). Threads: none, pure.
"""

from dataclasses import dataclass
from typing import NamedTuple

MINUTE_S = 60.0
DAY_S = 86_400.0
# Characters of a token where the model's server does not tell: those of English.
_CHARS_PER_TOKEN = 4


@dataclass(frozen=True, slots=True)
class Limits:
    """Questions in a minute and tokens in a day, both of the UTC clock; 0: as many as one likes."""

    requests_per_minute: int = 0
    tokens_per_day: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetRules:
    """The limits of each owner, and of all together."""

    owner: Limits = Limits()
    all: Limits = Limits()


@dataclass(frozen=True, slots=True)
class Used:
    """Questions of this minute and tokens of this day."""

    requests: int = 0
    tokens: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """What was used when a question is about to be asked."""

    owner: Used = Used()
    all: Used = Used()


@dataclass(frozen=True, slots=True)
class Spending:
    """What one question used: `owner` is whose it was."""

    owner: str
    tokens: int


class Overspent(NamedTuple):
    """Which budget is spent: of `owner` or `all`, for the `minute` or the `day`."""

    whose: str
    period: str


def find_overspent(use: Use, rules: BudgetRules) -> Overspent | None:
    """Return the first budget that is spent, the owner's before everybody's, the day's before the minute's."""
    for whose, used, limits in (("owner", use.owner, rules.owner), ("all", use.all, rules.all)):
        if 0 < limits.tokens_per_day <= used.tokens:
            return Overspent(whose, "day")
        if 0 < limits.requests_per_minute <= used.requests:
            return Overspent(whose, "minute")
    return None


def owner_of(session_key: str) -> str:
    """Return whose a session is: all chats of one person have one owner, whatever they call them."""
    return ":".join(session_key.split(":")[:2])


def estimate_tokens(*texts: str) -> int:
    """Return the tokens of these texts where nobody tells their number: a quarter of their characters, at least one."""
    return max(1, sum(map(len, texts)) // _CHARS_PER_TOKEN)


def period_start(now_s: float, period_s: float) -> float:
    """Return when the minute or day of `now_s` began, in UTC seconds."""
    return now_s - now_s % period_s
