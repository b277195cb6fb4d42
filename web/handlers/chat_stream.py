"""A chat's answer as a stream of events: `delta` while it is made, then `done` or `error`.

Not here: the question (chat/handler.py), the events' form (chat_replies.py). Threads: the event loop.
Source: server-sent events (HTML standard). No compression and no buffering: an event that waits for others is late.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import msgspec
from tornado.iostream import StreamClosedError

from omi_actors.actors.chat_messages import ChatAnswered, OnDelta
from omi_actors.errors import OmiError
from web.chat_replies import HEARTBEAT, answer_form, delta_event, event, failure_problem
from web.delta_buffer import DeltaBuffer
from web.problems import Problem, api_problem

if TYPE_CHECKING:
    from web.chat.handler import ChatHandler

Ask = Callable[[OnDelta], Awaitable[ChatAnswered]]


class EventStream:
    """One stream. It begins at once, with its headers; what fails after that is an event."""

    def __init__(self, handler: "ChatHandler") -> None:
        self._handler = handler
        self._heartbeat_s = handler.site.times.heartbeat_s

    async def run(self, ask: Ask, label: str) -> None:
        """Ask, pass on the pieces, and end the stream. A reader who takes nothing until the deadline is let go."""
        handler, deltas = self._handler, DeltaBuffer()
        handler.set_header("Content-Type", "text/event-stream; charset=utf-8")
        handler.set_header("X-Accel-Buffering", "no")
        handler.flush()
        asking = asyncio.ensure_future(ask(deltas.add))
        asking.add_done_callback(lambda _: deltas.end())
        try:
            async with asyncio.timeout(handler.site.times.chat_s * 2):
                await self._pump(deltas)
        except (StreamClosedError, TimeoutError):
            handler.close()
        await self._end(asking, label)

    async def _pump(self, deltas: DeltaBuffer) -> None:
        while not deltas.is_ended:
            try:
                async with asyncio.timeout(self._heartbeat_s):
                    await deltas.wait()
            except TimeoutError:
                await self._write(HEARTBEAT)
            for delta in deltas.take():
                await self._write(delta_event(delta))

    async def _write(self, data: bytes) -> None:
        self._handler.write(data)
        await self._handler.flush()

    async def _end(self, asking: Awaitable[ChatAnswered], label: str) -> None:
        handler = self._handler
        try:
            answered = await asking
        except OmiError as error:
            self._finish("error", self._problem(api_problem(error)))
            return
        if answered.is_failure:
            self._finish("error", self._problem(failure_problem(answered)))
        else:
            form = answer_form(answered, label=label, seconds=handler.seconds)
            self._finish("done", msgspec.json.encode(form))
        await handler.report(answered)

    def _finish(self, name: str, data: bytes) -> None:
        self._handler.finish(event(name, data))

    def _problem(self, problem: Problem) -> bytes:
        return self._handler.problem_json(problem)
