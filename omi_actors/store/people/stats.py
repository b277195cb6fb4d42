"""Counts of what a person has stored, and of what happened in the last days.

Not here: the tables. Threads: the cold reader's.
"""

import datetime as dt
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import groupby

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
_COUNT = "SELECT count(*) FROM session JOIN message ON message.session_id = session.id WHERE account_id = ?"
# Days of one length, counted from 0. Integers of milliseconds, since the databases round fractions in different ways.
_IN_DAYS = (
    "SELECT {first} + (CAST(message.created_at * 1000 AS BIGINT) - {start_ms}) / {length_ms} AS day, model FROM session"
    " JOIN message ON message.session_id = session.id"
    " WHERE account_id = ? AND message.created_at >= ? AND message.created_at < ?"
)
_ACTIVITY = "SELECT day || ' ' || count(*) || ' ' || model AS line FROM ({parts}) AS latest GROUP BY day, model"


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
    by_day, by_model = _count_activity(tx, account_id, dt.datetime.fromtimestamp(now_s, zone).date(), zone)
    owners = {owner_of(key) for _, key in sessions}
    return Stats(
        counts={**count_belongings(tx, account_id, now_s=now_s), "messages": messages},
        recent=load_latest(tx, [session_id for session_id, _ in sessions], _RECENT),
        by_day=by_day,
        by_model=by_model,
        tokens_today=sum(load_use(tx, owner).owner.tokens for owner in owners),
    )


def _count_activity(
    tx: Transaction, account_id: str, today: dt.date, zone: dt.tzinfo
) -> tuple[Counter[dt.date], Counter[str]]:
    """Count the messages of each of the last days, and the answers of each model in them."""
    days = [today - dt.timedelta(days=ago) for ago in range(DAYS - 1, -2, -1)]  # and tomorrow, where the last one ends
    starts = [round(dt.datetime.combine(day, dt.time(), zone).timestamp()) for day in days]
    parts, params = [], []
    # A zone's days have one length, but for those on which its clocks change.
    for length, places in groupby(range(DAYS), lambda place: starts[place + 1] - starts[place]):
        first, *more = places
        start, end = starts[first], starts[first + len(more) + 1]
        parts.append(_IN_DAYS.format(first=first, start_ms=start * 1000, length_ms=length * 1000))
        params += [account_id, start, end]
    by_day, by_model = Counter(dict.fromkeys(days[:DAYS], 0)), Counter[str]()
    for line in tx.fetch_lines(_ACTIVITY.format(parts=" UNION ALL ".join(parts)), params):
        place, count, model = line.split(" ", 2)
        by_day[days[min(int(place), DAYS - 1)]] += int(count)  # half a millisecond before midnight may be rounded up
        by_model[model] += int(count)
    del by_model[""]  # questions and failures
    return by_day, by_model
