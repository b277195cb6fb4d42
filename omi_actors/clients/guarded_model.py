"""A model behind a circuit breaker, which also knows how it fares: for the log, the metrics and /health.

Not here: the breaker (circuit.py), causes and fixes (domain/answers/failures.py), the models. Threads: the event loop.
"""

from dataclasses import dataclass

from omi_actors.clients.circuit import Circuit, CircuitMetrics
from omi_actors.clients.model import Model, ModelAnswer, OnText
from omi_actors.clock import Clock
from omi_actors.domain.answers.breaker import BreakerRules, BreakerState
from omi_actors.domain.answers.failures import Fault, find_fault, is_broken
from omi_actors.domain.answers.prompt import Prompt
from omi_actors.errors import UpstreamError
from omi_actors.instruments import metrics
from omi_actors.instruments.logs import get_logger

_log = get_logger(__name__)

# Seconds in which the same cause is logged once.
_LOG_AGAIN_S = 60.0


@dataclass(frozen=True, slots=True)
class ModelFailure:
    """The last failure: its class, its operator's fault, and whether no answer has come since."""

    error: str
    fault: Fault
    is_current: bool = True


class GuardedModel:
    """See the module. The same protocol as the model inside."""

    def __init__(self, model: Model, rules: BreakerRules, clock: Clock) -> None:
        self.provider = model.provider
        self.name = model.name
        self.last_failure: ModelFailure | None = None
        self._model = model
        self._clock = clock
        counted = CircuitMetrics(
            metrics.MODEL_BREAKER_STATE.labels(model.name),
            metrics.MODEL_BREAKER_OPENINGS.labels(model.name),
            metrics.MODEL_BREAKER_REFUSALS.labels(model.name),
        )
        self._circuit = Circuit(f"the model {model.name}", rules, clock, counted)
        self._logged_mono_s: dict[str, float] = {}

    @property
    def state(self) -> BreakerState:
        """The breaker's state."""
        return self._circuit.state

    @property
    def wait_s(self) -> float:
        """Seconds until it may be asked, 0 when that is now."""
        return self._circuit.wait_s

    async def load(self) -> object:
        """Get the model ready."""
        return await self._model.load()

    async def answer(self, prompt: Prompt, *, deadline_s: float, on_text: OnText | None = None) -> ModelAnswer:
        """Ask the model, unless it has just failed again and again; see `Model.answer`.

        Raises:
            CircuitOpenError: it was not asked.
        """
        asked_in = self._circuit.admit()
        try:
            answer = await self._model.answer(prompt, deadline_s=deadline_s, on_text=on_text)
        except UpstreamError as error:
            self._note_error(error, asked_in)
            raise
        except BaseException:
            self._circuit.note_nothing(asked_in)
            raise
        self._note_answer(asked_in)
        return answer

    async def close(self) -> None:
        """Close the model."""
        await self._model.close()

    def _note_error(self, error: UpstreamError, asked_in: int) -> None:
        now_mono_s = self._clock.mono_s()
        if is_broken(error):
            self._circuit.note_failure(asked_in)
        else:
            self._circuit.note_success(asked_in)
        fault = find_fault(error)
        self.last_failure = ModelFailure(type(error).__name__, fault)
        if now_mono_s - self._logged_mono_s.get(fault.cause, -_LOG_AGAIN_S) >= _LOG_AGAIN_S:
            self._logged_mono_s[fault.cause] = now_mono_s
            say = _log.error if fault.is_lasting else _log.info
            say(
                "model_failed",
                model=self.name,
                error=type(error).__name__,
                cause=fault.cause,
                reason=str(error),
                fix=fault.fix,
            )

    def _note_answer(self, asked_in: int) -> None:
        self._circuit.note_success(asked_in)
        failure = self.last_failure
        if failure is not None and failure.is_current:
            self.last_failure = ModelFailure(failure.error, failure.fault, is_current=False)
            if failure.fault.is_lasting:
                _log.info("model_answers_again", model=self.name, after=failure.fault.cause)
