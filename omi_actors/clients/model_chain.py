"""Models in the order in which they are asked: the next one when one is broken, overloaded, unknown or set aside.

A question is answered once: an answer that comes when its model's time is over goes nowhere.
Not here: when another is asked, and for how long (domain/answers/patience.py); one model's breaker (guarded_model.py).
Threads: the event loop.
"""

from collections.abc import Sequence

from omi_actors.clients.guarded_model import GuardedModel
from omi_actors.clients.model import ModelAnswer, OnText
from omi_actors.clock import Clock
from omi_actors.domain.answers.failures import find_fault
from omi_actors.domain.answers.patience import choose_failure, is_worth_asking, may_fall_back, share_s
from omi_actors.domain.answers.prompt import Prompt
from omi_actors.errors import CircuitOpenError, UpstreamError
from omi_actors.instruments import metrics
from omi_actors.instruments.logs import get_logger

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
