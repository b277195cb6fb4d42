"""The contents of the operator's page: state, causes, checks, tiles and tables.

Not here: building them (causes.py, tiles.py, tables.py), HTML (web/pages/). Threads: any; pure. Text is not yet
escaped.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from omi_actors.instruments.readings import Readings
from omi_actors.status.causes import Cause, describe_state, find_causes
from omi_actors.status.fault import Facts
from omi_actors.status.tables import Table, build_tables
from omi_actors.status.tiles import Figures, Tile, build_tiles


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Contents of the operator's page. `status` is pass, warn or fail, `state` the same in one sentence.

    `checks` has the name, state and words of each check. `started_at` is UTC seconds.
    """

    status: str
    state: str
    causes: Sequence[Cause] = ()
    checks: Sequence[tuple[str, str, str]] = ()
    tiles: Sequence[Tile] = ()
    tables: Sequence[Table] = ()
    started_at: float = 0.0
    node: str = ""
    is_demo: bool = False


def build_snapshot(
    health: Mapping[str, Any], now: Readings, recent: Readings, facts: Facts, figures: Figures, *, node: str
) -> Snapshot:
    """Return the snapshot. `health` is the operator's; `recent` is the growth of `now` in the last 5 minutes."""
    causes = find_causes(facts)
    status, state = describe_state(causes)
    checks = health["checks"]
    return Snapshot(
        status=status,
        state=state,
        causes=causes,
        checks=[(name, str(check["status"]), str(check.get("note", ""))) for name, check in checks.items()],
        tiles=build_tiles(figures),
        tables=build_tables(health, now, recent, figures.minutes),
        started_at=facts.now_s - float(health["uptime"]),
        node=node,
        is_demo=checks["model"].get("provider") == "demo",
    )
