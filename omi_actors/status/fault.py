"""A fault of the running system as a value, and the facts in which faults are found.

Not here: the faults (faults.py: what people notice; webhook_faults.py; inner_faults.py: the rest), causes (causes.py).
Threads: any; pure.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from omi_actors.instruments.spells import Spell, Spells
from omi_actors.status.units import format_age, format_times

Check = Mapping[str, Any]

# Kinds of faults that explain others, the likeliest cause first.
DRAINING, STORE, SUPERVISOR, PAUSED, MODEL, BUDGET, CRASH, LOOP = (
    "draining", "store", "supervisor", "paused", "model", "budget", "crash", "loop",
)  # fmt: skip
ALL_STOPPED = frozenset((DRAINING, STORE, SUPERVISOR))
NO_ANSWERS = ALL_STOPPED | {PAUSED, MODEL, BUDGET, CRASH}
# What people get no more because of a fault.
ANSWERS, WEBHOOKS = "answers", "webhooks"


# Failures in a row that are no accident: a question that no model answers, a stranger that guesses once.
IN_A_ROW = 3
# Seconds since the latest event after which a fault says how long ago it was: it may be mended.
_STALE_S = 5.0
# Seconds without a failure, at least, after which a fault counts as mended if it goes well since.
_CALM_S = 4.0
# Seconds after which failures that come rarely count as mended; a shorter time would show them on and off.
_RARE_S = 30.0


class Part(StrEnum):
    """The parts of the operator's page that faults link to: its sections, and the titles of its tables."""

    ACTORS = "#actors"
    ERRORS = "#errors"
    QUEUE = "#queue"
    WEBHOOKS = "#webhooks"
    DATABASE = "#database-title"
    DELIVERIES = "#deliveries-title"
    MODEL = "#model-title"
    SYSTEM = "#system-title"
    NODES = "#nodes"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One fault. The lower `rank`, the worse for people; `stops` says what they do not get at all.

    `what` stays the same while the fault lasts, since a page reads it aloud when it changes; `detail` has the numbers.
    `since_s` is its age in seconds, None if nobody knows. `explained_by` are kinds of faults of which this one is a
    consequence whenever one of them is there, too.
    """

    kind: str
    what: str
    do: str
    link: str
    rank: int
    detail: str = ""
    since_s: float | None = None
    stops: frozenset[str] = frozenset()
    explained_by: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """The inputs of every search for faults. `mono_s` and `now_s` are the moment; `gauges` are counts.py's.

    `paused` has the start of each pause by kind of jobs, `last_errors` the class of the latest error by its place.
    """

    checks: Mapping[str, Check]
    spells: Spells
    mono_s: float
    now_s: float
    gauges: Mapping[str, float] = field(default_factory=dict)
    paused: Mapping[str, float] = field(default_factory=dict)
    last_errors: Mapping[str, str] = field(default_factory=dict)
    is_draining: bool = False

    def age_s(self, spell: Spell) -> float:
        """Return the seconds since a spell began."""
        return self.mono_s - spell.began_mono_s

    def times(self, spell: Spell) -> str:
        """Return how often it happened in words, and how long ago the latest one was if it is not from just now."""
        ago_s = self.mono_s - spell.last_mono_s
        latest = f" The latest {format_age(ago_s)} ago." if ago_s >= _STALE_S else ""
        return format_times(spell.count) + latest

    def is_over(self, failures: Spell, successes: Spell | None) -> bool:
        """Return True if something has succeeded since the latest failure, which is some seconds ago."""
        return successes is not None and successes.last_mono_s >= failures.last_mono_s + _STALE_S

    def is_mended(self, failures: Spell, successes: Spell | None) -> bool:
        """Return True if it goes well since the latest failure, and that is longer ago than failures were apart."""
        if successes is None or successes.last_mono_s <= failures.last_mono_s:
            return False
        apart_s = (failures.last_mono_s - failures.began_mono_s) / max(1.0, failures.count - 1)
        return self.mono_s - failures.last_mono_s >= min(max(_CALM_S, 2 * apart_s), _RARE_S)

    def is_all_lost(self, failures: Spell, successes: Spell | None) -> bool:
        """Return True if nothing has succeeded since the failures began, and they are too many for an accident."""
        is_alone = successes is None or successes.last_mono_s <= failures.began_mono_s
        return is_alone and failures.count >= IN_A_ROW

    def last_error(self, place: str) -> str:
        """Return words that name the latest error at a place; "" if there is none."""
        error = self.last_errors.get(place, "")
        return f" (the latest error: {error})" if error else ""
