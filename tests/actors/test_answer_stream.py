"""Pieces of an answer reach the session in order, one at a time, with none lost in the middle."""

import pytest

from omi_actors.actors.queue.messages import AnswerGrew
from omi_actors.actors.queue.workers import AnswerStream
from omi_actors.kit.testing import Driver, Probe


@pytest.fixture
def sessions():
    """A session that takes pieces when the test says so."""
    return Driver(Probe(), name="sessions", kind="session").start()


@pytest.fixture
def stream(sessions):
    return AnswerStream(sessions.handle, "chat:operator:default", "j1")


def sent(sessions):
    sessions.runtime.run()
    return [(piece.text, piece.is_first) for piece in sessions.actor.messages]


def test_first_piece_goes_out_at_once(stream, sessions):
    stream.add("384,")

    assert sent(sessions) == [("384,", True)]
    assert isinstance(sessions.actor.messages[0], AnswerGrew)


def test_empty_piece_voids_all_before_it(stream, sessions):
    for text in ("a", "b", "", "c"):
        stream.add(text)
    assert sent(sessions) == [("a", True)]

    sessions.actor.replies[0].set(True)
    assert sent(sessions) == [("a", True), ("c", True)]


def test_pieces_that_wait_are_joined_in_the_next_message(stream, sessions):
    for text in ("a", "b", "c", "d"):
        stream.add(text)
    assert sent(sessions) == [("a", True)]

    sessions.actor.replies[0].set(True)
    assert sent(sessions) == [("a", True), ("bcd", False)]

    sessions.actor.replies[1].set(True)
    stream.add("e")
    assert sent(sessions)[2:] == [("e", False)]


def test_nothing_is_sent_after_a_piece_that_was_refused(stream, sessions):
    stream.add("a")
    sent(sessions)
    stream.add("b")

    sessions.actor.replies[0].set(False)
    stream.add("c")

    assert sent(sessions) == [("a", True)]


def test_nothing_is_sent_after_a_piece_that_was_lost(stream, sessions):
    stream.add("a")
    sent(sessions)

    sessions.advance(5.1)
    stream.add("b")

    assert sent(sessions) == [("a", True)]
