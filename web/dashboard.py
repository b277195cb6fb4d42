"""The dashboard's document: built and encoded once a second for all open pages, and only while there are any.

Not here: its contents (omi_actors/status/), the HTTP stream (handlers/live.py). Threads: the event loop.
"""

import asyncio
import math
from itertools import count
from typing import Any

import msgspec

from omi_actors.clock import Clock
from omi_actors.errors import RateLimitedError
from omi_actors.instruments.logs import get_logger
from omi_actors.kit.errors import ExpectedError
from omi_actors.kit.pacer import Pacer
from omi_actors.status.requests import build_sections
from omi_actors.system import System
from web.pages.render import build_data
from web.problems import iso_time

_log = get_logger(__name__)

# Seconds between two documents, and the choices of a page: every one, or every fifth or fifteenth.
_PERIOD_S = 1.0
EVERY = (1, 5, 15)
# Seconds between two loads of the queue, and those for which a first one is waited for.
_QUEUE_S, _FIRST_QUEUE_S = 5.0, 0.3
# Documents that are built in a second for pages without a stream. A thousand of them ask 200 times.
_LOADS = 5
# A comment in the stream: the page hears from the server each second, whether or not it gets a document.
_BEAT = b":\n\n"


class Viewer:
    """One open page. It holds the latest event only: what a slow page has not read is replaced."""

    def __init__(self, every: int) -> None:
        self.every = every
        self.is_ended = False
        self._event = b""
        self._has_event = asyncio.Event()

    def put(self, event: bytes) -> None:
        """Replace the waiting event. A beat replaces no document."""
        if event is not _BEAT or not self._event:
            self._event = event
        self._has_event.set()

    def end(self) -> None:
        """End the stream."""
        self.is_ended = True
        self._has_event.set()

    async def wait(self) -> bytes:
        """Return the latest event; empty at the end, whatever waits."""
        await self._has_event.wait()
        if self.is_ended:
            return b""
        event, self._event = self._event, b""
        self._has_event.clear()
        return event


class Dashboard:
    """Builds the document, and gives it to all viewers.

    viewer = dashboard.open(every=1)
    event = await viewer.wait()
    dashboard.leave(viewer)
    """

    def __init__(self, system: System, clock: Clock, pacer: Pacer, *, max_viewers: int, slow_request_s: float) -> None:
        self._system = system
        self._clock = clock
        self._pacer = pacer
        self._max_viewers = max_viewers
        self._slow_request_s = slow_request_s
        self.period_s = _PERIOD_S
        self._viewers: set[Viewer] = set()
        self._task: asyncio.Task[None] | None = None
        # The latest document, while pages are open.
        self._latest = b""
        # The document of the latest request without a stream, its second, and the number of such requests in it.
        self._loaded, self._second, self._loads = b"", 0, 0
        # The section `queue`, the second of its load, and the load that is under way.
        self._queue: dict[str, Any] | None = None
        self._queue_mono_s = -math.inf
        self._loading: asyncio.Task[None] | None = None

    def open(self, every: int) -> Viewer:
        """Open a viewer, which gets a document at once, and then every `every` seconds.

        Raises:
            RateLimitedError: there are as many as the setting allows.
        """
        if len(self._viewers) >= self._max_viewers:
            raise RateLimitedError(
                f"{self._max_viewers} pages follow the dashboard already (DASHBOARD_STREAMS). Load data.json instead.",
                retry_after_s=15.0,
            )
        viewer = Viewer(every)
        self._viewers.add(viewer)
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="dashboard")
        elif self._latest:
            viewer.put(_event(self._latest))
        return viewer

    def leave(self, viewer: Viewer) -> None:
        """Remove a viewer. Without any, nothing is built."""
        viewer.end()
        self._viewers.discard(viewer)
        if not self._viewers and self._task is not None:
            self._task.cancel()
            self._task, self._latest = None, b""

    def close(self) -> None:
        """End all streams, since the server stops."""
        self._max_viewers = 0
        self._end_all()

    async def load(self) -> bytes:
        """Return the document: the latest one while streams are open, else a new one, a few times a second."""
        if self._latest:
            return self._latest
        second = int(self._clock.mono_s())
        self._loads = self._loads + 1 if second == self._second else 1
        self._second = second
        if self._loads <= _LOADS or not self._loaded:
            self._loaded = msgspec.json.encode(await self.build())
        return self._loaded

    async def build(self) -> dict[str, Any]:
        """Build the document."""
        await self._renew_queue()
        await self._pacer.wait()
        data = build_data(self._system.snapshot(), iso_time(self._clock.now_s()))
        data |= build_sections(self._slow_request_s)
        data["actors"] = self._system.actors.look()
        data["nodes"] = self._system.nodes.show() if self._system.nodes is not None else []
        if self._queue is not None:
            data["queue"] = self._queue
        return data

    def forget_queue(self) -> None:
        """Load the queue anew for the next document, since the operator has changed it."""
        self._queue_mono_s = -math.inf

    async def _renew_queue(self) -> None:
        """Begin to load the queue if it is old. Only a first load is waited for, since the store may be slow."""
        if self._loading is None and self._clock.mono_s() - self._queue_mono_s >= _QUEUE_S:
            self._loading = asyncio.create_task(self._load_queue(), name="dashboard queue")
        if self._loading is not None and self._queue is None:
            await asyncio.wait((self._loading,), timeout=_FIRST_QUEUE_S)

    async def _load_queue(self) -> None:
        self._queue_mono_s = self._clock.mono_s()
        try:
            self._queue = await self._system.queue_admin.show_queue(self._clock.now_s())
        except ExpectedError as error:
            # The page keeps the earlier counts, and says that they are old.
            if self._queue is not None:
                self._queue = self._queue | {"note": f"These counts are old: the store does not answer ({error})."}
        finally:
            self._loading = None

    async def _run(self) -> None:
        """Send documents until the last viewer leaves."""
        try:
            for round_number in count():
                began_s = self._clock.mono_s()
                self._latest = msgspec.json.encode(await self.build())
                self._send(_event(self._latest), round_number)
                await asyncio.sleep(max(0.0, self.period_s - (self._clock.mono_s() - began_s)))
        except Exception as error:  # noqa: BLE001 (a document that fails must not end in silence)
            _log.exception("dashboard_failed", error=type(error).__name__)
            self._end_all()

    def _end_all(self) -> None:
        for viewer in tuple(self._viewers):
            self.leave(viewer)

    def _send(self, event: bytes, round_number: int) -> None:
        for viewer in self._viewers:
            viewer.put(event if round_number % viewer.every == 0 else _BEAT)


def _event(document: bytes) -> bytes:
    return b"data: " + document + b"\n\n"
