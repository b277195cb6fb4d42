"""An answer whose intent to be said in its own reply is stored with it."""

from dataclasses import replace
from functools import partial

import pytest

from omi_actors.store import jobs
from omi_actors.store.answers import load_open_answers, load_unsettled_answers, load_waiting_answers
from omi_actors.store.engine import Engine
from omi_actors.store.nodes import register_node
from tests.store.builders import NOW, answer, asking_commit, claim, do, rows

DELIVERY = "s1-j1-d"


@pytest.fixture
def counted(engine: Engine) -> Engine:
    """A session whose answer is about to be said."""
    do(engine, asking_commit())
    done = answer(claim(engine)[0])
    sending = replace(done, delivery=replace(done.delivery, state="sending", channel="inline"))
    do(engine, partial(jobs.complete_answer, done=sending))
    return engine


def test_it_stands_at_sending_and_is_this_nodes(counted: Engine) -> None:
    assert rows(counted, "SELECT id, state, channel, node, incarnation FROM delivery") == [
        (DELIVERY, "sending", "inline", "node-a", 1)
    ]


def test_nobody_else_begins_to_give_it(counted: Engine) -> None:
    assert do(counted, partial(load_open_answers, session_id="s1", since=0.0)) == ()
    assert do(counted, partial(load_waiting_answers, node="node-a", until=NOW + 60, limit=9)) == ()


def test_crash_leaves_it_unknown(counted: Engine) -> None:
    for _ in range(2):  # this process, and the next
        do(counted, partial(register_node, lease_s=30.0, max_deliveries=3))

    assert rows(counted, "SELECT state FROM delivery") == [("unknown",)]


@pytest.mark.parametrize("channel", ["inline", "next_webhook", "chat"])
def test_it_is_found_when_its_end_is_not_told(channel: str, counted: Engine) -> None:
    do(counted, lambda tx: tx.run("UPDATE delivery SET channel = ?", (channel,)))
    (found,) = do(counted, partial(load_unsettled_answers, node="node-a", until=NOW + 5, limit=9))

    assert (found.session_key, found.answer.delivery_id, found.answer.state) == ("omi:s1", DELIVERY, "sending")
    assert do(counted, partial(load_unsettled_answers, node="node-a", until=NOW - 1, limit=9)) == ()
    assert do(counted, partial(load_unsettled_answers, node="node-b", until=NOW + 5, limit=9)) == ()
