"""The driver that other rooms test their actors with."""

import pytest

from omi_actors.errors import StoreError
from omi_actors.kit.testing import Driver
from tests.kit.support import Do, Ping, Puppet, fail_with, new_future


def test_it_starts_the_actor_and_handles_messages_at_once():
    actor = Puppet()

    Driver(actor).tell("hello")

    assert actor.log == ["start driven", "hello"]


def test_an_ask_returns_the_reply():
    assert Driver(Puppet(), name="ada").ask(Ping()) == "ada"


def test_an_error_reply_is_raised():
    with pytest.raises(StoreError):
        Driver(Puppet()).ask(fail_with(StoreError("disk full")))


def test_a_crash_is_raised_where_it_happened():
    driver = Driver(Puppet())

    with pytest.raises(ZeroDivisionError):
        driver.tell(Do(lambda _: 1 / 0))

    assert driver.has_stopped


def test_an_ask_whose_reply_stays_open_says_so():
    driver = Driver(Puppet())

    with pytest.raises(RuntimeError, match="not settled"):
        driver.ask(Do(lambda actor: actor.take_reply() and None))


def test_an_async_turn_goes_on_when_the_test_settles_what_it_awaits():
    future = new_future()

    async def turn(_actor):
        return await future

    driver = Driver(Puppet())
    reply = driver.send(Do(turn))
    assert not reply.done
    driver.settle(future, "value")

    assert reply.result() == "value"


async def test_it_works_inside_a_running_loop_too():
    future = new_future()

    async def turn(_actor):
        return await future

    driver = Driver(Puppet())
    reply = driver.send(Do(turn))
    driver.fail(future, StoreError("disk full"))

    with pytest.raises(StoreError):
        reply.result()


def test_a_probe_records_what_it_is_told_and_keeps_replies_open():
    driver = Driver(Puppet())
    probe = driver.probe()

    async def turn(_actor):
        return await probe.handle.ask(Ping(), timeout_s=1.0)

    reply = driver.send(Do(turn))
    driver.settle(probe.replies[0], "from the test")

    assert probe.messages == [Ping()]
    assert reply.result() == "from the test"


def test_a_probe_that_knows_an_answer_gives_it():
    driver = Driver(Puppet())
    probe = driver.probe(answer=lambda _: "always this")

    async def turn(_actor):
        return await probe.handle.ask(Ping(), timeout_s=1.0)

    assert driver.ask(Do(turn)) == "always this"


def test_time_passes_when_the_test_says_so():
    actor = Puppet()
    driver = Driver(actor)
    driver.tell(Do(lambda actor: actor.timers.after(60.0, "due")))

    driver.advance(61.0)

    assert actor.log[-1] == "due"
    assert driver.clock.mono_s() == pytest.approx(61.0)


def test_a_stop_ends_the_actor_normally():
    actor = Puppet()
    driver = Driver(actor)

    driver.stop()

    assert driver.has_stopped
    assert actor.log == ["start driven", "stop driven"]
