"""What holds for every test."""

import os
import signal
import threading

import pytest
from hypothesis import settings

pytest_plugins = ("tests.canary_watch",)

# The suite draws the same examples every time, untimed; `HYPOTHESIS_PROFILE=explore pytest` draws new ones, and more.
settings.register_profile("suite", derandomize=True, deadline=None)
settings.register_profile("explore", max_examples=2_000, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "suite"))

# Folders of long files. Two workers take files in the order of collection (scripts/check), so short ones fill the end.
LONG = ("e2e", "browser", "system", "people", "store")


def pytest_collection_modifyitems(items):
    """Put long files first; all else stays in its order."""
    ranks = {folder: rank for rank, folder in enumerate(LONG)}
    items.sort(key=lambda item: ranks.get(item.path.parent.name, len(LONG)))


@pytest.fixture(autouse=True)
def signals_stay_as_they_were():
    """Undo what a command run within the tests did to the signals of servers, which programs of later tests inherit."""
    before = [(number, signal.getsignal(number)) for number in (signal.SIGUSR1, signal.SIGUSR2)]
    yield
    for number, handler in before:
        if signal.getsignal(number) is not handler:
            signal.signal(number, handler)


@pytest.fixture(autouse=True)
def no_actor_thread_is_left_alive():
    """Fail a test that leaves the thread of an actor running; the kit names them `actor …`."""
    yield
    left = [thread for thread in threading.enumerate() if thread.name.startswith("actor ")]
    for thread in left:
        thread.join(timeout=2.0)
    assert not [thread.name for thread in left if thread.is_alive()]
