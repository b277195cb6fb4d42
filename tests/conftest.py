"""What holds for every test."""

import threading

import pytest


@pytest.fixture(autouse=True)
def no_actor_thread_is_left_alive():
    """Fail a test that leaves the thread of an actor running; the kit names them `actor …`."""
    yield
    left = [thread for thread in threading.enumerate() if thread.name.startswith("actor ")]
    for thread in left:
        thread.join(timeout=2.0)
    assert not [thread.name for thread in left if thread.is_alive()]
