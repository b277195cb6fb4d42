from contextlib import nullcontext

import pytest

from omi_actors.clock import SystemClock
from omi_actors.store.engine import Engine, StoreConfig
from omi_actors.store.messages import Call
from omi_actors.store.people.memories import list_memories
from omi_actors.store.people.recall import find_texts
from omi_actors.store.transaction import NodeIdentity
from scripts.lab.bench.people import PeoplePlan, measure_calls, measure_on_all
from scripts.lab.bench.people_store import FilledStore, StorePlan, fill
from scripts.lab.bench.rows import ROWS
from scripts.lab.replay.postgres_server import fresh_postgres_database

PLAN = StorePlan(large=20, small=10, others=3, linked=2, days=1)


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.service)])
def filled(request, tmp_path):
    with nullcontext("") if request.param == "sqlite" else fresh_postgres_database() as url:
        store = FilledStore(url, tmp_path)
        fill(store, PLAN, SystemClock().now_s())
        yield store


def test_filled_store_has_each_persons_texts_and_finds_them_by_their_words(filled):
    engine = Engine(StoreConfig(url=filled.url, data_dir=filled.data_dir), NodeIdentity("test"))
    engine.open()
    for person in PLAN.persons:
        me = person.account_id
        page = engine.read_cold(Call(list_memories, me, limit=100))
        text = page.memories[0].text
        found = engine.read(Call(find_texts, me, text, limit=3))

        assert len(page.memories) == person.texts
        assert text in [one.text for one in found]
    engine.close()


@pytest.mark.e2e
async def test_every_kind_of_call_is_answered_beside_webhooks(tmp_path):
    plan = PeoplePlan(
        store=PLAN, pairs=1, slice_s=0.5, warm_up_s=0.1, connections=4, calls_per_s=60.0, databases=("sqlite",)
    )

    figures = await measure_on_all(measure_calls, plan, work_dir=tmp_path, clock=SystemClock())

    assert figures["sqlite_kept"] > 0
    assert ROWS["people"].show(figures)
    assert figures["sqlite_stats_p99_ms"] > 0
