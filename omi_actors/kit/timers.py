"""Timers of an actor: messages to come. Those of an incarnation that has ended are never told.

Not here: deadlines of asks (deadlines.py). Threads: the loop's.
"""

from omi_actors.kit.handle import Handle
from omi_actors.kit.runtime import TimerHandle


class Timers:
    """The timers of the incarnation that `own` has now. Messages go to `own` unless said otherwise."""

    __slots__ = ("_incarnation", "_own")

    def __init__(self, own: Handle) -> None:
        self._own = own
        self._incarnation = own.actor

    def after(self, delay_s: float, message: object, *, to: Handle | None = None) -> TimerHandle:
        """Tell `message` once, after `delay_s`. A full mailbox takes it all the same: a deadline must not get lost."""
        target = to or self._own

        def fire() -> None:
            if self._is_current():
                target.tell_always(message)

        return self._own.runtime.call_later(delay_s, fire)

    def every(self, period_s: float, message: object, *, to: Handle | None = None) -> TimerHandle:
        """Tell `message` again and again, first after one period. A full mailbox misses one, which is counted."""
        target = to or self._own
        runtime = self._own.runtime

        def fire() -> None:
            if self._is_current():
                runtime.rearm(timer, period_s, fire)
                target.tell(message)

        timer = runtime.call_later(period_s, fire)
        return timer

    def _is_current(self) -> bool:
        return self._own.actor is self._incarnation
