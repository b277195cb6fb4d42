"""An async turn: a coroutine that the kit itself runs step by step, which saves an asyncio task for each message.

Not here: the effects of its end (loop_actor.py), the futures that it awaits (future.py). Threads: the loop's.
"""

from asyncio import CancelledError
from collections.abc import Coroutine
from contextvars import Context
from typing import Any

from omi_actors.kit.future import Future, stepping


class AsyncTurn:
    """A coroutine that may await only the kit's futures. After its end, `value` or `error` is set."""

    __slots__ = ("_context", "_coroutine", "awaiting", "error", "value")

    def __init__(self, coroutine: Coroutine[Any, Any, Any], context: Context) -> None:
        self._coroutine = coroutine
        self._context = context
        self.awaiting: Future[Any] | None = None
        self.value: Any = None
        self.error: BaseException | None = None

    def step(self) -> bool:
        """Run until the coroutine ends (return True) or awaits an unsettled future (return False; see `awaiting`)."""
        self.awaiting = None
        try:
            awaited = self._context.run(self._send, None)
            if not isinstance(awaited, Future):
                awaited = self._context.run(self._throw, _not_ours(awaited))
            if not isinstance(awaited, Future):  # it caught the error and awaits a foreign object again
                self._coroutine.close()
                self.error = _not_ours(awaited)
                return True
        except StopIteration as end:
            self.value = end.value
            return True
        except BaseException as error:  # noqa: BLE001 (ends the turn, never the loop)
            self.error = error
            return True
        self.awaiting = awaited
        return False

    def cancel(self) -> None:
        """End the coroutine now: raise CancelledError where it waits, and close it if it ignores the error."""
        self.awaiting = None
        try:
            self._context.run(self._throw, CancelledError())
            self._coroutine.close()
        except BaseException as error:  # noqa: BLE001 (StopIteration, too: the coroutine has ended)
            self.error = error

    def _send(self, value: None) -> Any:
        stepping.on = True
        try:
            return self._coroutine.send(value)
        finally:
            stepping.on = False

    def _throw(self, error: BaseException) -> Any:
        stepping.on = True
        try:
            return self._coroutine.throw(error)
        finally:
            stepping.on = False


def _not_ours(awaited: object) -> TypeError:
    return TypeError(f"a turn may await the kit's futures only, not {type(awaited).__name__}: tell a task's result")
