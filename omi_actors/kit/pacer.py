"""A pacer: lets one task go on in each iteration of the event loop; the other tasks follow in order.

One task with a millisecond of work delays no socket, but sixty such tasks in one iteration do.
Not here: actors, which runtime.py runs in slices; a limit on the number of tasks (a semaphore). Threads: the event
loop's.
"""

import asyncio
from collections import deque


class Pacer:
    """Lets one task pass in each iteration of the loop, in order of arrival. A task that is alone does not wait."""

    def __init__(self) -> None:
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._is_taken = False

    async def wait(self) -> None:
        """Return at once if no other task has passed in this iteration, else in a later one."""
        loop = asyncio.get_running_loop()
        if not self._is_taken:
            self._is_taken = True
            loop.call_soon(self._pass_on)
            return
        mine: asyncio.Future[None] = loop.create_future()
        self._waiting.append(mine)
        await mine

    def _pass_on(self) -> None:
        while self._waiting:
            following = self._waiting.popleft()
            if not following.done():  # its task may have been cancelled
                following.set_result(None)
                asyncio.get_running_loop().call_soon(self._pass_on)
                return
        self._is_taken = False
