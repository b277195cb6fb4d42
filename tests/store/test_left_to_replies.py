"""An answer that only the next reply can give: the node that has its session comes to know of it."""

from functools import partial

import pytest

from omi_actors.domain.answers.notifications import NotificationLimits
from omi_actors.errors import FencedError
from omi_actors.jobs.notify import build_notify_job
from omi_actors.store import jobs, notifications
from omi_actors.store.answers import change_delivery
from omi_actors.store.engine import Engine
from omi_actors.store.nodes import register_node
from omi_actors.store.transaction import NodeIdentity
from tests.store.builders import NOW, answer, asking_commit, claim, do, next_commit, step

NO_BUDGET = NotificationLimits(per_hour=0, expires_s=1e12)


@pytest.fixture
def answered(engine: Engine, node: NodeIdentity) -> Engine:
    """Node a has the session; its answer was made by node b, which is this one by now."""
    do(engine, asking_commit())
    node.name, node.incarnation = "b", 1
    do(engine, partial(jobs.complete_answer, done=answer(claim(engine)[0])))
    return engine


def is_fenced(engine: Engine, node: NodeIdentity) -> bool:
    """Tell whether the next turn of the node that has the session is decided anew."""
    node.name = "node-a"
    error = engine.commit_group([next_commit()])[0].error
    assert error is None or isinstance(error, FencedError)
    return error is not None


def say(engine: Engine) -> None:
    do(engine, partial(change_delivery, change=step("s1-j1-d", ("pending",), "sending")))


@pytest.mark.parametrize("state", ["kept", "unknown"])
def test_node_that_has_the_session_loads_what_another_left_to_replies(
    answered: Engine, node: NodeIdentity, state: str
) -> None:
    say(answered)
    do(answered, partial(change_delivery, change=step("s1-j1-d", ("sending",), state, "")))

    assert is_fenced(answered, node)


@pytest.mark.parametrize("state", ["pending", "sent"])
def test_other_steps_disturb_no_session(answered: Engine, node: NodeIdentity, state: str) -> None:
    say(answered)
    do(answered, partial(change_delivery, change=step("s1-j1-d", ("sending",), state)))

    assert not is_fenced(answered, node)


def test_node_is_not_disturbed_by_a_step_of_its_own(answered: Engine, node: NodeIdentity) -> None:
    node.name = "node-a"
    do(answered, partial(change_delivery, change=step("s1-j1-d", ("pending",), "kept", "")))

    assert not is_fenced(answered, node)


def test_step_that_was_not_taken_disturbs_no_session(answered: Engine, node: NodeIdentity) -> None:
    do(answered, partial(change_delivery, change=step("s1-j1-d", ("sending",), "kept", "")))

    assert not is_fenced(answered, node)


def test_node_that_has_the_session_loads_what_another_had_no_budget_for(answered: Engine, node: NodeIdentity) -> None:
    notify = build_notify_job("s1-j1-d", "omi:s1", "r1", NOW)
    chosen = step("s1-j1-d", ("pending",), "pending", "notify")
    do(answered, partial(notifications.enqueue_notification, change=chosen, job=notify))
    (held,) = claim(answered, kinds=("notify",))
    begin = partial(notifications.begin_notification, job_id=held.job_id, token=held.token, limits=NO_BUDGET)
    begun = do(answered, partial(begin, delivery_id="s1-j1-d"))

    assert begun.state == "kept"
    assert is_fenced(answered, node)


def test_node_that_has_the_session_loads_what_another_was_saying_when_it_died(
    answered: Engine, node: NodeIdentity
) -> None:
    do(answered, partial(register_node, lease_s=15, max_deliveries=3))
    say(answered)
    do(answered, partial(register_node, lease_s=15, max_deliveries=3))

    assert is_fenced(answered, node)
