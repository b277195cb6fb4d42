"""How a turn's error reaches who asked, and whether the actor dies of it.

Not here: the turns (loop_actor.py, thread_actor.py). Threads: any.
"""

from typing import Any

from omi_actors.errors import ActorUnavailableError, OmiError
from omi_actors.kit.future import Future


def is_reply(error: BaseException, reply_to: Future[Any] | None) -> bool:
    """Tell whether `error` is an answer (an expected failure, asked for) rather than a crash."""
    return reply_to is not None and isinstance(error, OmiError)


def fail_reply(reply_to: Future[Any] | None, kind: str, cause: BaseException | None) -> None:
    """Tell who asked, if anybody still waits, that the actor of this `kind` ended over it."""
    if reply_to is not None and not reply_to.done:
        error = ActorUnavailableError(f"this {kind} ended before it replied")
        error.__cause__ = cause
        reply_to.try_fail(error)
