"""Sizes of a run: amount of traffic, duration of each fault. Times are in seconds unless the name says otherwise.

Not here: the faults (faults/). Threads: none.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """Sizes. `people` speak every `period_s`; a fault comes after `warm_s` and is followed by `after_s`."""

    people: int = 30
    period_s: float = 0.5
    warm_s: float = 2.0
    after_s: float = 2.0
    settle_s: float = 60.0
    outage_s: float = 30.0
    # Longer than the lease of a job (30 s) and that of a node (15 s).
    pause_s: float = 35.0
    fault_s: float = 6.0
    # Rounds of a fault of the owner; then how long it is away, which is longer than a node's lease (5 s), or paused.
    rounds: int = 2
    owner_away_s: float = 10.0
    owner_paused_s: float = 40.0
    # Seconds between two rounds, in which a node does what has waited for it.
    owner_rest_s: float = 4.0
    kills: int = 5
    kill_after_s: float = 2.0
    strangers: int = 1_000
    flood_posts: int = 4_000
    loris_connections: int = 300
    is_quick: bool = False


QUICK = Sizes(
    people=10,
    period_s=0.25,
    warm_s=0.7,
    after_s=0.5,
    outage_s=6.0,
    pause_s=2.0,
    fault_s=1.5,
    rounds=1,
    owner_away_s=6.0,
    owner_paused_s=8.0,
    owner_rest_s=0.0,
    kills=2,
    kill_after_s=0.7,
    strangers=100,
    flood_posts=600,
    loris_connections=40,
    is_quick=True,
)
