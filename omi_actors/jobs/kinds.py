"""What a kind of job is to those who run it, and what every kind may use.

Not here: the kinds (one file each), when they run (actors/queue/dispatcher.py). Threads: the event loop.
"""

import asyncio
import random
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from omi_actors.clients.guarded_notifier import GuardedNotifier
from omi_actors.clients.model import Model, OnText
from omi_actors.clock import Clock
from omi_actors.domain.answers.budget import BudgetRules, Overspent, Use, find_overspent
from omi_actors.domain.answers.limits import AnswerRules
from omi_actors.domain.answers.notifications import Notified
from omi_actors.domain.sessions.records import AnswerDone
from omi_actors.domain.work.jobs import ClaimedJob, PayloadForm
from omi_actors.errors import BudgetSpentError, OmiError
from omi_actors.instruments import metrics
from omi_actors.instruments.logs import get_logger
from omi_actors.kit.future import Future
from omi_actors.store.facade import Store

_log = get_logger(__name__)

# Seconds in which the same budget is logged once, and after which /health takes a refusal for over.
_RECENT_S = 60.0


class BudgetGuard:
    """See the module. `last_use` is what was used when the latest question came, None before the first one.

    Questions that are asked at the same time see the same counts, so that a budget may be exceeded by as many as are
    asked at a time; of one session that is one.
    """

    def __init__(self, rules: BudgetRules, clock: Clock) -> None:
        self.rules = rules
        self.last_use: Use | None = None
        self._clock = clock
        self._refused_mono_s: dict[Overspent, float] = {}
        self._logged_mono_s: dict[Overspent, float] = {}

    def check(self, use: Use) -> None:
        """Let a question pass.

        Raises:
            BudgetSpentError: its owner, or all together, have asked enough.
        """
        self.last_use = use
        overspent = find_overspent(use, self.rules)
        if overspent is None:
            return
        now_mono_s = self._clock.mono_s()
        self._refused_mono_s[overspent] = now_mono_s
        metrics.BUDGET_REFUSALS.labels(overspent.whose, overspent.period).inc()
        if now_mono_s - self._logged_mono_s.get(overspent, -_RECENT_S) >= _RECENT_S:
            self._logged_mono_s[overspent] = now_mono_s
            _log.warning("budget_spent", whose=overspent.whose, period=overspent.period)
        raise BudgetSpentError(
            f"the {overspent.period}'s budget of {'one owner' if overspent.whose == 'owner' else 'all'} is spent",
            whose=overspent.whose,
            period=overspent.period,
        )

    @property
    def recent_refusals(self) -> tuple[Overspent, ...]:
        """The budgets for which questions were refused within the last minute."""
        now_mono_s = self._clock.mono_s()
        return tuple(sorted(one for one, at_s in self._refused_mono_s.items() if now_mono_s - at_s < _RECENT_S))


@dataclass(frozen=True, slots=True)
class JobDeps:
    """The collaborators of all kinds. Without a `notifier` nothing is notified.

    An answer whose question is `answer_expires_s` old is not spoken any more.
    Without a `budget` any number of questions is asked.
    `on_text` hears an answer's pieces while the one attempt that has it makes them.
    `is_awaited(job_id)` tells whether a reply of this node waits for the job's answer.
    """

    store: Store
    model: Model
    clock: Clock
    rng: random.Random
    answering: AnswerRules = field(default_factory=AnswerRules)
    notifier: GuardedNotifier | None = None
    answer_expires_s: float = 600.0
    on_text: OnText | None = None
    budget: BudgetGuard | None = None
    is_awaited: Callable[[str], bool] = lambda _job_id: True


class JobKind(Protocol):
    """A kind of job: how one attempt is made, and what is left behind when all attempts failed."""

    name: str
    form: PayloadForm

    async def run(self, job: ClaimedJob, deps: JobDeps) -> AnswerDone | Notified:
        """Make one attempt; its effect and the job's completion are stored in one fenced transaction."""
        ...

    def build_failure(self, job: ClaimedJob, error: BaseException, deps: JobDeps) -> AnswerDone | None:
        """Return what is stored, and said, when the job is buried because of `error`; None for nothing."""
        ...

    def longest_wait_s(self, job: ClaimedJob, deps: JobDeps) -> float | None:
        """Return the seconds that its next attempt may be put off; None: any number of them."""
        ...


T = TypeVar("T")


async def stored(outcome: Future[T]) -> T:
    """Return the store's word, or raise its error. Being cancelled once is forgotten, unless that is an error.

    The outcome may be in the store already, and be why the attempt is ended: a heartbeat that comes behind it finds
    the lease gone. Then nobody would hear of what was stored.
    """
    try:
        return await outcome
    except asyncio.CancelledError:
        with suppress(OmiError):
            return await outcome
        raise
