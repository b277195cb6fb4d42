"""The operator's view of the queue as values: jobs as they are listed, what is chosen, what was done.

Not here: rows and statements (store/queue_admin.py), who is the operator (web/). Threads: none, pure.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any

# In place of a kind: all of them.
ALL_KINDS = "*"
# What a payload may show of itself: ids, times and flags. Everything else in it may be somebody's words.
_SHOWN = frozenset(
    {"session_id", "session_key", "conversation_id", "delivery_id", "reply_until", "is_typed", "is_streamed"}
)


class Action(StrEnum):
    """What an operator does, and an event tells."""

    RETRY = "retry"
    DISCARD = "discard"
    PAUSE = "pause"
    RESUME = "resume"
    SHOW_TEXT = "show_text"
    RESUME_RETENTION = "resume_retention"


# The states of the jobs that an action is for: what runs is left to end.
STATES_FOR: Mapping[Action, tuple[str, ...]] = MappingProxyType(
    {Action.RETRY: ("dead",), Action.DISCARD: ("ready", "dead")}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFilter:
    """Which jobs are meant; None leaves a property open. `up_to` is the newest number (`seq`) that is."""

    kind: str | None = None
    state: str | None = None
    lane: str | None = None
    session_key: str | None = None
    job_id: str | None = None
    up_to: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedJob:
    """A job without its payload. `seq` counts the jobs in the order of enqueueing; times are UTC seconds."""

    seq: int
    job_id: str
    kind: str
    state: str
    lane: str
    session_key: str | None
    priority: int
    attempts: int
    max_attempts: int
    deliveries: int
    error: str
    request_id: str
    version: int
    payload_characters: int
    created_at: float
    run_at: float
    lease_until: float | None
    finished_at: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobDetail:
    """A job with its payload, None if that is no JSON object; `question` and `answer` are its turn's messages."""

    job: ListedJob
    payload: Mapping[str, Any] | None
    question: str | None
    answer: str | None


@dataclass(frozen=True, slots=True)
class Choice:
    """How many jobs a bulk action is for; the newest of them has the number `last_seq`, 0 without any."""

    count: int
    last_seq: int

    def confirmation(self, action: Action, chosen: JobFilter) -> str:
        """Return what has to be repeated for the action to be done: another choice has another one."""
        told = repr((action.value, chosen, self.count, self.last_seq))
        return hashlib.sha256(told.encode()).hexdigest()[:12]


@dataclass(frozen=True, slots=True)
class Done:
    """What an action did: to how many jobs, of which kinds."""

    count: int
    kinds: frozenset[str] = field(default_factory=frozenset)


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorEvent:
    """One line of the audit. `target` says in ids what was meant."""

    number: int
    who: str
    happened_at: float
    action: str
    target: Mapping[str, Any]
    job_count: int
    request_id: str


def redact_payload(payload: Mapping[str, Any]) -> dict[str, Any]:
    """Return a payload in which everything that may be somebody's words is only measured, in characters."""
    return {name: value if name in _SHOWN else _measure(value) for name, value in payload.items()}


def _measure(value: Any) -> Any:
    if isinstance(value, str):
        return {"characters": len(value)}
    return value if isinstance(value, bool | None) else {"type": type(value).__name__}
