"""The short form of scripts/rolling: three nodes behind nginx are upgraded one after another under load."""

import pytest

from omi_actors.clock import SystemClock
from scripts.lab.replay.fake_omi import FakeOmi
from scripts.lab.replay.rolling import RollingPlan, built_test

PLAN = RollingPlan(upgrades=1, users=12, rate_per_s=30.0, seed=7, between_s=0.0)


@pytest.mark.e2e
@pytest.mark.service
async def test_nodes_are_upgraded_one_after_another_and_nothing_is_refused_lost_or_doubled(tmp_path):
    omi = FakeOmi(clock=SystemClock())
    listening = omi.listen()
    with built_test(PLAN, tmp_path, omi, print) as test:
        report = await test.run(omi)
    listening.stop()
    await listening.close_all_connections()

    assert report.refused == []
    assert [*report.verdict.wrongs(), *report.deliveries.wrongs()] == []
    assert report.verdict.accepted > 100
    assert report.verdict.questions_accepted > 0
    assert (report.upgraded, report.exit_codes) == (3, [0] * 6)
