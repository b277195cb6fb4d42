"""A pacer whose tasks pass when the test lets them."""

import asyncio

from omi_actors.kit.pacer import Pacer


class HeldPacer(Pacer):
    """Lets no task pass before the test allows it."""

    def __init__(self):
        super().__init__()
        self.asked, self.may_go = asyncio.Event(), asyncio.Event()

    async def wait(self):
        self.asked.set()
        await self.may_go.wait()
