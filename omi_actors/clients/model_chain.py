"""Models in the order in which they are asked: the next one when one is broken, overloaded, unknown or set aside.

A question is answered once: an answer that comes when its model's time is over goes nowhere.
Not here: when another is asked, and for how long (domain/answers/patience.py); one model's breaker (model_chain.py).
Threads: the event loop.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from omi_actors.clients.circuit import Circuit, CircuitMetrics
from omi_actors.clients.model import Model, ModelAnswer, OnText
from omi_actors.clock import Clock
from omi_actors.domain.answers.breaker import BreakerRules, BreakerState
from omi_actors.domain.answers.failures import Fault, find_fault, is_broken
from omi_actors.domain.answers.patience import choose_failure, is_worth_asking, may_fall_back, share_s
from omi_actors.domain.answers.prompt import Prompt
from omi_actors.errors import CircuitOpenError, UpstreamError
from omi_actors.instruments import metrics
from omi_actors.instruments.logs import get_logger

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
        self._circuit = Circuit(f"the model {model.name}", rules, clock, counted, is_broken=is_broken)
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
        async with self._circuit.call():
            try:
                answer = await self._model.answer(prompt, deadline_s=deadline_s, on_text=on_text)
            except UpstreamError as error:
                self._note_error(error)
                raise
        self._note_answer()
        return answer

    async def close(self) -> None:
        """Close the model."""
        await self._model.close()

    def _note_error(self, error: UpstreamError) -> None:
        now_mono_s = self._clock.mono_s()
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

    def _note_answer(self) -> None:
        failure = self.last_failure
        if failure is not None and failure.is_current:
            self.last_failure = ModelFailure(failure.error, failure.fault, is_current=False)
            if failure.fault.is_lasting:
                _log.info("model_answers_again", model=self.name, after=failure.fault.cause)


_log = get_logger(__name__)


class ModelChain:
    """See the module. One model for its users; `models` is not empty, and the first is the one that is wanted."""

    def __init__(self, models: Sequence[GuardedModel], clock: Clock) -> None:
        self.models = tuple(models)
        self.provider = models[0].provider
        self.name = models[0].name
        self._clock = clock

    async def load(self) -> None:
        """Get all models ready."""
        for model in self.models:
            await model.load()

    async def answer(self, prompt: Prompt, *, deadline_s: float, on_text: OnText | None = None) -> ModelAnswer:
        """Ask one model after the other within `deadline_s` of all together; see `Model.answer`.

        Raises:
            CircuitOpenError: none of them may be asked now.
        """
        ends_mono_s = self._clock.mono_s() + deadline_s
        errors: list[UpstreamError] = []
        heard = _Heard(on_text)
        for number, model in enumerate(self.models, start=1):
            after = sum(other.wait_s == 0.0 for other in self.models[number:])
            left_s = ends_mono_s - self._clock.mono_s()
            if errors and not is_worth_asking(left_s, deadline_s):
                break
            try:
                return await _ask(model, prompt, share_s(left_s, after), heard)
            except UpstreamError as error:
                errors.append(error)
                if not may_fall_back(error):
                    break
                _note_fallback(error, model, self.models[number:])
        raise choose_failure(errors)

    async def close(self) -> None:
        """Close all models."""
        for model in self.models:
            await model.close()


class _Heard:
    """Passes on the pieces of one model at a time, and tells when they are void."""

    def __init__(self, on_text: OnText | None) -> None:
        self._on_text = on_text
        self._has_spoken = False
        self._speaker = 0

    def next_speaker(self) -> OnText | None:
        """Return what the next model speaks into; what earlier ones say from now on is not heard."""
        on_text = self._on_text
        if on_text is None:
            return None
        self._speaker += 1
        speaker = self._speaker
        if self._has_spoken:
            on_text("")
            self._has_spoken = False

        def hear(text: str) -> None:
            if speaker == self._speaker:
                self._has_spoken = True
                on_text(text)

        return hear

    def close(self) -> None:
        """Hear nobody any more."""
        self._speaker += 1


async def _ask(model: GuardedModel, prompt: Prompt, deadline_s: float, heard: _Heard) -> ModelAnswer:
    try:
        return await model.answer(prompt, deadline_s=deadline_s, on_text=heard.next_speaker())
    finally:
        heard.close()


def _note_fallback(error: UpstreamError, failed: GuardedModel, after: Sequence[GuardedModel]) -> None:
    if not after:
        return
    cause = "set_aside" if isinstance(error, CircuitOpenError) else find_fault(error).cause
    metrics.MODEL_FALLBACKS.labels(failed.name, cause).inc()
    _log.info("model_fell_back", model=failed.name, to=after[0].name, cause=cause)
