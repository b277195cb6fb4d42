"""Counts of what a person has stored, and of what happened in the last days.

Not here: the tables. Threads: the cold reader's.
"""

import datetime as dt
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from omi_actors.domain.answers.budget import owner_of
from omi_actors.domain.sessions.records import StoredMessage
from omi_actors.store.model_use import load_use
from omi_actors.store.people.accounts import count_belongings
from omi_actors.store.people.conversations import load_latest
from omi_actors.store.people.recall_index import parse_zone
from omi_actors.store.transaction import Transaction

# Days of activity, today included.
DAYS = 30
_RECENT = 10
# Seconds. Every time zone differs from UTC by a multiple of it.
_SLOT_S = 900
_COUNT = "SELECT count(*) FROM session JOIN message ON message.session_id = session.id WHERE account_id = ?"
# By slots of time and by model. Integers of milliseconds, since the databases round fractions in different ways.
_ACTIVITY = (
    "SELECT slot || ' ' || count(*) || ' ' || model AS line FROM"  # noqa: S608
    f" (SELECT CAST(message.created_at * 1000 AS BIGINT) / {_SLOT_S * 1000} AS slot, model FROM session"
    " JOIN message ON message.session_id = session.id WHERE account_id = ? AND message.created_at >= ?) AS latest"
    " GROUP BY slot, model"
)


@dataclass(frozen=True, slots=True)
class Stats:
    """Counts of an account; messages by day in the person's time zone; answers by model; tokens of this UTC day."""

    counts: Mapping[str, int]
    recent: tuple[StoredMessage, ...]
    by_day: Mapping[dt.date, int]
    by_model: Mapping[str, int]
    tokens_today: int


def load_stats(tx: Transaction, account_id: str, *, now_s: float) -> Stats:
    """Load the statistics of an account."""
    preference = tx.fetch_one("SELECT time_zone FROM user_preference WHERE account_id = ?", (account_id,))
    zone = parse_zone(preference[0] if preference is not None else None)
    (messages,) = tx.fetch(_COUNT, (account_id,))[0]
    sessions = tx.fetch("SELECT id, session_key FROM session WHERE account_id = ?", (account_id,))
    today = dt.datetime.fromtimestamp(now_s, zone).date()
    first = dt.datetime.combine(today - dt.timedelta(days=DAYS - 1), dt.time(), zone)
    by_day: Counter[dt.date] = Counter({today - dt.timedelta(days=ago): 0 for ago in range(DAYS)})
    by_model: Counter[str] = Counter()
    for line in tx.fetch_lines(_ACTIVITY, (account_id, first.timestamp())):
        slot, count, model = line.split(" ", 2)
        by_day[dt.datetime.fromtimestamp(int(slot) * _SLOT_S, zone).date()] += int(count)
        by_model[model] += int(count)
    del by_model[""]  # questions and failures
    owners = {owner_of(key) for _, key in sessions}
    return Stats(
        counts={**count_belongings(tx, account_id, now_s=now_s), "messages": messages},
        recent=load_latest(tx, [session_id for session_id, _ in sessions], _RECENT),
        by_day=by_day,
        by_model=by_model,
        tokens_today=sum(load_use(tx, owner).owner.tokens for owner in owners),
    )
