"""Taking turns: of the tasks that could go on in the same turn of the event loop, one does, the others after it.

Work of a millisecond is no stall; that of sixty tasks in one turn is one, for everybody else.
Not here: actors, whose mail is drained in slices (runtime.py); how many tasks there are (a semaphore's matter).
Threads: the event loop.
"""

import asyncio
from collections import deque


class Turns:
    """Lets one task a turn pass, in the order in which they came. One that is alone does not wait."""

    def __init__(self) -> None:
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._is_taken = False

    async def wait(self) -> None:
        """Return when it is this task's turn; at once, if no other has passed in this one."""
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
            if not following.done():  # cancelled meanwhile
                following.set_result(None)
                asyncio.get_running_loop().call_soon(self._pass_on)
                return
        self._is_taken = False
