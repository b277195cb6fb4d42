"""Turns that the test gives."""

import asyncio

from omi_actors.kit.turns import Turns


class HeldTurns(Turns):
    """Gives nobody a turn before it is told to."""

    def __init__(self):
        super().__init__()
        self.asked, self.may_go = asyncio.Event(), asyncio.Event()

    async def wait(self):
        self.asked.set()
        await self.may_go.wait()
