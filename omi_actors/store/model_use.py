"""Use of the model: questions of this minute and tokens of this day, by owner and for all owners.

The transaction that stores an answer also counts it, so the counts survive restarts and cost no other commit. Each
node counts in its own rows, so that nodes do not wait for each other; a query adds them up.
Not here: the limits (domain/answers/budget.py), old rows (retention.py). Threads: a store actor's.
"""

from omi_actors.domain.answers.budget import DAY_S, MINUTE_S, Spending, Use, Used, owner_of, period_start
from omi_actors.store.transaction import Transaction

# The owner of the rows that count for all; no session is named so.
ALL = ""

_ADD = (
    "INSERT INTO model_use (owner, node, minute_at, requests, day_at, tokens) VALUES (?, ?, ?, 1, ?, ?)"
    " ON CONFLICT (owner, node) DO UPDATE SET"
    " requests = CASE WHEN model_use.minute_at = excluded.minute_at THEN model_use.requests ELSE 0 END + 1,"
    " tokens = CASE WHEN model_use.day_at = excluded.day_at THEN model_use.tokens ELSE 0 END + excluded.tokens,"
    " minute_at = excluded.minute_at, day_at = excluded.day_at"
)
_LOAD = (
    "SELECT owner, SUM(CASE WHEN minute_at = ? THEN requests ELSE 0 END), SUM(CASE WHEN day_at = ? THEN tokens ELSE 0"
    " END) FROM model_use WHERE owner IN (?, ?) GROUP BY owner"
)


def add_use(tx: Transaction, spent: Spending) -> None:
    """Count one question."""
    now_s = tx.now_s()
    minute_at, day_at = period_start(now_s, MINUTE_S), period_start(now_s, DAY_S)
    for owner in (ALL, spent.owner):
        tx.run(_ADD, (owner, tx.node.name, minute_at, day_at, spent.tokens))


def load_use(tx: Transaction, session_key: str) -> Use:
    """Load the current use by the owner of a session, and by all owners."""
    now_s, owner = tx.now_s(), owner_of(session_key)
    rows = tx.fetch(_LOAD, (period_start(now_s, MINUTE_S), period_start(now_s, DAY_S), ALL, owner))
    used = {row[0]: Used(int(row[1]), int(row[2])) for row in rows}
    return Use(owner=used.get(owner, Used()), all=used.get(ALL, Used()))
