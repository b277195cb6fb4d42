"""No job is lost, none runs twice at a time, lanes keep their order, an end counts once: on both databases."""

import os
from typing import Any

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
    build: Any = lambda: QueueMachine(engine, node, clock)  # noqa: E731 (the library's stubs want a class)
    run_state_machine_as_test(
        build,
        settings=settings(max_examples=examples, stateful_step_count=50, deadline=None),
    )
