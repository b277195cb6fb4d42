"""The life of an incarnation: start, stop within the shutdown timeout, end.

Not here: the decision to start or stop (supervisor.py, dynamic_supervisor.py). Threads: the loop's.
"""

from dataclasses import dataclass
from functools import partial

import structlog

from omi_actors.kit.future import Future
from omi_actors.kit.handle import Handle
from omi_actors.kit.mailbox import Refusal
from omi_actors.kit.messages import Control
from omi_actors.kit.spec import ChildState, Incarnation

_log = structlog.stdlib.get_logger(__name__)

LIVE_STATES = (ChildState.STARTING, ChildState.RUNNING)


@dataclass(frozen=True, slots=True)
class ChildExited(Control):
    """Message to the supervisor: incarnation number `generation` ended, normally (`error` is None) or by a crash."""

    handle: Handle
    generation: int
    error: BaseException | None


def start(handle: Handle, parent: Handle | None) -> None:
    """Build and start the next incarnation. Every failure is reported as a crash."""
    handle.generation += 1
    handle.parent = parent
    handle.state = ChildState.STARTING
    handle.mailbox.reopen()
    handle.runtime.hooks.started(handle.kind, is_restart=handle.crashed_at_s is not None)
    try:
        actor = handle.actor = handle.spec.build()
        actor.attach(handle)
        handle.mailbox.attach(actor)
        actor.begin()
    except BaseException as error:  # noqa: BLE001 (a constructor must not end the supervisor, let alone the process)
        _end(handle, error)


def running(handle: Handle, actor: Incarnation) -> None:
    """Record that the start hook has succeeded."""
    if handle.actor is not actor:
        return
    handle.state = ChildState.RUNNING
    if handle.crashed_at_s is not None:
        handle.runtime.hooks.recovered(handle.kind, handle.runtime.clock.mono_s() - handle.crashed_at_s)
        handle.crashed_at_s = None


def exited(handle: Handle, actor: Incarnation, error: BaseException | None) -> None:
    """Record that `actor` has ended, by a crash if there is an `error`.

    If it was fenced before, only count one zombie thread less (a thread that outlived its shutdown timeout).
    """
    if handle.actor is not actor:
        handle.runtime.zombies.remove()
        return
    _end(handle, error)


def stop(handle: Handle, *, drain: bool) -> Future[None]:
    """Stop the current incarnation. The returned future settles at its end, at the latest after its shutdown timeout.

    With `drain` the mailbox closes, and the waiting mail is handled first. Otherwise it stays for the next incarnation.
    """
    if drain:
        handle.mailbox.close(Refusal.STOPPED)
    actor = handle.actor
    if actor is None:
        ended: Future[None] = Future()
        ended.set(None)
        return ended
    if handle.stopping is None:
        handle.stopping = Future()
        overdue = partial(_overdue, handle, actor)
        timer = handle.runtime.call_later(handle.spec.shutdown_timeout_s, overdue)
        handle.stopping.add_done_callback(lambda _: timer.cancel())
    stopping = handle.stopping
    if not drain:
        actor.halt()
    return stopping


def fence(handle: Handle, actor: Incarnation) -> None:
    """Fence an `actor` whose thread does not end: it gets no more mail, and its end, if it comes, is ignored."""
    if handle.actor is not actor:
        return
    handle.runtime.zombies.add()
    _log.error("actor thread outlived its shutdown timeout", kind=handle.kind, actor=handle.name)
    _end(handle, None)


def retire(handle: Handle, refusal: Refusal) -> None:
    """Close the mailbox, for good or for a quarantine, and reject the mail in it."""
    handle.mailbox.close(refusal)
    handle.state = ChildState.QUARANTINED if refusal is Refusal.QUARANTINED else ChildState.STOPPED
    for envelope in handle.mailbox.clear():
        handle.reject(envelope, refusal)


def _overdue(handle: Handle, actor: Incarnation) -> None:
    if handle.actor is actor:
        actor.abandon()


def _end(handle: Handle, error: BaseException | None) -> None:
    handle.actor = None
    handle.mailbox.attach(None)
    handle.runtime.hooks.ended(handle.kind)
    if error is not None:
        if handle.crashed_at_s is None:
            handle.crashed_at_s = handle.runtime.clock.mono_s()
        handle.runtime.hooks.crashed(handle.kind)
        handle.runtime.crash_log.write(handle.kind, handle.name, error)
        if handle.state is ChildState.STARTING and handle.runtime.on_start_failed is not None:
            handle.runtime.on_start_failed(handle.kind, error)
    if handle.stopping is not None:
        stopping, handle.stopping = handle.stopping, None
        stopping.set(None)
    elif handle.parent is not None:
        handle.parent.tell(ChildExited(handle, handle.generation, error))
