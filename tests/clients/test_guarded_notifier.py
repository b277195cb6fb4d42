"""An API of Omi's that fails again and again is not asked for a while; one that says no is."""

import pytest

from omi_actors.clients.omi_api import GuardedNotifier
from omi_actors.clock import ManualClock
from omi_actors.domain.answers.breaker import BreakerRules, BreakerState
from omi_actors.errors import CircuitOpenError, UpstreamRejectedError, UpstreamUnavailableError, UpstreamUnclearError
from omi_actors.instruments import metrics


class ScriptedNotifier:
    per_hour = 10

    def __init__(self):
        self.script, self.sent = [], []

    async def notify(self, uid, text):
        if self.script:
            raise self.script.pop(0)
        self.sent.append((uid, text))

    async def close(self):
        pass


class Stage:
    def __init__(self):
        self.notifier, self.clock = ScriptedNotifier(), ManualClock()
        self.guarded = GuardedNotifier(self.notifier, BreakerRules(failures=2, pause_s=5.0), self.clock)

    async def fail(self, error, times=2):
        for _ in range(times):
            self.notifier.script.append(error)
            with pytest.raises(type(error)):
                await self.guarded.notify("ada", "384,400 km.")


@pytest.fixture
def stage():
    return Stage()


@pytest.mark.parametrize("error", [UpstreamUnavailableError("down"), UpstreamUnclearError("cut")])
async def test_broken_api_is_not_asked_until_the_pause_is_over(stage, error):
    await stage.fail(error)

    with pytest.raises(CircuitOpenError) as caught:
        await stage.guarded.notify("ada", "384,400 km.")

    assert (caught.value.retry_after_s, stage.guarded.wait_s) == (5.0, 5.0)
    assert metrics.NOTIFY_BREAKER_STATE._value.get() == 2
    stage.clock.advance(5.0)
    assert stage.guarded.wait_s == 0.0
    await stage.guarded.notify("ada", "384,400 km.")
    assert stage.notifier.sent == [("ada", "384,400 km.")]
    assert stage.guarded.state is BreakerState.CLOSED


@pytest.mark.parametrize("code", ["no_budget", "unauthorized", "app_not_found"])
async def test_api_that_says_no_is_not_broken(stage, code):
    await stage.fail(UpstreamRejectedError("no", code=code), times=9)

    assert stage.guarded.state is BreakerState.CLOSED
