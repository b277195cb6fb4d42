"""The protocol of a kind of job, the dependencies of all kinds, and the guard of the model's budgets.

Not here: the kinds (one file each), dispatch (actors/queue/dispatcher.py). Threads: the event loop.
"""

import asyncio
import math
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from omi_actors.clients.model import Model, OnText
from omi_actors.clients.omi_api import GuardedNotifier
from omi_actors.clock import Clock
from omi_actors.domain.answers.budget import BudgetRules, Overspent, Use, find_overspent
from omi_actors.domain.answers.limits import AnswerRules
from omi_actors.domain.answers.notifications import Notified
from omi_actors.domain.sessions.records import AnswerDone, Withdrawn
from omi_actors.domain.work.jobs import ClaimedJob, PayloadForm
from omi_actors.errors import BudgetSpentError
from omi_actors.instruments import metrics
from omi_actors.instruments.logs import get_logger
from omi_actors.kit.errors import ExpectedError
from omi_actors.kit.future import Future
from omi_actors.store.facade import Store
from omi_actors.store.people.recall import Near

_log = get_logger(__name__)

# Seconds between two tries to store the end of an attempt: soon enough that no lease is taken back before.
_AGAIN_S = 0.5
# Seconds in which a spent budget is logged once, and after which /health forgets a refusal.
_RECENT_S = 60.0


class BudgetGuard:
    """Refuses questions when a budget is spent. `last_use` is the use at the latest question, None before the first.

    Questions that are checked at the same time see the same counts, so concurrent answers can exceed a budget. Each
    session has one answer at a time.
    """

    def __init__(self, rules: BudgetRules, clock: Clock) -> None:
        self.rules = rules
        self.last_use: Use | None = None
        self._clock = clock
        self._refused_mono_s: dict[Overspent, float] = {}
        self._logged_mono_s: dict[Overspent, float] = {}

    def check(self, use: Use) -> None:
        """Check the use that is counted before a question, and return if the question may be asked.

        Raises:
            BudgetSpentError: the budget of its owner, or of all owners together, is spent.
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
        """Return the budgets that refused a question within the last minute."""
        now_mono_s = self._clock.mono_s()
        return tuple(sorted(one for one, at_s in self._refused_mono_s.items() if now_mono_s - at_s < _RECENT_S))


@dataclass(frozen=True, slots=True)
class JobDeps:
    """The dependencies of all kinds. Without a `notifier` there are no notifications, without a `budget` no limits.

    An answer expires `answer_expires_s` seconds after its question; then it is not sent to a wearable.
    `on_text` gets the pieces of an answer while this attempt's model streams it.
    `find_meaning(account_id, question)` prepares recall by meaning, if the extra `semantic` is there.
    `is_awaited(job_id)` tells whether a reply slot of this node waits for the job's answer. `pause` waits for seconds.
    An attempt of `slow_s` seconds is logged.
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
    pause: Callable[[float], Awaitable[None]] = asyncio.sleep
    find_meaning: Callable[[str, str], Awaitable[Near | None]] | None = None
    slow_s: float = math.inf


class JobKind(Protocol):
    """A kind of job: makes attempts, and builds the failure that is stored if the last attempt fails."""

    name: str
    form: PayloadForm

    async def run(self, job: ClaimedJob, deps: JobDeps) -> AnswerDone | Notified | Withdrawn | None:
        """Make one attempt; store its effect and the job's completion in one fenced transaction.

        Return what its session must get a message about, or None.
        """
        ...

    def build_failure(self, job: ClaimedJob, error: BaseException, deps: JobDeps) -> AnswerDone | None:
        """Return the failure that is stored and delivered when `error` makes the job dead; None: nothing is stored."""
        ...

    def longest_wait_s(self, job: ClaimedJob, deps: JobDeps) -> float | None:
        """Return the seconds by which a retry may be delayed: infinity without a limit. None: each attempt counts."""
        ...


T = TypeVar("T")


async def stored(write: Callable[[], Future[T]], deps: JobDeps) -> T:
    """Store the end of an attempt by `write` and return its result. While the store is away, write again.

    The attempt's work is not lost then, and its model is not asked again. The write is conditional on the attempt's
    lease: it may be stored already, and it fails with LeaseLostError when another attempt has the job.
    """
    while True:
        try:
            return await _settled(write())
        except ExpectedError as exc:
            if not exc.retryable:
                raise
        await deps.pause(_AGAIN_S)


async def _settled(outcome: Future[T]) -> T:
    """Return the result of a write, or raise its error. Ignore one cancellation if the write succeeds.

    The write itself can cause the cancellation: it ends the lease, and a heartbeat right after it finds no lease.
    The session must still get a message about the stored outcome.
    """
    try:
        return await outcome
    except asyncio.CancelledError:
        with suppress(ExpectedError):
            return await outcome
        raise
