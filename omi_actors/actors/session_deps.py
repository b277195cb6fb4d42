"""What every session actor uses, built once by the tree.

Not here: the actor (actors/session/actor.py). Threads: frozen, the event loop's.
"""

from dataclasses import dataclass, field

from omi_actors.actors.open_replies import OpenReplies
from omi_actors.actors.queue.slots import Places
from omi_actors.domain.answers.delivery import DeliveryRules
from omi_actors.domain.hearing.hearing import HearingOptions
from omi_actors.jobs.answer import KIND as ANSWER
from omi_actors.kit.handle import Handle
from omi_actors.store.facade import Store


@dataclass(frozen=True, slots=True)
class SessionDeps:
    """What every session uses. A webhook may wait `reply_deadline_s` for its answer, a chat `chat_deadline_s`.

    `answer_places` are the queue's, to be booked; a job that is committed with one is leased for `job_lease_s`.
    Of one lane `lane_cap` jobs may wait. `open_replies` are all sessions' together.
    """

    store: Store
    job_queue: Handle
    reply_deadline_s: float
    job_max_attempts: int
    delivery_rules: DeliveryRules = field(default_factory=DeliveryRules)
    chat_deadline_s: float = 60.0
    hearing: HearingOptions = field(default_factory=HearingOptions)
    answer_places: Places = field(default_factory=lambda: Places((ANSWER,), 0))
    job_lease_s: float = 30.0
    lane_cap: int = 1_000
    open_replies: OpenReplies = field(default_factory=OpenReplies)
