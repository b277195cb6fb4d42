"""Sizes of each row's measurement: those of the page, and tiny ones that only show that the bench runs.

Not here: the rows (rows.py). Threads: none.
"""

from dataclasses import dataclass, field

from scripts.lab.bench.dashboards import DashboardsPlan
from scripts.lab.bench.nodes import SprayPlan
from scripts.lab.bench.people import PeoplePlan
from scripts.lab.bench.people_store import StorePlan
from scripts.lab.bench.throughput import ThroughputPlan
from scripts.lab.bench.trickle import TricklePlan


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """Sizes of each row's measurement."""

    throughput: ThroughputPlan = field(default_factory=ThroughputPlan)
    # Questions before the measurement: the first ones import the model's library and open connections.
    warm_up: int = 20
    questions: int = 500
    steps: int = 100
    starts: int = 10
    sessions: int = 100_000
    crashes: int = 500
    storm_phases: int = 8
    storm_phase_s: float = 4.0
    trickle: TricklePlan = field(default_factory=TricklePlan)
    queued: int = 100_000
    queue_runs: int = 24
    dashboards: DashboardsPlan = field(default_factory=DashboardsPlan)
    people: PeoplePlan = field(default_factory=PeoplePlan)
    nodes: SprayPlan = field(default_factory=SprayPlan)
    # Cases of hearing that are spoken; None is all of them.
    spoken_cases: int | None = None
    is_quick: bool = False


QUICK = Sizes(
    throughput=ThroughputPlan(pairs=2, slice_s=0.3, connections=4),
    warm_up=1,
    questions=5,
    steps=5,
    starts=1,
    sessions=200,
    crashes=5,
    storm_phases=1,
    storm_phase_s=0.3,
    trickle=TricklePlan(seconds=0.5, warm_up_s=0.1, spread_s=0.2, deadline_s=0.5, asking=5, others=5),
    queued=1_000,
    queue_runs=2,
    dashboards=DashboardsPlan(pages=3, load=ThroughputPlan(pairs=1, slice_s=0.3, connections=4)),
    people=PeoplePlan(
        store=StorePlan(large=20, small=10, others=9, linked=5, days=1),
        pairs=1,
        slice_s=0.3,
        warm_up_s=0.1,
        connections=4,
        phones=(40,),
        databases=("sqlite",),
    ),
    nodes=SprayPlan(nodes=(2,), rounds=1, slice_s=0.5, connections=8),
    spoken_cases=5,
    is_quick=True,
)
