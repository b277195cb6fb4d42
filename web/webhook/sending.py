"""Sending one webhook's messages to the system: in order, few at a time, reported once.

Not here: which messages (intake.py), the reply (webhook/request.py). Threads: the event loop.
"""

from collections.abc import Callable, Sequence

from omi_actors.actors.session.messages import Ingested, IngestSegments, KeepRaw
from omi_actors.clock import Clock
from omi_actors.instruments.logs import LogContext, reset_context, set_context
from omi_actors.kit.errors import AskTimeoutError
from omi_actors.kit.future import Future
from web.ports import System

# A slice with a question waits for its answer; those behind it need not. Few, so that one person's backlog does not
# fill that person's mailbox.
_WINDOW = 4


class Sending:
    """Sends until all is settled or one failed; then calls `on_done(replies, error)`, `replies` as far as they came.

    After a failure nothing more is sent, and what is under way is waited for: its answers must find their way back.
    """

    def __init__(
        self,
        system: System,
        messages: Sequence[IngestSegments | KeepRaw],
        context: LogContext,
        on_done: Callable[[list[Ingested], Exception | None], None],
    ) -> None:
        self._system = system
        self._messages = messages
        self._context = context
        self._on_done = on_done
        self._replies: list[Ingested | None] = [None] * len(messages)
        self._sent = 0
        self._open = 0
        self._error: Exception | None = None
        self._is_pumping = False

    def start(self, clock: Clock, timeout_s: float) -> None:
        """Begin; everything has `timeout_s` together."""
        self._clock = clock
        self._deadline_mono_s = clock.mono_s() + timeout_s
        self._pump()

    def _pump(self) -> None:
        self._is_pumping = True
        token = set_context(self._context)
        try:
            while self._sent < len(self._messages) and self._open < _WINDOW and self._error is None:
                self._send(self._sent)
        finally:
            reset_context(token)
            self._is_pumping = False
        if self._open == 0:
            self._on_done([reply for reply in self._replies if reply is not None], self._error)

    def _send(self, index: int) -> None:
        self._sent += 1
        left_s = self._deadline_mono_s - self._clock.mono_s()
        if left_s <= 0:
            self._error = AskTimeoutError("the webhook's time was over before all of it was sent")
            return
        message = self._messages[index]
        self._open += 1
        if isinstance(message, IngestSegments):
            reply = self._system.ingest(message, timeout_s=left_s)
        else:
            reply = self._system.keep_raw(message, timeout_s=left_s)
        reply.add_done_callback(lambda settled: self._settled(index, settled))

    def _settled(self, index: int, future: Future[Ingested]) -> None:
        self._open -= 1
        try:
            self._replies[index] = future.result()
        except Exception as error:  # noqa: BLE001 (handed on to the one place that answers)
            self._error = self._error or error
        if not self._is_pumping:
            self._pump()
