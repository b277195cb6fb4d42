"""No job is lost, none runs twice at a time, lanes keep their order, an end counts once: on both databases."""

import os

from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from omi_actors.clock import ManualClock
from omi_actors.store.engine import Engine
from omi_actors.store.transaction import NodeIdentity
from tests.store.queue_machine import QueueMachine

_IS_EXPLORING = os.environ.get("HYPOTHESIS_PROFILE") == "explore"


def test_queue_stands_where_its_model_does_whatever_happens(
    engine: Engine, node: NodeIdentity, clock: ManualClock
) -> None:
    examples = 500 if _IS_EXPLORING else 40
    run_state_machine_as_test(
        lambda: QueueMachine(engine, node, clock),
        settings=settings(max_examples=examples, stateful_step_count=50, deadline=None),
    )
