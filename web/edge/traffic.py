"""Requests under way: how many, which bodies are slow, and when all are done.

Not here: what a request is (handlers). Threads: the event loop.
"""

import asyncio
from typing import Protocol

from omi_actors.clock import Clock


class SlowBody(Protocol):
    """A request whose body is still arriving."""

    def give_up(self) -> None:
        """Close the connection: the body's time is over."""
        ...


class Traffic:
    """Counts requests under way and watches over bodies. One timer for all: a timer each would cost more than parsing.

    `is_draining` is set once, by `drain`: replies then ask their connections to close.
    """

    def __init__(self, clock: Clock, body_timeout_s: float) -> None:
        self._clock = clock
        self._body_timeout_s = body_timeout_s
        # In the order of their beginning; values are monotonic seconds.
        self._bodies: dict[SlowBody, float] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._idle: asyncio.Event | None = None
        self.active = 0
        self.is_draining = False

    def begin(self) -> None:
        """A request's headers are here."""
        self.active += 1

    def end(self) -> None:
        """A request is answered, or its connection is gone."""
        self.active -= 1
        if self._idle is not None and not self.active:
            self._idle.set()

    def body_begins(self, body: SlowBody) -> None:
        """Watch over a body that may still be arriving."""
        self._bodies[body] = self._clock.mono_s()
        if self._timer is None:
            self._wait(self._body_timeout_s)

    def body_ends(self, body: SlowBody) -> None:
        """Stop watching it. Allowed for one that is not watched."""
        self._bodies.pop(body, None)

    async def drain(self, grace_s: float) -> bool:
        """Wait until nothing is under way; False if something still was after `grace_s` seconds."""
        self.is_draining = True
        if not self.active:
            return True
        self._idle = asyncio.Event()
        try:
            await asyncio.wait_for(self._idle.wait(), grace_s)
        except TimeoutError:
            return False
        return True

    def close(self) -> None:
        """Stop the timer; the loop is about to end."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _wait(self, seconds: float) -> None:
        self._timer = asyncio.get_running_loop().call_later(seconds, self._sweep)

    def _sweep(self) -> None:
        self._timer = None
        now = self._clock.mono_s()
        overdue = []
        for body, since in self._bodies.items():
            left_s = since + self._body_timeout_s - now
            if left_s > 0:
                self._wait(left_s)
                break
            overdue.append(body)
        for body in overdue:
            del self._bodies[body]
            body.give_up()
