"""Models behind circuit breakers, asked in their order until one answers.

Not here: deciding about fallback and shares of the deadline (domain/answers/patience.py), the breaker's decisions
(domain/answers/breaker.py).
Threads: the event loop.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from omi_actors.clients.circuit import Circuit, CircuitMetrics
from omi_actors.clients.model import Model, ModelAnswer, OnText
from omi_actors.clock import Clock
from omi_actors.domain.answers.breaker import BreakerRules
from omi_actors.domain.answers.failures import Fault, find_fault, is_broken
from omi_actors.domain.answers.patience import choose_failure, is_worth_asking, may_fall_back, share_s
from omi_actors.domain.answers.prompt import Prompt
from omi_actors.errors import CircuitOpenError, UpstreamError
from omi_actors.instruments import metrics
from omi_actors.instruments.logs import get_logger

_log = get_logger(__name__)

# Seconds in which one cause is logged once.
_LOG_AGAIN_S = 60.0
# Causes of failures that end when the model's server is reached again with our address and key.
_SHOWN_BY_CHECK = frozenset(
    ("unavailable", "invalid_api_key", "wrong_address", "redirected", "unreadable_reply", "place_refused")
)
# Causes that a later question need not meet, and the seconds after which they are forgotten.
_PASSING = frozenset(("timeout", "busy"))
_PASSED_S = 60.0


@dataclass(frozen=True, slots=True)
class ModelFailure:
    """The last failure: class, explanation for the operator (`fault`), and whether it is newer than the last answer.

    `since_mono_s` is the time of the first failure since the last answer, `last_mono_s` of the latest, `count` their
    number. `reason` is the latest one in our own words.
    """

    error: str
    fault: Fault
    is_current: bool = True
    since_mono_s: float = 0.0
    last_mono_s: float = 0.0
    count: int = 1
    reason: str = ""


class GuardedModel:
    """A model behind a circuit breaker. It logs failures and keeps the last one.

    Example:
        model = GuardedModel(OpenAIModel(...), BreakerRules(failures=5), clock)
        answer = await model.answer(prompt, deadline_s=12.0)  # CircuitOpenError during the breaker's pause
    """

    def __init__(self, model: Model, rules: BreakerRules, clock: Clock) -> None:
        self.provider = model.provider
        self.name = model.name
        self.last_failure: ModelFailure | None = None
        self._model = model
        self._clock = clock
        circuit_metrics = CircuitMetrics(
            metrics.MODEL_BREAKER_STATE.labels(model.name),
            metrics.MODEL_BREAKER_OPENINGS.labels(model.name),
            metrics.MODEL_BREAKER_REFUSALS.labels(model.name),
        )
        self.circuit = Circuit(f"the model {model.name}", rules, clock, circuit_metrics, is_broken=is_broken)
        self._logged_mono_s: dict[str, float] = {}
        self._has_answered = False

    async def load(self) -> object:
        """Load the model."""
        return await self._model.load()

    async def check(self) -> bool:
        """Check the model, and log the result; see `Model.check`. A failure is kept like one of a question."""
        try:
            is_reached = await self._model.check()
        except UpstreamError as error:
            if self._has_answered:  # which proves more
                return True
            self._note_error(error)
            raise
        if is_reached:
            _log.info("model_reached", model=self.name)
        return is_reached

    async def recheck(self) -> None:
        """End a failure that is over, though no question has shown it yet: the server is reached, or asks for nothing.

        Only an answer ends a failure that a list of models says nothing about, such as a spent credit.
        """
        failure = self.last_failure
        if failure is None or not failure.is_current:
            return
        if failure.fault.cause in _PASSING:
            is_over = self._clock.mono_s() - failure.last_mono_s > _PASSED_S
        else:
            is_over = failure.fault.cause in _SHOWN_BY_CHECK and await self._is_reached()
        if is_over and self.last_failure is failure:
            self.last_failure = replace(failure, is_current=False)

    async def _is_reached(self) -> bool:
        try:
            return await self._model.check()
        except UpstreamError:
            return False

    async def answer(self, prompt: Prompt, *, deadline_s: float, on_text: OnText | None = None) -> ModelAnswer:
        """Ask the model, unless its breaker is open; see `Model.answer`.

        Raises:
            CircuitOpenError: the breaker is open, and the model was not asked.
        """
        async with self.circuit.call():
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
        before = self.last_failure if self.last_failure is not None and self.last_failure.is_current else None
        since_mono_s, count = (before.since_mono_s, before.count + 1) if before is not None else (now_mono_s, 1)
        self.last_failure = ModelFailure(
            type(error).__name__,
            fault,
            since_mono_s=since_mono_s,
            last_mono_s=now_mono_s,
            count=count,
            reason=str(error),
        )
        if now_mono_s - self._logged_mono_s.get(fault.cause, -_LOG_AGAIN_S) >= _LOG_AGAIN_S:
            self._logged_mono_s[fault.cause] = now_mono_s
            log = _log.error if fault.is_lasting else _log.info
            log(
                "model_failed",
                model=self.name,
                error=type(error).__name__,
                cause=fault.cause,
                reason=str(error),
                fix=fault.fix,
            )

    def _note_answer(self) -> None:
        self._has_answered = True
        failure = self.last_failure
        if failure is not None and failure.is_current:
            self.last_failure = replace(failure, is_current=False)
            if failure.fault.is_lasting:
                _log.info("model_answers_again", model=self.name, after=failure.fault.cause)


class ModelChain:
    """Several models that act as one: the next is asked when one is broken, overloaded, unknown or paused.

    `models` is not empty; the first is preferred. Each question has one answer: output of a model after its
    share of the deadline is ignored.
    """

    def __init__(self, models: Sequence[GuardedModel], clock: Clock) -> None:
        self.models = tuple(models)
        self.provider = models[0].provider
        self.name = models[0].name
        self._clock = clock

    async def load(self) -> None:
        """Load all models."""
        for model in self.models:
            await model.load()

    async def check(self) -> bool:
        """Check the first model; the others have its address and key."""
        return await self.models[0].check()

    async def recheck(self) -> None:
        """End the failures of all models that are over; see `GuardedModel.recheck`."""
        for model in self.models:
            await model.recheck()

    async def answer(self, prompt: Prompt, *, deadline_s: float, on_text: OnText | None = None) -> ModelAnswer:
        """Ask one model after the other, all within `deadline_s`; see `Model.answer`.

        Raises:
            CircuitOpenError: the breakers of all models are open.
        """
        ends_mono_s = self._clock.mono_s() + deadline_s
        errors: list[UpstreamError] = []
        relay = _Relay(on_text)
        for number, model in enumerate(self.models, start=1):
            after = sum(other.circuit.wait_s == 0.0 for other in self.models[number:])
            left_s = ends_mono_s - self._clock.mono_s()
            if errors and not is_worth_asking(left_s, deadline_s):
                break
            try:
                return await _ask(model, prompt, share_s(left_s, after), relay)
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


class _Relay:
    """Passes on the pieces of one model at a time.

    When the next model begins, it sends an empty piece, which cancels all before it.
    """

    def __init__(self, on_text: OnText | None) -> None:
        self._on_text = on_text
        self._has_sent = False
        self._round = 0

    def begin(self) -> OnText | None:
        """Return the receiver of the next model's pieces; those of earlier models are ignored from now on."""
        on_text = self._on_text
        if on_text is None:
            return None
        self._round += 1
        own_round = self._round
        if self._has_sent:
            on_text("")
            self._has_sent = False

        def pass_on(text: str) -> None:
            if own_round == self._round:
                self._has_sent = True
                on_text(text)

        return pass_on

    def end(self) -> None:
        """Ignore pieces from now on."""
        self._round += 1


async def _ask(model: GuardedModel, prompt: Prompt, deadline_s: float, relay: _Relay) -> ModelAnswer:
    try:
        return await model.answer(prompt, deadline_s=deadline_s, on_text=relay.begin())
    finally:
        relay.end()


def _note_fallback(error: UpstreamError, failed: GuardedModel, after: Sequence[GuardedModel]) -> None:
    if not after:
        return
    cause = "set_aside" if isinstance(error, CircuitOpenError) else find_fault(error).cause
    metrics.MODEL_FALLBACKS.labels(failed.name, cause).inc()
    _log.info("model_fell_back", model=failed.name, to=after[0].name, cause=cause)
