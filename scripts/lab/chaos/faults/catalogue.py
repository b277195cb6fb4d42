"""The catalogue: every fault by its name, in the order in which they are played.

Not here: the faults themselves. Threads: none.
"""

from collections.abc import Mapping

from scripts.lab.chaos.fault import Fault
from scripts.lab.chaos.faults import (
    clients,
    clock_jump,
    crashes,
    leaks,
    lost_replies,
    model,
    owner,
    redis,
    signals,
    storage,
)

FAULTS: Mapping[str, Fault] = {
    fault.name: fault
    for fault in (
        signals.KILL,
        signals.PAUSE,
        signals.TAKEOVER,
        signals.GRACEFUL_STOP,
        *crashes.CRASHES,
        crashes.POISON_JOB,
        *storage.POSTGRES,
        *redis.FAULTS,
        *owner.FAULTS,
        storage.DISK_FULL,
        lost_replies.REPLY_LOST,
        lost_replies.NOTIFICATION_LOST,
        *model.FAULTS,
        clients.FLOOD,
        clients.SLOW_LORIS,
        *clock_jump.FAULTS,
        leaks.FAULT,
    )
}
