"""The short form of scripts/chaos: some fast faults, and one that breaks a promise on purpose."""

import contextlib
import sqlite3
from dataclasses import replace

import pytest

from omi_actors.clock import SystemClock
from scripts.lab.chaos.act import play
from scripts.lab.chaos.fault import Fault, Findings, Rules
from scripts.lab.chaos.faults.catalogue import FAULTS
from scripts.lab.chaos.sizes import QUICK
from scripts.lab.chaos.stage import Scene

SIZES = replace(
    QUICK,
    people=6,
    warm_s=0.4,
    after_s=0.3,
    fault_s=1.0,
    outage_s=1.0,
    kills=1,
    kill_after_s=0.5,
    settle_s=20.0,
    owner_away_s=2.0,
)


async def _play(fault, folder, database="sqlite"):
    return await play(fault, Scene(seed=5, sizes=SIZES, folder=folder / "stage", database=database), SystemClock())


@pytest.mark.e2e
@pytest.mark.parametrize("name", ["kill", "crash_storm", "disk_full", "reply_lost"])
async def test_fault_has_an_allowed_outcome(tmp_path, name):
    result = await _play(FAULTS[name], tmp_path)

    assert result.wrongs == []
    assert result.figures["accepted"] > 0
    assert result.figures["completed"] > 0


@pytest.mark.e2e
@pytest.mark.service
async def test_owner_of_sessions_that_is_killed_costs_nothing_but_a_moment(tmp_path):
    result = await _play(FAULTS["owner_killed"], tmp_path, "postgres")

    assert result.wrongs == []
    assert result.figures["rounds"] == 1
    assert result.figures["taken_over"] > 0
    assert result.figures["completed"] > 0


@pytest.mark.e2e
@pytest.mark.service
@pytest.mark.parametrize("name", ["redis_paused", "redis_killed"])
async def test_only_the_operator_notices_that_redis_is_away(tmp_path, name):
    result = await _play(FAULTS[name], tmp_path)

    assert result.wrongs == []
    assert result.figures["completed"] > 0
    assert (tmp_path / "stage" / "server.log").read_text().count("backplane_lost") == 1


@pytest.mark.e2e
@pytest.mark.service
@pytest.mark.parametrize(
    ("database", "name"), [("sqlite", "clock_wrong_running"), ("postgres", "clock_wrong_running_of_two")]
)
async def test_clock_400_days_ahead_loses_nothing(tmp_path, database, name):
    result = await _play(FAULTS[name], tmp_path, database)

    assert result.wrongs == []
    assert result.figures["accepted"] > 0
    assert result.figures["rounds_ended"] > 0


@pytest.mark.e2e
async def test_lost_segment_is_noticed(tmp_path):
    async def lose_a_segment(stage):
        await stage.server.stop()
        with contextlib.closing(sqlite3.connect(tmp_path / "stage" / "data" / "omi.sqlite3")) as con, con:
            con.execute(
                "DELETE FROM transcript_segment WHERE rowid ="
                " (SELECT min(rowid) FROM transcript_segment WHERE text LIKE '%, note %')"
            )
        await stage.restart()
        return Findings()

    loss = Fault(
        name="loss", what="", promise="", allowed="", inject=lose_a_segment, rules=Rules(unreachable=True, marked=True)
    )

    result = await _play(loss, tmp_path)

    assert not result.is_held
    assert result.figures["lost"] == 1
    assert any(wrong.startswith("lost: replay-") for wrong in result.wrongs)
