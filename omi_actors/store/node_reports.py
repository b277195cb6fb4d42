"""Reports of the nodes: a row with the latest state, figures and metrics of each, by which any node answers for all.

Not here: the contents (status/nodes.py), leases (nodes.py), metrics of each minute (minutes.py). Threads: a store
actor's.
"""

from dataclasses import dataclass

from omi_actors.store.transaction import Transaction

# Seconds after which the row of a silent node goes: until then it is a node that may be missed.
FORGOTTEN_S = 3_600.0

_PUT = (
    "INSERT INTO node_report (node, reported_at, figures, metrics) VALUES (?, ?, ?, ?) ON CONFLICT (node) DO UPDATE SET"
    " reported_at = excluded.reported_at, figures = excluded.figures, metrics = excluded.metrics"
)


@dataclass(frozen=True, slots=True)
class StoredReport:
    """A node's latest report, `age_s` seconds old. `content` is what was asked for: its figures, or its metrics."""

    node: str
    age_s: float
    content: str


def put_report(tx: Transaction, *, figures: str, metrics: str) -> None:
    """Store the report of this process's node; drop those of nodes that were silent for an hour."""
    now_s = tx.now_s()
    tx.run(_PUT, (tx.node.name, now_s, figures, metrics))
    tx.run("DELETE FROM node_report WHERE reported_at < ?", (now_s - FORGOTTEN_S,))


def drop_report(tx: Transaction) -> None:
    """Drop the report of this process's node, which stops: nobody shall miss it."""
    tx.run("DELETE FROM node_report WHERE node = ?", (tx.node.name,))


def load_figures(tx: Transaction) -> list[StoredReport]:
    """Return the figures of all nodes, by name."""
    return _load(tx, "figures")


def load_metrics(tx: Transaction) -> list[StoredReport]:
    """Return the metrics of all nodes, by name."""
    return _load(tx, "metrics")


def _load(tx: Transaction, column: str) -> list[StoredReport]:
    now_s = tx.now_s()
    rows = tx.fetch(f"SELECT node, reported_at, {column} FROM node_report ORDER BY node")  # noqa: S608 (a column of ours)
    return [StoredReport(node, max(0.0, now_s - at), content) for node, at, content in rows]
