"""A circuit breaker around the calls to one server, with metrics and log lines.

Not here: the breaker's decisions (domain/answers/breaker.py), the calls (model_chain.py, omi_api.py). Threads: the
event loop.
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
    """The metrics of one circuit: state as a number, openings, refused calls."""

    state: Gauge
    openings: Counter
    refusals: Counter


class Circuit:
    """A breaker and the calls that go through it.

    Example:
        circuit = Circuit("Omi's API", BreakerRules(), clock, circuit_metrics, is_broken=is_broken)
        async with circuit.call():
            await api.notify(uid, text)
    """

    def __init__(
        self,
        subject: str,
        rules: BreakerRules,
        clock: Clock,
        circuit_metrics: CircuitMetrics,
        *,
        is_broken: Callable[[UpstreamError], bool],
    ) -> None:
        """`subject` names the server in logs and errors. `is_broken` tells if an error means a broken server."""
        self._subject = subject
        self._rules = rules
        self._clock = clock
        self._metrics = circuit_metrics
        self._is_broken = is_broken
        self._breaker = Breaker()
        circuit_metrics.state.set(_STATE_NUMBERS[BreakerState.CLOSED])

    @property
    def state(self) -> BreakerState:
        """The breaker's state."""
        return self._breaker.state

    @property
    def wait_s(self) -> float:
        """Seconds until a call is admitted, 0 when one is admitted now."""
        return wait_s(self._breaker, self._clock.mono_s(), self._rules)

    @contextlib.asynccontextmanager
    async def call(self) -> AsyncIterator[None]:
        """Admit one call, which the `async with` block makes, and count its result.

        If the block raises no error, or an error that a working server sent, the call counts as a success. If the block
        is cancelled, or raises an error other than UpstreamError, the call does not count.

        Raises:
            CircuitOpenError: the breaker refuses the call; the block is not entered.
        """
        round_number = self._admit()
        try:
            yield
        except UpstreamError as error:
            self._count(round_number, is_success=not self._is_broken(error))
            raise
        except BaseException:
            self._move(note_nothing(self._breaker, round_number, self._clock.mono_s()))
            raise
        self._count(round_number, is_success=True)

    def _admit(self) -> int:
        """Admit a call and return the breaker's round. The call's result counts only while this round lasts."""
        admission = admit(self._breaker, self._clock.mono_s(), self._rules)
        self._move(admission.breaker)
        if not admission.is_admitted:
            self._metrics.refusals.inc()
            raise CircuitOpenError(
                f"{self._subject} failed several times in a row and is paused",
                retry_after_s=admission.retry_after_s,
            )
        return admission.round

    def _count(self, round_number: int, *, is_success: bool) -> None:
        if is_success:
            self._move(note_success(self._breaker, round_number))
        else:
            self._move(note_failure(self._breaker, round_number, self._clock.mono_s(), self._rules))

    def _move(self, after: Breaker) -> None:
        """Set the breaker's new state; log and count a change of it."""
        before, self._breaker = self._breaker, after
        if before.state is after.state:
            return
        self._metrics.state.set(_STATE_NUMBERS[after.state])
        if after.openings > before.openings:
            self._metrics.openings.inc()
        _log.warning("circuit", subject=self._subject, state=after.state.value, openings=after.openings)
