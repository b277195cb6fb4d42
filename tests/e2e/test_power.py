"""The short form of scripts/power_cuts: power cuts lose nothing, and find a server that does not sync."""

import pytest

from scripts.lab.power.__main__ import PLANTED
from scripts.lab.power.cut import choose_cuts, play
from scripts.lab.power.record import LoadPlan, Recorder

PLAN = LoadPlan(webhooks=120, rate_per_s=100.0, seed=5)
CUTS = 24


@pytest.mark.e2e
async def test_power_cuts_lose_nothing_that_was_acknowledged(tmp_path):
    recording = await Recorder(PLAN, tmp_path).record()

    findings = list(play(recording, choose_cuts(recording, CUTS, seed=7)))

    assert [one for one in findings if not one.is_good] == []
    assert len(findings) == CUTS
    assert len(recording.promised) > 60
    assert recording.spoken
    assert {is_kept for _, _, is_kept in recording.memories} == {True, False}
    assert len(recording.signed_in) == 2


@pytest.mark.e2e
async def test_power_cuts_find_a_server_whose_commits_do_not_sync(tmp_path):
    plan = LoadPlan(webhooks=60, rate_per_s=100.0, seed=5, starts_again=False)
    recording = await Recorder(plan, tmp_path, command=PLANTED).record()

    findings = list(play(recording, choose_cuts(recording, CUTS, seed=7)))

    assert any(one.lost for one in findings)
    assert not any(one.unopened for one in findings)  # as SQLite promises even then
