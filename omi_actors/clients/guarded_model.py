"""A model behind a circuit breaker, which also knows how it fares: for the log, the metrics and /health.

Not here: the breaker's decisions (domain/breaker.py), causes and fixes (domain/model_faults.py), the models.
Threads: the event loop.
"""

from dataclasses import dataclass

from omi_actors.clients.model import Model, ModelAnswer, OnText
from omi_actors.clock import Clock
from omi_actors.domain.breaker import (
    Breaker,
    BreakerRules,
    BreakerState,
    admit,
    note_failure,
    note_nothing,
    note_success,
)
from omi_actors.domain.model_faults import Fault, find_fault, is_broken
from omi_actors.domain.prompt import Prompt
from omi_actors.errors import CircuitOpenError, UpstreamError
from omi_actors.instruments import metrics
from omi_actors.instruments.logs import get_logger

_log = get_logger(__name__)

# Seconds in which the same cause is logged once.
_LOG_AGAIN_S = 60.0
_STATE_NUMBERS = {BreakerState.CLOSED: 0, BreakerState.HALF_OPEN: 1, BreakerState.OPEN: 2}


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
        self._rules = rules
        self._clock = clock
        self._breaker = Breaker()
        self._logged_mono_s: dict[str, float] = {}

    @property
    def state(self) -> BreakerState:
        """The breaker's state."""
        return self._breaker.state

    async def load(self) -> object:
        """Get the model ready."""
        return await self._model.load()

    async def answer(self, prompt: Prompt, *, deadline_s: float, on_text: OnText | None = None) -> ModelAnswer:
        """Ask the model, unless it has just failed again and again; see `Model.answer`.

        Raises:
            CircuitOpenError: it was not asked.
        """
        asked_in = self._admit()
        try:
            answer = await self._model.answer(prompt, deadline_s=deadline_s, on_text=on_text)
        except UpstreamError as error:
            self._note_error(error, asked_in)
            raise
        except BaseException:
            self._move(note_nothing(self._breaker, asked_in, self._clock.mono_s()))
            raise
        self._note_answer(asked_in)
        return answer

    async def close(self) -> None:
        """Close the model."""
        await self._model.close()

    def _admit(self) -> int:
        admission = admit(self._breaker, self._clock.mono_s(), self._rules)
        self._move(admission.breaker)
        if not admission.is_admitted:
            metrics.MODEL_BREAKER_REFUSALS.inc()
            raise CircuitOpenError(
                "the model has failed again and again and is not asked for a while",
                retry_after_s=admission.retry_after_s,
            )
        return admission.round

    def _note_error(self, error: UpstreamError, asked_in: int) -> None:
        now_mono_s = self._clock.mono_s()
        if is_broken(error):
            self._move(note_failure(self._breaker, asked_in, now_mono_s, self._rules))
        else:
            self._move(note_success(self._breaker, asked_in))
        fault = find_fault(error)
        self.last_failure = ModelFailure(type(error).__name__, fault)
        if now_mono_s - self._logged_mono_s.get(fault.cause, -_LOG_AGAIN_S) >= _LOG_AGAIN_S:
            self._logged_mono_s[fault.cause] = now_mono_s
            say = _log.error if fault.is_lasting else _log.info
            say("model_failed", error=type(error).__name__, cause=fault.cause, reason=str(error), fix=fault.fix)

    def _note_answer(self, asked_in: int) -> None:
        self._move(note_success(self._breaker, asked_in))
        failure = self.last_failure
        if failure is not None and failure.is_current:
            self.last_failure = ModelFailure(failure.error, failure.fault, is_current=False)
            if failure.fault.is_lasting:
                _log.info("model_answers_again", after=failure.fault.cause)

    def _move(self, after: Breaker) -> None:
        """Take a step of the breaker, and tell of a change of its state."""
        before, self._breaker = self._breaker, after
        if before.state is after.state:
            return
        metrics.MODEL_BREAKER_STATE.set(_STATE_NUMBERS[after.state])
        if after.openings > before.openings:
            metrics.MODEL_BREAKER_OPENINGS.inc()
        _log.warning("model_breaker", state=after.state.value, openings=after.openings)
