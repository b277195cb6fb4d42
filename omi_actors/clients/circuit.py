"""A circuit: the breaker before one server, held over the calls to it, counted and logged.

Not here: the breaker's decisions (domain/answers/breaker.py), which failures count (its users). Threads: the event
loop.
"""

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
from omi_actors.errors import CircuitOpenError
from omi_actors.instruments.logs import get_logger

_log = get_logger(__name__)

_STATE_NUMBERS = {BreakerState.CLOSED: 0, BreakerState.HALF_OPEN: 1, BreakerState.OPEN: 2}


@dataclass(frozen=True, slots=True)
class CircuitMetrics:
    """What is counted of a circuit: its state as a number, its openings, the calls that were not made."""

    state: Gauge
    openings: Counter
    refusals: Counter


class Circuit:
    """See the module. `subject` says in logs and errors what is behind it."""

    def __init__(self, subject: str, rules: BreakerRules, clock: Clock, counted: CircuitMetrics) -> None:
        self._subject = subject
        self._rules = rules
        self._clock = clock
        self._counted = counted
        self._breaker = Breaker()
        counted.state.set(_STATE_NUMBERS[BreakerState.CLOSED])

    @property
    def state(self) -> BreakerState:
        """The breaker's state."""
        return self._breaker.state

    @property
    def wait_s(self) -> float:
        """Seconds until a call would be let through, 0 when that is now."""
        return wait_s(self._breaker, self._clock.mono_s(), self._rules)

    def admit(self) -> int:
        """Let a call through; its result goes to one of the methods below, with the number that is returned.

        Raises:
            CircuitOpenError: the call must not be made.
        """
        admission = admit(self._breaker, self._clock.mono_s(), self._rules)
        self._move(admission.breaker)
        if not admission.is_admitted:
            self._counted.refusals.inc()
            raise CircuitOpenError(
                f"{self._subject} has failed again and again and is not asked for a while",
                retry_after_s=admission.retry_after_s,
            )
        return admission.round

    def note_success(self, asked_in: int) -> None:
        """The server works."""
        self._move(note_success(self._breaker, asked_in))

    def note_failure(self, asked_in: int) -> None:
        """The server does not work."""
        self._move(note_failure(self._breaker, asked_in, self._clock.mono_s(), self._rules))

    def note_nothing(self, asked_in: int) -> None:
        """The call was given up, and says nothing."""
        self._move(note_nothing(self._breaker, asked_in, self._clock.mono_s()))

    def _move(self, after: Breaker) -> None:
        """Take a step of the breaker, and tell of a change of its state."""
        before, self._breaker = self._breaker, after
        if before.state is after.state:
            return
        self._counted.state.set(_STATE_NUMBERS[after.state])
        if after.openings > before.openings:
            self._counted.openings.inc()
        _log.warning("circuit", subject=self._subject, state=after.state.value, openings=after.openings)
