"""Being cancelled for certain, also within a library that loses cancellations.

On Python 3.11 `asyncio.wait_for`, by which redis-py sends, forgets a cancellation that comes together with success; and
an error that comes together with one takes its place.
Not here: deadlines (redis_session.py). Threads: the event loop's.
"""

import asyncio
import contextlib
from collections.abc import Iterator


@contextlib.contextmanager
def heeding_cancellation() -> Iterator[None]:
    """Raise, at the end of the block, a cancellation that came within it."""
    task = asyncio.current_task()
    before = task.cancelling() if task is not None else 0
    try:
        yield
    except Exception:
        if task is not None and task.cancelling() > before:
            raise asyncio.CancelledError from None
        raise
    if task is not None and task.cancelling() > before:
        raise asyncio.CancelledError
