"""One connection's requests: Tornado's, with a look at each head before it is parsed.

Not here: what is wrong with a head (heads.py), how many there may be (listener.py). Threads: the event loop.
"""

import asyncio
from collections.abc import Callable

from tornado.http1connection import HTTP1Connection, HTTP1ServerConnection
from tornado.httputil import HTTPHeaders, HTTPInputError, HTTPServerConnectionDelegate
from tornado.iostream import StreamClosedError, UnsatisfiableReadError

from omi_actors.instruments.logs import get_logger
from web.door.heads import head_problem
from web.door.streams import DoorStream
from web.problems import Problem

_log = get_logger(__name__)


class DoorConnection(HTTP1Connection):
    """One request on its connection."""

    stream: DoorStream

    def when_over(self, callback: Callable[[], None]) -> None:
        """Call back when the request is answered, or its connection gone after its body was here."""
        self._finish_future.add_done_callback(lambda _: callback())

    def malformed(self, problem: Problem) -> HTTPInputError:
        """Return what to raise on a request that is refused for its form."""
        self.stream.problem = problem
        return HTTPInputError(problem.code)

    def _parse_headers(self, data: bytes) -> tuple[str, HTTPHeaders]:
        self.stream.head = data
        self.stream.is_answered = False
        problem = head_problem(data)
        if problem is not None:
            raise self.malformed(problem)
        return super()._parse_headers(data)


class Conversation(HTTP1ServerConnection):
    """A connection's requests, one after another."""

    async def _server_request_loop(self, delegate: HTTPServerConnectionDelegate) -> None:
        try:
            # Others take their turn between two requests that came together.
            while await self._serve_one(delegate):  # noqa: ASYNC110 (see above)
                await asyncio.sleep(0)
        finally:
            delegate.on_close(self)

    async def _serve_one(self, delegate: HTTPServerConnectionDelegate) -> bool:
        """Take one request; False when the connection is over."""
        connection = DoorConnection(self.stream, False, self.params, self.context)  # noqa: FBT003 (Tornado's order)
        try:
            return await connection.read_response(delegate.start_request(self, connection))
        except (StreamClosedError, UnsatisfiableReadError, asyncio.CancelledError):
            return False
        except Exception as error:  # noqa: BLE001 (one connection ends, the server goes on)
            _log.error("connection failed", error=type(error).__name__, exc_info=error)
            connection.close()
            return False
