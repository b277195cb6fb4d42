"""A batch of the original's rows on its way: its numbers, and what of ours it refers to.

Ids stay what they were, so a batch that comes again finds its rows there.
Not here: which row becomes what (persons.py, talk.py). Threads: the command's.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from omi_actors.store.dialect import Bulk
from omi_actors.store.dialect import Row as Values
from omi_actors.store.original.source import Row
from omi_actors.store.transaction import Transaction

THERE = "ON CONFLICT DO NOTHING"
# A reason for which a row is left out.
NO_PERSON = "its user is not here"


@dataclass(slots=True)
class Moved:
    """Numbers of one table's rows: kept now, there before, and left out, by reason."""

    kept: int = 0
    there: int = 0
    left_out: Counter[str] = field(default_factory=Counter)


def keep(tx: Transaction, moved: Moved, bulk: Bulk, values: Sequence[Values]) -> None:
    """Insert rows, and count the new ones and those whose id is there already."""
    new = max(0, tx.run_bulk(bulk, values)) if values else 0
    moved.kept += new
    moved.there += len(values) - new


def find(tx: Transaction, sql: str, keys: set[str], *first: str) -> dict[str, Any]:
    """Return rows by their first column; `{marks}` in `sql` stands for the keys, which follow the `first` values."""
    if not keys:
        return {}
    rows = tx.fetch(sql.format(marks=", ".join("?" * len(keys))), (*first, *keys))
    return {row[0]: row for row in rows}


def find_accounts(tx: Transaction, rows: Sequence[Row]) -> set[str]:
    """Return the ids of those of the rows' users that have an account here."""
    wanted = {row["userId"] for row in rows if row["userId"]}
    return {*find(tx, "SELECT id FROM account WHERE id IN ({marks})", wanted)}


def find_owners(tx: Transaction, rows: Sequence[Row]) -> dict[str, str | None]:
    """Return the account of each conversation that the rows name."""
    found = find(
        tx,
        "SELECT conversation.id, account_id FROM conversation JOIN session ON session.id = session_id"
        " WHERE conversation.id IN ({marks})",
        {row["conversationId"] for row in rows if row["conversationId"]},
    )
    return {conversation_id: row[1] for conversation_id, row in found.items()}
