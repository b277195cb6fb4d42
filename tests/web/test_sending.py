"""Sending a webhook's messages against the clock."""

from omi_actors.actors.session.messages import Ingested, IngestSegments
from omi_actors.clock import ManualClock
from omi_actors.instruments.logs import LogContext
from omi_actors.kit.errors import AskTimeoutError
from tests.web.fake_system import FakeSystem
from web.webhook.intake import Sending


def start(count, *, on_received=None, outcomes=()):
    system, clock, done = FakeSystem(), ManualClock(), []
    system.outcomes.extend(outcomes)
    system.on_received = on_received and (lambda: on_received(clock))
    messages = [IngestSegments("omi:u", "u", (), 0.0) for _ in range(count)]
    Sending(system, messages, LogContext(), lambda replies, error: done.append((replies, error))).start(clock, 13.0)
    return system, done


def test_all_messages_share_one_deadline():
    system, done = start(3, on_received=lambda clock: clock.advance(5))

    assert system.timeouts == [13.0, 8.0, 3.0]
    assert done == [([Ingested()] * 3, None)]


def test_nothing_is_sent_when_the_time_is_over():
    system, [(replies, error)] = start(9, on_received=lambda clock: clock.advance(6))

    assert len(system.received) == 3
    assert isinstance(error, AskTimeoutError)
    assert len(replies) == 3


def test_thousands_of_messages_do_not_nest():
    _, done = start(5000)

    assert len(done) == 1


def test_failure_is_reported_once_open_messages_are_settled():
    failed = AskTimeoutError("first")
    system, done = start(4, outcomes=[None, None])

    system.open[0].try_fail(failed)
    assert done == []
    system.open[1].try_set(Ingested("found its way", "d1"))

    [(replies, error)] = done
    assert error is failed
    assert Ingested("found its way", "d1") in replies
