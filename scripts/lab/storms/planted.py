"""Planted faults: each takes one safeguard out of the product, so that a storm can show that it would find it.

Not here: single operators and constants (scripts/lab/mutants/). Threads: the main one; the product is restored at the
end of the block.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import wraps
from typing import Any

from omi_actors.kit.loop_actor import LoopActor
from omi_actors.store import answers, notifications
from omi_actors.store.transaction import Transaction


def _lose_wake_up(stack: ExitStack) -> None:
    """After an async turn that failed, the actor does not look at its mailbox again."""

    def end_turn(self: Any, value: Any, error: BaseException | None) -> None:
        if error is not None:
            self._turn_failed(error)
        else:
            ended(self, value, error)

    ended = LoopActor._turn_ended  # noqa: SLF001 (the fault is planted there)
    put(stack, LoopActor, "_turn_ended", end_turn)


def _leave_out_fence(stack: ExitStack) -> None:
    """A step of a delivery is made from any state, so that a reply and a notification may both take an answer."""
    fence = "state IN (?, ?, ?, ?)"
    assert fence in answers.CHANGE.one  # noqa: S101 (else nothing is planted)
    one = answers.CHANGE.one.replace(fence, "'' NOT IN (?, ?, ?, ?)")
    put(stack, answers, "CHANGE", replace(answers.CHANGE, one=one))


def _store_intent_late(stack: ExitStack) -> None:
    """The intent to notify is stored after the call of Omi's API, together with its result."""
    begin, end = notifications.begin_notification, notifications.end_notification

    @wraps(begin)
    def begin_without_intent(tx: Transaction, *, delivery_id: str, **given: Any) -> Any:
        begun = begin(tx, delivery_id=delivery_id, **given)
        if begun.text is not None:
            tx.run("UPDATE delivery SET state = 'pending' WHERE id = ?", (delivery_id,))
            tx.run("DELETE FROM notification_event WHERE delivery_id = ?", (delivery_id,))
        return begun

    @wraps(end)
    def end_with_intent(tx: Transaction, ended: Any) -> None:
        tx.run("UPDATE delivery SET state = 'sending' WHERE id = ? AND state = 'pending'", (ended.delivery_id,))
        end(tx, ended)

    put(stack, notifications, "begin_notification", begin_without_intent)
    put(stack, notifications, "end_notification", end_with_intent)


PLANTS: Mapping[str, Callable[[ExitStack], None]] = {
    "lost-wake-up": _lose_wake_up,
    "fence-left-out": _leave_out_fence,
    "intent-late": _store_intent_late,
}


def put(stack: ExitStack, place: Any, name: str, value: object) -> None:
    """Put `value` in the place of an attribute until the stack is closed."""
    stack.callback(setattr, place, name, getattr(place, name))
    setattr(place, name, value)


@contextmanager
def planted(name: str) -> Iterator[None]:
    """Plant a fault until the block ends; "" plants none."""
    with ExitStack() as stack:
        if name:
            PLANTS[name](stack)
        yield
