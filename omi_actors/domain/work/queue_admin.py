"""The operator's view of the queue as values: listed jobs, filters, actions and their events.

Not here: rows and statements (store/queue_admin.py), access (web/). Threads: any; pure.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any

# Stands for all kinds.
ALL_KINDS = "*"
# Names in a payload with ids, times and flags, which may be shown. All others may hold a person's words.
_SHOWN = frozenset(
    {"session_id", "session_key", "conversation_id", "delivery_id", "reply_until", "is_typed", "is_streamed"}
)


class Action(StrEnum):
    """An action of the operator; each is recorded as an event."""

    RETRY = "retry"
    DISCARD = "discard"
    PAUSE = "pause"
    RESUME = "resume"
    SHOW_TEXT = "show_text"
    RESUME_RETENTION = "resume_retention"
    MAKE_ACCOUNT = "make_account"
    ISSUE_LINK = "issue_link"
    DELETE_ACCOUNT = "delete_account"
    EXPORT_ACCOUNT = "export_account"
    RESTART_ACTOR = "restart_actor"
    REPLAY_WEBHOOK = "replay_webhook"


@dataclass(frozen=True, slots=True)
class Requester:
    """The maker of an action: "operator", or the id of an admin's or observer's account; and the request's id."""

    who: str = "operator"
    request_id: str = ""


# The states in which an action changes a job; running jobs are left to end.
STATES_FOR: Mapping[Action, tuple[str, ...]] = MappingProxyType(
    {Action.RETRY: ("dead",), Action.DISCARD: ("ready", "dead")}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFilter:
    """A choice of jobs by properties; None matches all values. `up_to` is the highest job number (`seq`) to match."""

    kind: str | None = None
    state: str | None = None
    lane: str | None = None
    session_key: str | None = None
    job_id: str | None = None
    up_to: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedJob:
    """A job without its payload. `seq` numbers jobs in the order of enqueueing; times are UTC seconds."""

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
    """A job with the texts of its question and answer, and its payload; None if the payload is no JSON object."""

    job: ListedJob
    payload: Mapping[str, Any] | None
    question: str | None
    answer: str | None


@dataclass(frozen=True, slots=True)
class Choice:
    """The number of jobs that a bulk action would change. `last_seq` is their highest number, 0 if there are none."""

    count: int
    last_seq: int

    def confirmation(self, action: Action, chosen: JobFilter) -> str:
        """Return the word with which the operator confirms this action. It differs for any other choice of jobs."""
        words = repr((action.value, chosen, self.count, self.last_seq))
        return hashlib.sha256(words.encode()).hexdigest()[:12]


@dataclass(frozen=True, slots=True)
class Done:
    """The result of an action: the number of changed jobs, and their kinds."""

    count: int
    kinds: frozenset[str] = field(default_factory=frozenset)


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorEvent:
    """One action of the operator in the audit log. `target` names the jobs by ids and filters."""

    number: int
    who: str
    happened_at: float
    action: str
    target: Mapping[str, Any]
    job_count: int
    request_id: str


def redact_payload(payload: Mapping[str, Any]) -> dict[str, Any]:
    """Return a payload in which the length (in characters) replaces each value that may be a person's words."""
    return {name: value if name in _SHOWN else _measure(value) for name, value in payload.items()}


def _measure(value: Any) -> Any:
    if isinstance(value, str):
        return {"characters": len(value)}
    return value if isinstance(value, bool | None) else {"type": type(value).__name__}
