"""What a kind of job is to those who run it, and what every kind may use.

Not here: the kinds (one file each), when they run (actors/queue/dispatcher.py). Threads: the event loop.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from omi_actors.clients.guarded_notifier import GuardedNotifier
from omi_actors.clients.model import Model, OnText
from omi_actors.clock import Clock
from omi_actors.domain.answering import AnswerRules
from omi_actors.domain.notifications import Notified
from omi_actors.domain.payloads import PayloadForm
from omi_actors.domain.sessions.records import AnswerDone
from omi_actors.domain.work.jobs import ClaimedJob
from omi_actors.jobs.budget import BudgetGuard
from omi_actors.store.facade import Store


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
