import asyncio

import pytest

from omi_actors.clock import ManualClock, SystemClock
from scripts.lab.bench.in_process import LagMeter, Speech, call_all, run_row
from scripts.lab.bench.machine import RowFailedError


async def test_lag_meter_sees_a_blocked_loop():
    meter = LagMeter(SystemClock())
    meter.start()
    clock = SystemClock()
    held = asyncio.Event()

    def hold():
        until = clock.mono_s() + 0.05
        while clock.mono_s() < until:
            pass
        asyncio.get_running_loop().call_later(0.01, held.set)

    asyncio.get_running_loop().call_later(0.01, hold)
    await asyncio.wait_for(held.wait(), timeout=5)
    meter.stop()

    assert max(meter.lags_s) > 0.03


async def test_calls_are_all_made_and_not_too_many_at_once():
    now, most, made = 0, 0, []

    def call(number):
        async def make():
            nonlocal now, most
            now += 1
            most = max(most, now)
            await asyncio.sleep(0)
            now -= 1
            made.append(number)

        return make

    await call_all((call(number) for number in range(20)), at_once=3)

    assert sorted(made) == list(range(20))
    assert most == 3


def test_speech_never_repeats_a_segment():
    speech = Speech(ManualClock())

    heard = [segment for user in (1, 2) for segment in speech.hear(user, 3).segments]

    assert len({segment.segment_id for segment in heard}) == len({segment.text for segment in heard}) == 6


@pytest.mark.e2e
async def test_failing_row_raises_an_error():
    with pytest.raises(RowFailedError, match="nowhere"):
        await run_row("scripts.lab.bench.nowhere", {}, within_s=30)
