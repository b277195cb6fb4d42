"""The event stream of a completion. Its status is decided with the first piece, so that an early failure has its own.

OpenAI's wire cannot take text back: if a model begins its answer anew after its first words were sent, the stream ends
with an error. Not here: the events of each address (chat.py). Threads: the event loop.
"""

import asyncio
from typing import Protocol

from tornado.iostream import StreamClosedError

from omi_actors.clients.model import ModelAnswer
from omi_actors.domain.answers.completions import Completion
from omi_actors.kit.errors import ExpectedError
from web.handlers.chat import Delta, DeltaBuffer
from web.handlers.event_stream import HEARTBEAT, set_stream_headers
from web.openai.base import CompletionHandler
from web.problems import Problem

# A client that has read nothing for so many times the longest completion is cut off.
_PATIENCE = 2
_BEGAN_ANEW = Problem(502, "upstream_failed", "The model broke off and began its answer anew.", "Ask again.")


class Events(Protocol):
    """The events of one completion, as bytes."""

    def begin(self) -> bytes:
        """Return what comes before the first piece."""
        ...

    def piece(self, text: str) -> bytes:
        """Return a piece of the answer."""
        ...

    def end(self, answer: ModelAnswer) -> bytes:
        """Return what follows the last piece of the text."""
        ...

    def fail(self, error: bytes) -> bytes:
        """Return the end of a stream that fails; `error` is its body in JSON."""
        ...


class CompletionStream:
    """One stream. `run` raises the errors that come before its first byte."""

    def __init__(self, handler: CompletionHandler, events: Events) -> None:
        self._handler = handler
        self._events = events
        self._deltas = DeltaBuffer()
        self._has_begun = False
        self._sent = ""

    async def run(self, asked: Completion) -> ModelAnswer | None:
        """Ask, forward the pieces, end the stream. Return the answer if all of it was sent."""
        handler = self._handler
        asking = asyncio.ensure_future(_wait_for(handler.complete(asked, self._deltas.add)))
        asking.add_done_callback(lambda _: self._deltas.end())
        try:
            async with asyncio.timeout(handler.site.times.completion_s * _PATIENCE):
                is_whole = await self._pump()
                return await self._end(await asking) if is_whole else None
        except (StreamClosedError, TimeoutError):
            handler.leave()
            handler.close()
        except ExpectedError as error:
            if not self._has_begun and not handler.is_gone:
                raise
            self._fail(handler.explain(error))
        finally:
            asking.cancel()
        return None

    async def _pump(self) -> bool:
        """Send the pieces. Return False if the answer began anew and the stream has ended for that."""
        deltas = self._deltas
        while not deltas.is_ended:
            try:
                async with asyncio.timeout(self._handler.site.times.heartbeat_s):
                    await deltas.wait()
            except TimeoutError:
                await self._write(self._open() + HEARTBEAT)
            for delta in deltas.take():
                if delta.is_anew and self._sent:
                    self._handler.leave()
                    self._fail(_BEGAN_ANEW)
                    return False
                await self._send(delta)
        return True

    async def _send(self, delta: Delta) -> None:
        text = delta.text if self._sent else delta.text.lstrip()
        if text:
            self._sent += text
            await self._write(self._open() + self._events.piece(text))

    async def _end(self, answer: ModelAnswer) -> ModelAnswer | None:
        """Send what is missing of the text, and the end."""
        if answer.text.startswith(self._sent):
            await self._send(Delta(answer.text[len(self._sent) :], is_anew=False))
        elif self._sent.rstrip() != answer.text:
            self._fail(_BEGAN_ANEW)
            return None
        await self._write(self._open() + self._events.end(answer))
        self._handler.finish()
        return answer

    def _open(self) -> bytes:
        """Return the beginning, once."""
        if self._has_begun:
            return b""
        self._has_begun = True
        set_stream_headers(self._handler)
        return self._events.begin()

    async def _write(self, data: bytes) -> None:
        self._handler.write(data)
        await self._handler.flush()

    def _fail(self, problem: Problem) -> None:
        self._handler.finish(self._events.fail(self._handler.problem_json(problem)))


async def _wait_for(answer: object) -> ModelAnswer:
    return await answer  # type: ignore[misc,no-any-return]


def event(data: bytes, name: str = "") -> bytes:
    """Return one event; `data` is a line of JSON."""
    return (b"event: %s\n" % name.encode() if name else b"") + b"data: %s\n\n" % data
