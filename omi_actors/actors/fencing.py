"""Turns that came second: another node has written the session since it was loaded, so they are decided anew.

A fenced commit has left nothing, and its session loads itself again. Each time that this happens somebody else's turn
was stored, so of all who want to write a session one always gets on.
Not here: the fence (store/commits.py). Threads: the event loop, in turns of a session.
"""

import contextlib
from collections.abc import Awaitable, Callable
from typing import TypeVar

from omi_actors.errors import FencedError

R = TypeVar("R")

# A wearer's webhooks and a page's questions, at a few nodes at once, come second two or three times in a row.
_TRIES = 10


async def decide_anew_if_fenced(act: Callable[[], Awaitable[R]]) -> R:
    """Do it; look again, and do it again, while others write the session meanwhile.

    Raises:
        FencedError: they did so again and again.
    """
    for _ in range(_TRIES - 1):
        with contextlib.suppress(FencedError):
            return await act()
    return await act()
