"""Budgets of the model: questions a minute and tokens a day, for one owner and for all.

Not here: counting (store/model_use.py), the sentences (failures.py), the settings (config/). Threads: any; pure.
"""

from dataclasses import dataclass
from typing import NamedTuple

MINUTE_S = 60.0
DAY_S = 86_400.0
# Characters of an English token, for servers that report no usage.
_CHARS_PER_TOKEN = 4
# Sessions of an account's programs begin so; see domain/sessions/keys.py.
_API = "api:"


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of questions in a minute and tokens in a day (UTC). 0 means no limit."""

    requests_per_minute: int = 0
    tokens_per_day: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetRules:
    """Limits of each owner, and of all owners together."""

    owner: Limits = Limits()
    all: Limits = Limits()


@dataclass(frozen=True, slots=True)
class Used:
    """Questions of this minute and tokens of this day."""

    requests: int = 0
    tokens: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """Use of the model by an owner, and by all owners."""

    owner: Used = Used()
    all: Used = Used()


@dataclass(frozen=True, slots=True)
class Spending:
    """Use of the model by one question of `owner`."""

    owner: str
    tokens: int


class Overspent(NamedTuple):
    """A budget that is spent: of `owner` or `all`, for the `minute` or the `day`."""

    whose: str
    period: str


def find_overspent(use: Use, rules: BudgetRules) -> Overspent | None:
    """Return a budget that is spent, or None. The owner's comes before that of all, the day's before the minute's."""
    for whose, used, limits in (("owner", use.owner, rules.owner), ("all", use.all, rules.all)):
        if 0 < limits.tokens_per_day <= used.tokens:
            return Overspent(whose, "day")
        if 0 < limits.requests_per_minute <= used.requests:
            return Overspent(whose, "minute")
    return None


def owner_of(session_key: str) -> str:
    """Return the owner that a session key names; all chats and programs of one person have the same owner."""
    owner = ":".join(session_key.split(":")[:2])
    return f"account:{owner.removeprefix(_API)}" if owner.startswith(_API) else owner


def estimate_spent_tokens(*texts: str) -> int:
    """Return an estimate of texts' tokens for a server that reports none: a quarter of the characters, at least one."""
    return max(1, sum(map(len, texts)) // _CHARS_PER_TOKEN)


def period_start(now_s: float, period_s: float) -> float:
    """Return the beginning of the minute or day of `now_s`, in UTC seconds."""
    return now_s - now_s % period_s
