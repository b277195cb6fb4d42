"""What a fault is: what happens, which promise it attacks, and what may come of it.

Not here: the faults (faults/), their judgement (judgement.py). Threads: none.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from scripts.lab.chaos.stage import Stage

BOTH = ("sqlite", "postgres")
# Seconds that a start may take on a busy machine: longer than the start itself, which bench/ measures.
START_S = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """The allowed outcome, beyond what is always demanded: nothing lost, nothing twice, no 5xx but a retrier's 503.

    `unreachable`: connections may end without a reply. `drops`: webhooks may be dropped with the header, and retriers
    get 503. `failures`: a question's one answer may be a sentence that says why there is none. `marked`: answers whose
    delivery the fault cut may come again, marked. `recovery_s`: from a fault's end to the first success, which is an
    acknowledged webhook, or an answer of the model where `needs_answer`. `answer_s`: from any question to its answer.
    """

    unreachable: bool = False
    drops: bool = False
    failures: bool = False
    marked: bool = False
    recovery_s: float = 5.0
    needs_answer: bool = False
    answer_s: float | None = None


@dataclass(slots=True)
class Findings:
    """What a fault has seen for itself: figures, what was wrong, and whose questions were meant to fail."""

    figures: dict[str, object] = field(default_factory=dict)
    wrongs: list[str] = field(default_factory=list)
    doomed: set[str] = field(default_factory=set)

    def demand(self, what: str, *, holds: bool) -> None:
        """Note what is wrong unless it holds."""
        if not holds:
            self.wrongs.append(what)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One fault. `what`, `promise` and `allowed` are for the page; `inject` returns when the fault is over.

    `settings` are the server's beside the stage's own; `plants` are built into it (sabotaged_server.py), `quick_plants`
    where sizes are tiny. With `has_proxy` the people reach the server through one, with `has_redis` it has a Redis,
    with `has_second` there is a second node on its database.
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
