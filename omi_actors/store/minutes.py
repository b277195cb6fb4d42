"""Minutes of the metrics: a row a minute and node, which survives restarts. A node keeps those of its last day.

Old rows go by their number, not by their date: a clock that leaps deletes none.
Not here: the figures (instruments/minutes.py), rows of nodes that are gone (retention.py). Threads: a store actor's.
"""

from omi_actors.instruments.minutes import Minute, load_minute, show_minutes
from omi_actors.store.transaction import Transaction

DAY_S, HOUR_S = 86_400.0, 3_600.0
# Rows of a node: the 1,440 minutes of a day, and some for minutes that a restart cut in two.
MOST_ROWS = 1_600

_ADD = (
    "INSERT INTO metric_minute (node, no, began_at, figures)"
    " SELECT ?, coalesce(max(no), 0) + 1, ?, ? FROM metric_minute WHERE node = ?"
)
_DROP = (
    "DELETE FROM metric_minute WHERE node = ? AND no <="
    " (SELECT no FROM (SELECT max(no) - ? AS no FROM metric_minute WHERE node = ?) AS last)"
)
# Rows from a clock that was ahead lie after now, and are left out.
_LOAD = (
    "SELECT began_at, figures FROM metric_minute WHERE node = ? AND began_at > ? AND began_at <= ?"
    " ORDER BY began_at, no"
)


def keep_minute(tx: Transaction, node: str, began_at: float, figures: str) -> None:
    """Store one minute of a node, and drop its oldest."""
    tx.run(_ADD, (node, began_at, figures, node))
    tx.run(_DROP, (node, MOST_ROWS, node))


def load_minutes(tx: Transaction, node: str, *, since: float, until: float) -> list[tuple[float, str]]:
    """Load the minutes of a node that began after `since` and not after `until`, the oldest first."""
    return tx.fetch(_LOAD, (node, since, until))


def load_hour(tx: Transaction, node: str, *, until: float, ahead_s: float) -> list[Minute]:
    """Load the minutes of the hour before `until`. `ahead_s`: UTC seconds minus the process's monotonic seconds."""
    rows = load_minutes(tx, node, since=until - HOUR_S, until=until)
    return [load_minute(at, figures, mono_s=at - ahead_s) for at, figures in rows]


def show_day(tx: Transaction, node: str, now_s: float) -> dict[str, list[float | None]]:
    """Return the minutes of a node's last 24 h as columns."""
    return show_minutes(load_minutes(tx, node, since=now_s - DAY_S, until=now_s))
