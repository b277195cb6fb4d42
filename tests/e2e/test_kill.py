"""The short form of scripts/kill_test, on both databases."""

import contextlib

import pytest

from omi_actors.clock import SystemClock
from scripts.lab.replay.fake_omi import FakeOmi
from scripts.lab.replay.fake_omi import Mode as OmiMode
from scripts.lab.replay.kill_test import KILL_SETTINGS, KillPlan, KillTest
from scripts.lab.replay.postgres_server import fresh_postgres_database
from scripts.lab.replay.server_process import build_server
from tests.fakes.openai_server import Mode, spawn_fake_openai

PLAN = KillPlan(
    rounds=3,
    seed=11,
    users=20,
    rate_per_s=100.0,
    round_min_s=0.5,
    round_max_s=1.2,
    persons=8,
    linked=2,
    pause_s=0.1,
)


@pytest.fixture
async def omi():
    fake = FakeOmi(mode=OmiMode.DELAY, delay_s=0.05)
    server = fake.listen()
    yield fake
    server.stop()
    await server.close_all_connections()


@pytest.mark.e2e
@pytest.mark.service
@pytest.mark.parametrize("database", ["sqlite", "postgres"])
async def test_server_keeps_its_promises_when_killed(tmp_path, database, omi):
    clock, extra = SystemClock(), KILL_SETTINGS | omi.settings
    with contextlib.ExitStack() as stack:
        url = stack.enter_context(fresh_postgres_database()) if database == "postgres" else ""
        model_url = stack.enter_context(spawn_fake_openai(Mode.DELAY, delay_s=0.1))
        server, target = build_server(tmp_path, clock=clock, database_url=url, model_url=model_url, extra=extra)
        test = KillTest(
            PLAN, server=server, target=target, omi=omi, accept_file=tmp_path / "log", clock=clock, say=print
        )

        report = await test.run()

    assert report.verdict.accepted > 100
    assert report.verdict.questions_accepted > 0
    assert report.people.acknowledged > PLAN.persons
    assert report.wrongs() == []
    assert sum(report.deliveries.ways.values()) == report.verdict.questions_accepted
    assert (report.refused, report.exit_code) == (0, 0)
