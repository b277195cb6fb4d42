"""The pulse: whether the event loop is still there for others, asked at /livez five times a second.

Not here: what the webhooks take (traffic.py). Threads: one event loop.
"""

import asyncio

from omi_actors.clock import Clock
from scripts.lab.replay.http import ConnectionFailedError, HttpClient

_PERIOD_S = 0.2


class Pulse:
    """See the module. `beats_s` are the seconds of the replies that came."""

    def __init__(self, http: HttpClient, clock: Clock) -> None:
        self.beats_s: list[float] = []
        self._http = http
        self._clock = clock

    async def run(self) -> None:
        """Ask until cancelled; a server that is not there is others' business."""
        while True:
            began_mono_s = self._clock.mono_s()
            try:
                await self._http.request("GET", "/livez")
            except ConnectionFailedError:
                pass
            else:
                self.beats_s.append(self._clock.mono_s() - began_mono_s)
            await asyncio.sleep(_PERIOD_S)
