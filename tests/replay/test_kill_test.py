import json
import sys

import pytest

from omi_actors.clock import SystemClock
from scripts.lab.replay.fake_omi import FakeOmi
from scripts.lab.replay.kill_report import render_json
from scripts.lab.replay.kill_test import KillPlan, KillTest
from scripts.lab.replay.server_process import ServerFailedError, build_server
from tests.fakes import stand_in_server

PLAN = KillPlan(
    rounds=2,
    seed=1,
    users=5,
    rate_per_s=300.0,
    round_min_s=0.2,
    round_max_s=0.4,
    answers_within_s=0.0,
    persons=0,  # the stand-in has no accounts
)


@pytest.fixture
def run(tmp_path):
    async def run(*faults, plan=PLAN):
        command = (sys.executable, stand_in_server.__file__, *faults)
        server, target = build_server(tmp_path, clock=SystemClock(), command=command)
        said: list[str] = []
        test = KillTest(
            plan,
            server=server,
            target=target,
            omi=FakeOmi(),
            accept_file=tmp_path / "log",
            clock=SystemClock(),
            say=said.append,
        )
        report = await test.run()
        assert len(said) == plan.rounds
        return report

    return run


@pytest.mark.e2e
async def test_kill_test_accepts_a_server_that_keeps_its_promises(run):
    report = await run()

    assert report.is_good, report.figures()
    assert report.figures()["restarts"] == 2
    assert report.verdict.accepted > 20
    assert report.verdict.questions_accepted == report.verdict.answered_once > 0
    assert report.deliveries.ways == {"own_reply": report.verdict.questions_accepted}
    written = json.loads(render_json(report, report.figures(), command="scripts/kill_test", now_s=0.0))
    assert written["accepted"] == report.verdict.accepted
    assert written["details"]["deliveries"]["ways"] == report.deliveries.ways
    assert report.refused == 0


@pytest.mark.e2e
@pytest.mark.parametrize(
    ("fault", "wrong"),
    [
        ("lose", "lost"),
        ("twice", "stored_twice"),
        ("mute", "unanswered"),
        ("repeat", "answered_twice"),
        ("silent", "answers_lost"),
        ("echo", "delivered_twice"),
    ],
)
async def test_kill_test_notices_a_server_that_breaks_its_promises(run, fault, wrong):
    report = await run(fault)

    assert not report.is_good
    assert report.figures()[wrong] > 0


@pytest.mark.e2e
async def test_kill_test_shows_the_log_of_a_server_that_does_not_start(tmp_path):
    command = (sys.executable, "-c", "print('no such table: session'); raise SystemExit(3)")
    server, target = build_server(tmp_path, clock=SystemClock(), command=command)
    test = KillTest(
        PLAN, server=server, target=target, omi=FakeOmi(), accept_file=tmp_path / "log", clock=SystemClock(), say=print
    )

    with pytest.raises(ServerFailedError, match=r"ended with 3:\nno such table: session"):
        await test.run()
