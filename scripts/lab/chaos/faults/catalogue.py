"""The catalogue: every fault by its name, in the order in which they are played.

Not here: the faults themselves. Threads: none.
"""

from collections.abc import Mapping

from scripts.lab.chaos.fault import Fault
from scripts.lab.chaos.faults import (
    clock_jump,
    crashes,
    disk_full,
    flood,
    graceful_stop,
    kill,
    leaks,
    model,
    notification_lost,
    pause,
    poison_job,
    postgres,
    redis,
    reply_lost,
    slow_loris,
    takeover,
)

FAULTS: Mapping[str, Fault] = {
    fault.name: fault
    for fault in (
        kill.FAULT,
        pause.FAULT,
        takeover.FAULT,
        graceful_stop.FAULT,
        *crashes.FAULTS,
        poison_job.FAULT,
        *postgres.FAULTS,
        *redis.FAULTS,
        disk_full.FAULT,
        reply_lost.FAULT,
        notification_lost.FAULT,
        *model.FAULTS,
        flood.FAULT,
        slow_loris.FAULT,
        *clock_jump.FAULTS,
        leaks.FAULT,
    )
}
