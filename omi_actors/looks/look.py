"""One look at a running system: how it is, what is wrong, and all tables.

Not here: how it is shown (web/pages/). Threads: none, pure.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from omi_actors.instruments.readings import Readings
from omi_actors.status.look import Headline, build_headlines
from omi_actors.status.tables import Table, build_tables
from omi_actors.status.troubles import Trouble, find_troubles


@dataclass(frozen=True, slots=True)
class Look:
    """`status` is pass, warn or fail; `checks` are the states by name."""

    status: str
    checks: Mapping[str, str]
    troubles: Sequence[Trouble]
    tables: Sequence[Table]
    headlines: Sequence[Headline] = ()


def build_look(health: Mapping[str, Any], now: Readings, recent: Readings) -> Look:
    """Return the look. `health` is the operator's; `recent` is what `now` gained in the last minutes."""
    return Look(
        status=str(health["status"]),
        checks={name: str(check["status"]) for name, check in health["checks"].items()},
        troubles=find_troubles(health["checks"], now, recent),
        tables=build_tables(health, now, recent),
        headlines=build_headlines(health, now, recent),
    )
