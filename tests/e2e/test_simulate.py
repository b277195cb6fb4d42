"""The short form of scripts/simulate."""

import socket

import pytest
from click.testing import CliRunner

from omi_actors.clock import SystemClock
from scripts.lab.replay.fake_omi import FakeOmi
from scripts.lab.simulate.__main__ import simulate
from scripts.lab.simulate.kinds import Kind
from scripts.lab.simulate.plan import Options
from scripts.lab.simulate.run import Simulation, UnfitTargetError, check_target, start_own
from tests.fakes.raw_server import read_request, serve_raw

# At this pace the pieces of this plan's questions are sent up to 1.5 s apart, and every silence after one is over 2 s.
SPEED = 1.5


async def _simulate(folder, options):
    clock = SystemClock()
    omi = FakeOmi(clock=clock)
    listening = omi.listen()
    try:
        async with start_own(folder, omi, clock, extra={"NEXT_WEBHOOK_GRACE_MS": "500"}) as (target, sign):
            run = Simulation(options, target=target, sign=sign, omi=omi, clock=clock, speed=SPEED, settle_s=1.5)
            return await run.run()
    finally:
        listening.stop()
        await listening.close_all_connections()


@pytest.mark.e2e
async def test_every_question_of_some_wearables_is_answered_exactly_once(tmp_path):
    report = await _simulate(tmp_path, Options(seed=5, wearables=24, seconds=7.0))

    assert list(report.wrongs()) == []
    assert report.is_good
    asked = {outcome.question.kind for outcome in report.verdict.outcomes}
    assert asked >= {Kind.PLAIN, Kind.SPLIT, Kind.PAUSE, Kind.PAUSE_OTHERS_TALK}
    assert set(report.figures()["by_way"]) >= {"own_reply", "notification"}


@pytest.mark.e2e
async def test_simulation_notices_a_server_that_takes_no_webhook(tmp_path):
    options = Options(seed=3, wearables=2, seconds=4.0, kinds=(Kind.PLAIN,))
    forged = {"X-Omi-Signature": "t=1,v1=00"}

    clock, omi = SystemClock(), FakeOmi()
    listening = omi.listen()
    async with start_own(tmp_path, omi, clock) as (target, _):
        run = Simulation(
            options,
            target=target,
            sign=lambda _uid, _body: forged,
            omi=omi,
            clock=clock,
            speed=8.0,
            answers_within_s=0.0,
            settle_s=0.0,
        )
        report = await run.run()
    listening.stop()

    assert not report.is_good
    assert report.failures == {"status 401": report.webhooks}
    assert len(report.verdict.missing) == len(report.verdict.outcomes) > 0


@pytest.mark.e2e
async def test_kept_answers_of_a_server_without_notifications_are_fetched_and_no_loss(tmp_path):
    options = Options(seed=3, wearables=4, seconds=3.0, kinds=(Kind.PAUSE,))
    said: list[str] = []
    clock, omi = SystemClock(), FakeOmi()
    silent = {"OMI_APP_ID": "", "OMI_APP_SECRET": "", "QUESTION_PAUSE_MS": "300", "NEXT_WEBHOOK_GRACE_MS": "100"}
    async with start_own(tmp_path, omi, clock, extra=silent) as (target, sign):
        assert not await check_target(target)
        run = Simulation(
            options,
            target=target,
            sign=sign,
            omi=omi,
            clock=clock,
            speed=4.0,
            settle_s=1.0,
            notifies=False,
            say=said.append,
            say_every_s=0.1,
        )
        report = await run.run()

    assert list(report.wrongs()) == []
    assert report.is_good
    assert report.figures()["kept"] == len(report.kept) > 0
    assert "of" in said[0]
    assert said[-1] == "all is sent; watching for 1 s whether an answer comes twice"


async def test_only_the_demo_model_can_be_judged():
    async def handler(reader, writer):
        await read_request(reader)
        body = b'{"checks": {"model": {"provider": "openai"}}}'
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))

    async with serve_raw(handler) as target:
        with pytest.raises(UnfitTargetError, match="only the demo model"):
            await check_target(target)


def test_command_refuses_a_server_that_is_not_there():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{probe.getsockname()[1]}"

    result = CliRunner().invoke(simulate, ["--target", url, "--wearables", "1"])

    assert result.exit_code == 2
    assert "there is no server of ours" in result.output
