"""A circuit breaker held over the calls to one server, counted and logged: `async with circuit.call():`.

Not here: the breaker's decisions (domain/answers/breaker.py), the calls (its users). Threads: the event loop.
"""

import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from prometheus_client import Counter, Gauge

from omi_actors.clock import Clock
from omi_actors.domain.answers.breaker import (
    Breaker,
    BreakerRules,
    BreakerState,
    admit,
    note_failure,
    note_nothing,
    note_success,
    wait_s,
)
from omi_actors.errors import CircuitOpenError, UpstreamError
from omi_actors.instruments.logs import get_logger

_log = get_logger(__name__)

_STATE_NUMBERS = {BreakerState.CLOSED: 0, BreakerState.HALF_OPEN: 1, BreakerState.OPEN: 2}


@dataclass(frozen=True, slots=True)
class CircuitMetrics:
    """The metrics of one circuit: its state as a number, its openings, and the calls that it refused."""

    state: Gauge
    openings: Counter
    refusals: Counter


class Circuit:
    """A breaker and the calls that go through it.

    Example:
        circuit = Circuit("Omi's API", BreakerRules(), clock, counted, is_broken=is_broken)
        async with circuit.call():
            await api.notify(uid, text)
    """

    def __init__(
        self,
        subject: str,
        rules: BreakerRules,
        clock: Clock,
        counted: CircuitMetrics,
        *,
        is_broken: Callable[[UpstreamError], bool],
    ) -> None:
        """`subject` names the server in logs and errors. `is_broken` tells whether an error shows a broken server."""
        self._subject = subject
        self._rules = rules
        self._clock = clock
        self._counted = counted
        self._is_broken = is_broken
        self._breaker = Breaker()
        counted.state.set(_STATE_NUMBERS[BreakerState.CLOSED])

    @property
    def state(self) -> BreakerState:
        """The breaker's state."""
        return self._breaker.state

    @property
    def wait_s(self) -> float:
        """Seconds until a call would be let through, 0 when it would be now."""
        return wait_s(self._breaker, self._clock.mono_s(), self._rules)

    @contextlib.asynccontextmanager
    async def call(self) -> AsyncIterator[None]:
        """Let the block make one call, and count how it ends.

        A block without an error is a success, and so is an error of a server that works. A block that is cancelled, or
        that fails for another reason, says nothing about the server.

        Raises:
            CircuitOpenError: the call must not be made; the block is not entered.
        """
        asked_in = self._admit()
        try:
            yield
        except UpstreamError as error:
            self._count(asked_in, is_success=not self._is_broken(error))
            raise
        except BaseException:
            self._move(note_nothing(self._breaker, asked_in, self._clock.mono_s()))
            raise
        self._count(asked_in, is_success=True)

    def _admit(self) -> int:
        """Return the number of the breaker's round, which goes with the result."""
        admission = admit(self._breaker, self._clock.mono_s(), self._rules)
        self._move(admission.breaker)
        if not admission.is_admitted:
            self._counted.refusals.inc()
            raise CircuitOpenError(
                f"{self._subject} has failed several times in a row and is not asked for a while",
                retry_after_s=admission.retry_after_s,
            )
        return admission.round

    def _count(self, asked_in: int, *, is_success: bool) -> None:
        if is_success:
            self._move(note_success(self._breaker, asked_in))
        else:
            self._move(note_failure(self._breaker, asked_in, self._clock.mono_s(), self._rules))

    def _move(self, after: Breaker) -> None:
        """Set the breaker's new state; log and count a change."""
        before, self._breaker = self._breaker, after
        if before.state is after.state:
            return
        self._counted.state.set(_STATE_NUMBERS[after.state])
        if after.openings > before.openings:
            self._counted.openings.inc()
        _log.warning("circuit", subject=self._subject, state=after.state.value, openings=after.openings)
