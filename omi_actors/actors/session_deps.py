"""What every session actor uses, built once by the tree.

Not here: the actor (session.py). Threads: frozen, the event loop's.
"""

from dataclasses import dataclass, field

from omi_actors.domain.delivery import DeliveryRules
from omi_actors.domain.hearing import HearingOptions
from omi_actors.kit.handle import Handle
from omi_actors.store.facade import Store


@dataclass(frozen=True, slots=True)
class SessionDeps:
    """What every session uses. `reply_deadline_s` is how long a webhook may wait for its answer."""

    store: Store
    job_queue: Handle
    reply_deadline_s: float
    job_max_attempts: int
    delivery_rules: DeliveryRules = field(default_factory=DeliveryRules)
    hearing: HearingOptions = field(default_factory=HearingOptions)
