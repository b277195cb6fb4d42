"""Statistics of a person: which day a message counts for, also where the clocks of a time zone change."""

import datetime as dt
from collections import Counter
from functools import partial
from zoneinfo import ZoneInfo

import pytest

from omi_actors.domain.people.conversations import NEWEST
from omi_actors.store.engine import Engine
from omi_actors.store.people import conversations, stats
from omi_actors.store.transaction import Transaction
from tests.people.talks import fill
from tests.store.builders import do

NOW = dt.datetime(2026, 11, 10, 9, tzinfo=dt.UTC)
HOUR = dt.timedelta(hours=1)


def add_person(tx: Transaction, zone: str) -> None:
    tx.run("INSERT INTO account (id, email, password_hash, created_at, updated_at) VALUES ('ada', 'a', 'x', 0, 0)")
    tx.run(
        "INSERT INTO user_preference (account_id, meeting_transcribe, inject_memories, mute, time_zone, created_at,"
        " updated_at) VALUES ('ada', FALSE, TRUE, FALSE, ?, 0, 0)",
        (zone,),
    )


# Berlin's clocks go back on 25 October.
@pytest.mark.parametrize("zone", ["Europe/Berlin", "Asia/Kathmandu"])
def test_a_message_counts_for_its_day_in_the_persons_zone_also_where_clocks_change(engine: Engine, zone: str) -> None:
    do(engine, partial(add_person, zone=zone))
    times = [NOW - HOUR * number for number in range(0, 32 * 24, 7)]

    def fill_all(tx: Transaction) -> None:
        for at in times:
            fill(tx, "ada", messages=1, at=at.timestamp() - 1)

    do(engine, fill_all)

    found = engine.read_cold(partial(stats.load_stats, account_id="ada", now_s=NOW.timestamp()))

    today = NOW.astimezone(ZoneInfo(zone)).date()
    days = Counter(at.astimezone(ZoneInfo(zone)).date() for at in times)
    last = [today - dt.timedelta(days=ago) for ago in range(stats.DAYS)]
    assert found.by_day == {day: days[day] for day in last}


def test_a_page_has_the_newest_conversations_of_all_sessions(engine: Engine) -> None:
    do(engine, partial(add_person, zone=""))
    ids = [do(engine, partial(fill, account_id="ada", conversations=2, at=at, step_s=15.0)) for at in (100.0, 110.0)]

    page = engine.read_cold(partial(conversations.list_conversations, account_id="ada", before=NEWEST, limit=3))

    (first, third), (second, fourth) = ids
    assert [one.conversation_id for one in page] == [fourth, third, second]
    assert first not in {one.conversation_id for one in page}
