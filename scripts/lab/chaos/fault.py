"""Fault: its action, the promise that it tests, and the allowed outcome.

Not here: the faults (faults/), the judgement (judgement.py). Threads: none.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from scripts.lab.chaos.proxy import Proxy
from scripts.lab.chaos.stage import Stage
from scripts.lab.replay.server_process import ServerProcess

BOTH = ("sqlite", "postgres")
# Allowed seconds of a start on a busy machine: longer than the start itself, which bench/ measures.
START_S = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """Allowed outcome of a fault. Loss and duplicates are never allowed; 5xx only as a 503 to a sender that retries.

    `unreachable`: connections may end without a reply. `drops`: webhooks may be dropped with the header, and retriers
    get 503. `failures`: the only answer to a question may be a failure text. `marked`: if the fault cut a delivery, the
    answer may arrive again, with a mark. `recovery_s`: time from the fault's end to the first success: an acknowledged
    webhook, or an answer of the model where `needs_answer`. `answer_s`: time from any question to its answer.
    `asks_once`: the model is asked each question once.
    """

    unreachable: bool = False
    drops: bool = False
    failures: bool = False
    marked: bool = False
    recovery_s: float = 5.0
    needs_answer: bool = False
    answer_s: float | None = None
    asks_once: bool = False


@dataclass(slots=True)
class Findings:
    """Findings of a fault: figures, errors, and the users whose questions must fail (`doomed`)."""

    figures: dict[str, object] = field(default_factory=dict)
    wrongs: list[str] = field(default_factory=list)
    doomed: set[str] = field(default_factory=set)

    def demand(self, what: str, *, holds: bool) -> None:
        """Record the error `text` unless the condition `holds`."""
        if not holds:
            self.wrongs.append(what)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A fault. `what`, `promise` and `allowed` are for the page; `inject` returns when the fault is over.

    `settings` extend those of the stage's server; `plants` are built into it (sabotaged_server.py), `quick_plants` with
    tiny sizes only. `has_proxy`: people reach the server through a proxy; `has_redis`: the server has a Redis;
    `has_second`: a second node uses its database; `at_second`: people come to that one;
    `has_links`: the first one reaches PostgreSQL and Redis over links.
    """

    name: str
    what: str
    promise: str
    allowed: str
    inject: Callable[[Stage], Awaitable[Findings]]
    rules: Rules = field(default_factory=Rules)
    settings: Mapping[str, str] = field(default_factory=dict)
    plants: tuple[str, ...] = ()
    quick_plants: tuple[str, ...] = ()
    databases: tuple[str, ...] = BOTH
    has_proxy: bool = False
    has_redis: bool = False
    has_second: bool = False
    has_links: bool = False
    at_second: bool = False


def second_and_proxy(stage: Stage) -> tuple[ServerProcess, Proxy]:
    """Return the stage's second node and its proxy. Raises: ValueError on a stage without them."""
    if stage.second is None or stage.proxy is None:
        raise ValueError("this fault needs a stage with a second node and a proxy")
    return stage.second, stage.proxy
