import pytest

from omi_actors.errors import FencedError
from omi_actors.store import jobs
from omi_actors.store.answers import change_delivery
from omi_actors.store.engine import Engine
from omi_actors.store.sessions import load_transcript
from tests.store.builders import NOW, answer, asking_commit, claim, do, next_commit, rows, step

DELIVERY = "s1-j1-d"


@pytest.fixture
def answered(engine: Engine) -> Engine:
    """A session whose question is answered, and the delivery of that pending."""
    do(engine, asking_commit())
    (held,) = claim(engine)
    do(engine, lambda tx: jobs.complete_answer(tx, answer(held)))
    return engine


def move(engine: Engine, from_states: tuple[str, ...], state: str, channel: str = "inline") -> bool:
    moved: bool = do(engine, lambda tx: change_delivery(tx, step(DELIVERY, from_states, state, channel)))
    return moved


def test_a_delivery_goes_its_way_step_by_step(answered: Engine) -> None:
    assert move(answered, ("pending",), "sending")
    assert move(answered, ("sending",), "sent")

    assert rows(answered, "SELECT state, channel, changed_at, node FROM delivery") == [
        ("sent", "inline", NOW + 2, "node-a")
    ]


def test_a_transcript_says_where_an_answers_delivery_stands(answered: Engine) -> None:
    move(answered, ("pending",), "sending", "next_webhook")

    page = answered.read(lambda tx: load_transcript(tx, "omi:s1", after_seq=0, limit=5, messages=5))

    assert page is not None
    assert [(said.role, said.delivery_state, said.delivery_channel) for said in page.messages] == [
        ("user", "", ""),
        ("assistant", "sending", "next_webhook"),
    ]


def test_an_answer_is_taken_for_sending_once(answered: Engine) -> None:
    assert move(answered, ("pending", "kept"), "sending", "inline")

    assert not move(answered, ("pending", "kept"), "sending", "notify")

    assert rows(answered, "SELECT state, channel FROM delivery") == [("sending", "inline")]


def test_a_turn_can_take_a_delivery_with_it(answered: Engine) -> None:
    do(answered, next_commit(delivery_changes=(step(DELIVERY, ("pending",), "sending", "next_webhook"),)))

    assert rows(answered, "SELECT state, channel FROM delivery") == [("sending", "next_webhook")]


def test_a_turn_whose_delivery_was_taken_is_fenced_alone(answered: Engine) -> None:
    move(answered, ("pending",), "sending")
    taking = next_commit(delivery_changes=(step(DELIVERY, ("pending",), "sending"),))

    fenced, stored = answered.commit_group([taking, asking_commit("s2")])

    assert isinstance(fenced.error, FencedError)
    assert stored.error is None
    assert rows(answered, "SELECT last_seq FROM session WHERE id = 's1'") == [(1,)]
