"""Reports: percentiles, figures of a run, tables of name and value.

Not here: the measurements. Threads: any; pure.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from platform import python_version

from scripts.lab.replay.sender import Outcome

_PACKAGES = ("omi-actors", "tornado", "pykka", "pony", "openai")


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the value at a percentile (0 to 100) by nearest rank; 0.0 if there are no values. They may be unsorted."""
    if not values:
        return 0.0
    rank = max(1, math.ceil(len(values) * percent / 100))
    return sorted(values)[rank - 1]


def summarise_outcomes(outcomes: Sequence[Outcome]) -> dict[str, object]:
    """Return the figures of one run. Failures are counted by status (0: no response) and by the drop's reason."""
    latencies_s = [outcome.latency_s for outcome in outcomes]
    failures = Counter(
        f"dropped: {outcome.dropped}" if outcome.dropped else f"status {outcome.status}"
        for outcome in outcomes
        if not outcome.is_acknowledged
    )
    return {
        "sent": len(outcomes),
        "acknowledged": sum(outcome.is_acknowledged for outcome in outcomes),
        "answered_inline": sum(bool(outcome.message) for outcome in outcomes),
        "failures": dict(failures),
        "latency_p50_s": round(percentile(latencies_s, 50), 6),
        "latency_p99_s": round(percentile(latencies_s, 99), 6),
        "latency_max_s": round(max(latencies_s, default=0.0), 6),
    }


def read_versions() -> dict[str, str]:
    """Return the versions of Python and of packages that influence a figure."""
    return {"python": python_version(), **{name: version(name) for name in _PACKAGES}}


def render_table(rows: Mapping[str, object]) -> str:
    """Return `name  value` lines in two columns, in plain ASCII for every terminal."""
    width = max((len(name) for name in rows), default=0)
    return "\n".join(f"{name.replace('_', ' '):<{width}}  {value}" for name, value in rows.items())
