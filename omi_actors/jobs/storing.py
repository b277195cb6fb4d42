"""Storing what became of an attempt: what was handed to the store is waited for, also by an attempt that is ended.

Not here: which outcome (attempt.py, the kinds), the rows (store/). Threads: the event loop, in an attempt's task.
"""

import asyncio
from contextlib import suppress
from typing import TypeVar

from omi_actors.errors import OmiError
from omi_actors.kit.future import Future

T = TypeVar("T")


async def stored(outcome: Future[T]) -> T:
    """Return the store's word, or raise its error. Being cancelled once is forgotten, unless that is an error.

    The outcome may be in the store already, and be why the attempt is ended: a heartbeat that comes behind it finds
    the lease gone. Then nobody would hear of what was stored.
    """
    try:
        return await outcome
    except asyncio.CancelledError:
        with suppress(OmiError):
            return await outcome
        raise
