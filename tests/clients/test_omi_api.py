"""Omi's notification API, against a real local server that works and fails, and its circuit breaker."""

import logging
import socket

import pytest

from omi_actors.clients.omi_api import GuardedNotifier, OmiApi
from omi_actors.clock import ManualClock
from omi_actors.domain.answers.breaker import BreakerRules, BreakerState
from omi_actors.errors import CircuitOpenError, UpstreamRejectedError, UpstreamUnavailableError, UpstreamUnclearError
from omi_actors.instruments import metrics
from tests.fakes.omi_server import APP_ID, SECRET, FakeOmi, Mode, Push

TEXT = "It's 384,400 km away – да & «ja»?"


@pytest.fixture
async def fake():
    fake = FakeOmi()
    server = fake.listen()
    yield fake
    server.stop()
    await server.close_all_connections()


@pytest.fixture
async def open_api(fake):
    """Open a client: `open_api(version, …)`."""
    opened = []

    def open_client(version="v1", **changes):
        given = {"app_id": APP_ID, "secret": SECRET, "url": fake.url, "version": version, "timeout_s": 5.0}
        opened.append(OmiApi(**given | changes))
        return opened[-1]

    yield open_client
    for api in opened:
        await api.close()


@pytest.mark.parametrize("version", ["v1", "v2"])
async def test_notification_reaches_its_wearer_as_it_was_given(fake, open_api, version):
    await open_api(version).notify("ada", TEXT)

    assert fake.pushes == [Push("ada", TEXT, version)]


@pytest.mark.parametrize(("version", "per_hour"), [("v1", 10), ("v2", 9)])
async def test_budget_is_what_omi_grants_this_version(open_api, version, per_hour):
    assert open_api(version).per_hour == per_hour


async def test_long_text_is_clipped_where_it_is_part_of_the_url(fake, open_api):
    await open_api("v2").notify("ada", "さ" * 5_000)
    await open_api("v1").notify("ada", "さ" * 5_000)

    clipped, whole = fake.texts_of("ada")
    assert (len(clipped), clipped[-1], len(whole)) == (500, "…", 5_000)


@pytest.mark.parametrize("version", ["v1", "v2"])
@pytest.mark.parametrize(
    ("changes", "mode", "code"),
    [
        ({"secret": "wrong"}, Mode.NORMAL, "unauthorized"),
        ({}, Mode.NOT_ENABLED, "unauthorized"),
        ({"app_id": "other"}, Mode.NORMAL, "app_not_found"),
        ({}, Mode.REDIRECT, "refused"),
    ],
)
async def test_refusal_says_why_and_nothing_was_sent(fake, open_api, version, changes, mode, code):
    fake.mode = mode

    with pytest.raises(UpstreamRejectedError) as caught:
        await open_api(version, **changes).notify("ada", TEXT)

    assert (caught.value.code, caught.value.retryable) == (code, False)
    assert fake.pushes == []


@pytest.mark.parametrize("version", ["v1", "v2"])
async def test_request_that_omi_does_not_understand_is_refused(open_api, version):
    with pytest.raises(UpstreamRejectedError) as caught:
        await open_api(version).notify("", TEXT)

    assert caught.value.code == "invalid"


async def test_spent_budget_says_when_it_is_renewed(fake, open_api):
    fake.per_hour = 0

    with pytest.raises(UpstreamRejectedError, match="1200 s") as caught:
        await open_api().notify("ada", TEXT)

    assert caught.value.code == "no_budget"


@pytest.mark.parametrize("mode", [Mode.CUT, Mode.SERVER_ERROR])
async def test_failure_after_the_push_is_unclear_and_not_to_be_repeated(fake, open_api, mode):
    fake.mode = mode

    with pytest.raises(UpstreamUnclearError) as caught:
        await open_api().notify("ada", TEXT)

    assert not caught.value.retryable
    assert len(fake.pushes) == 1


async def test_answer_that_does_not_come_is_unclear(fake, open_api):
    fake.mode = Mode.HANG

    with pytest.raises(UpstreamUnclearError):
        await open_api(timeout_s=0.1).notify("ada", TEXT)


async def test_unreachable_server_was_sent_nothing(open_api):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        api = open_api(url=f"http://127.0.0.1:{closed.getsockname()[1]}")

        with pytest.raises(UpstreamUnavailableError) as caught:
            await api.notify("ada", TEXT)

    assert caught.value.retryable


async def test_slow_answer_is_waited_for(fake, open_api):
    fake.mode, fake.delay_s = Mode.DELAY, 0.05

    await open_api().notify("ada", TEXT)

    assert len(fake.pushes) == 1


@pytest.mark.parametrize("version", ["v1", "v2"])
@pytest.mark.parametrize("mode", list(Mode))
async def test_text_and_key_are_in_no_log_line_and_no_error(fake, open_api, caplog, version, mode):
    fake.mode = mode
    text = ""
    with caplog.at_level(logging.DEBUG):
        try:
            await open_api(version, timeout_s=0.2).notify("ada", "unspeakable")
        except (UpstreamRejectedError, UpstreamUnclearError) as error:
            text = f"{error} {error.__cause__}"

    lines = [record.getMessage() for record in caplog.records]
    assert not [line for line in (*lines, text) if "unspeakable" in line or SECRET in line]


# --- memories


async def test_memories_are_read_by_pages_and_given_as_omi_has_them(fake, open_api):
    fake.memories["ada"] = [{"id": str(number), "content": f"m {number}"} for number in range(5)]

    assert await open_api().read_memories("ada", limit=2, offset=3) == fake.memories["ada"][3:]
    assert await open_api().read_memories("bob", limit=2, offset=0) == []


async def test_memories_that_cannot_be_read_are_an_error_that_says_why(fake, open_api):
    fake.mode = Mode.NOT_ENABLED
    with pytest.raises(UpstreamRejectedError, match="403"):
        await open_api().read_memories("ada", limit=2, offset=0)

    fake.mode, fake.memories["ada"] = Mode.NORMAL, "not a list"
    with pytest.raises(UpstreamUnclearError, match="no list of memories"):
        await open_api().read_memories("ada", limit=2, offset=0)


# --- the circuit breaker


class ScriptedNotifier:
    per_hour = 10

    def __init__(self):
        self.script, self.sent = [], []

    async def notify(self, uid, text):
        if self.script:
            raise self.script.pop(0)
        self.sent.append((uid, text))

    async def read_memories(self, uid, *, limit, offset):
        if self.script:
            raise self.script.pop(0)
        return [(uid, limit, offset)]

    async def exchange(self, method, path, *, params, body=None):
        if self.script:
            raise self.script.pop(0)
        return {"path": path, "params": params}

    async def close(self):
        pass


class Guarded:
    def __init__(self):
        self.notifier, self.clock = ScriptedNotifier(), ManualClock()
        self.api = GuardedNotifier(self.notifier, BreakerRules(failures=2, pause_s=5.0), self.clock)

    async def fail(self, error, times=2):
        for _ in range(times):
            self.notifier.script.append(error)
            with pytest.raises(type(error)):
                await self.api.notify("ada", "384,400 km.")


@pytest.fixture
def guarded():
    return Guarded()


@pytest.mark.parametrize("error", [UpstreamUnavailableError("down"), UpstreamUnclearError("cut")])
async def test_broken_api_is_not_called_until_the_pause_is_over(guarded, error):
    await guarded.fail(error)

    with pytest.raises(CircuitOpenError) as caught:
        await guarded.api.notify("ada", "384,400 km.")

    assert (caught.value.retry_after_s, guarded.api.circuit.wait_s) == (5.0, 5.0)
    assert metrics.NOTIFY_BREAKER_STATE._value.get() == 2
    guarded.clock.advance(5.0)
    assert guarded.api.circuit.wait_s == 0.0
    await guarded.api.notify("ada", "384,400 km.")
    assert guarded.notifier.sent == [("ada", "384,400 km.")]
    assert guarded.api.circuit.state is BreakerState.CLOSED


@pytest.mark.parametrize("code", ["no_budget", "unauthorized", "app_not_found"])
async def test_api_that_refuses_is_not_broken(guarded, code):
    await guarded.fail(UpstreamRejectedError("no", code=code), times=9)

    assert guarded.api.circuit.state is BreakerState.CLOSED
