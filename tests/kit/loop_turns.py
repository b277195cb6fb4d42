"""Counts the turns of the event loop, beside what is looked at: no clock, no waiting."""

import asyncio
import contextlib
from collections.abc import Callable, Iterator


@contextlib.contextmanager
def counted_turns() -> Iterator[Callable[[], int]]:
    """Return what tells the number of the turn that the loop is in."""
    loop, turn = asyncio.get_running_loop(), 0
    following: list[asyncio.Handle] = []

    def count() -> None:
        nonlocal turn
        turn += 1
        following[:] = [loop.call_soon(count)]

    count()
    yield lambda: turn
    following[0].cancel()
