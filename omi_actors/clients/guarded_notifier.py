"""A notifier behind a circuit breaker.

Not here: the breaker (circuit.py), Omi's API (omi_api.py), what a job does meanwhile (jobs/notify.py).
Threads: the event loop.
"""

from omi_actors.clients.circuit import Circuit, CircuitMetrics
from omi_actors.clients.notifier import Notifier
from omi_actors.clock import Clock
from omi_actors.domain.answers.breaker import BreakerRules, BreakerState
from omi_actors.errors import UpstreamError, UpstreamRejectedError
from omi_actors.instruments import metrics


class GuardedNotifier:
    """See the module. The same protocol as the notifier inside."""

    def __init__(self, notifier: Notifier, rules: BreakerRules, clock: Clock) -> None:
        self._notifier = notifier
        counted = CircuitMetrics(
            metrics.NOTIFY_BREAKER_STATE, metrics.NOTIFY_BREAKER_OPENINGS, metrics.NOTIFY_BREAKER_REFUSALS
        )
        self._circuit = Circuit("Omi's API", rules, clock, counted)

    @property
    def per_hour(self) -> int:
        """See `Notifier`."""
        return self._notifier.per_hour

    @property
    def state(self) -> BreakerState:
        """The breaker's state."""
        return self._circuit.state

    @property
    def wait_s(self) -> float:
        """Seconds until a notification may be tried, 0 when that is now."""
        return self._circuit.wait_s

    async def notify(self, uid: str, text: str) -> None:
        """Notify, unless Omi's API has just failed again and again; see `Notifier.notify`.

        Raises:
            CircuitOpenError: it was not asked, and nothing was sent.
        """
        asked_in = self._circuit.admit()
        try:
            await self._notifier.notify(uid, text)
        except UpstreamRejectedError:
            # It works, and says no: to this wearer, or to a setting.
            self._circuit.note_success(asked_in)
            raise
        except UpstreamError:
            self._circuit.note_failure(asked_in)
            raise
        except BaseException:
            self._circuit.note_nothing(asked_in)
            raise
        self._circuit.note_success(asked_in)

    async def close(self) -> None:
        """Close the notifier."""
        await self._notifier.close()
