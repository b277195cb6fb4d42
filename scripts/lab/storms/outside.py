"""The servers outside: a language model and Omi's API, as objects at the interfaces of the node's clients.

Both belong to one life of the node, and report to the world. Not here: wearables (wearers.py). Threads: the main one.
"""

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from omi_actors.clients.model import ModelAnswer, OnText
from omi_actors.domain.answers.prompt import Prompt
from omi_actors.errors import (
    UpstreamRejectedError,
    UpstreamTimeoutError,
    UpstreamUnavailableError,
    UpstreamUnclearError,
)
from scripts.lab.storms.weather import Death, Spell

if TYPE_CHECKING:
    from scripts.lab.storms.node import Node

# Seconds of an answer, of one in a spell, and of Omi's reply. The client gives up after OMI_NOTIFY_TIMEOUT_MS.
_ANSWER_S = (0.2, 6.0)
_SLOW_ANSWER_S = (5.0, 40.0)
_OMI_S = (0.05, 1.0)
_SLOW_OMI_S = (1.0, 20.0)
_OMI_TIMEOUT_S = 10.0


class StormModel:
    """A model that repeats the question, with a number that no other answer has."""

    provider = "openai"
    name = "storm"

    def __init__(self, node: "Node") -> None:
        self._node = node
        self._dice = node.world.dice(f"model {node.lives}")

    async def load(self) -> None:
        """Do nothing."""

    async def check(self) -> bool:
        """Return False: there is no server."""
        return False

    async def answer(self, prompt: Prompt, *, deadline_s: float, on_text: OnText | None = None) -> ModelAnswer:  # noqa: ARG002 (the protocol's)
        """Answer after a drawn time; in a spell late, or not at all."""
        weather = self._node.weather
        slow = self._dice.happens(weather.share(Spell.MODEL_SLOW))
        seconds = self._dice.between(*(_SLOW_ANSWER_S if slow else _ANSWER_S))
        fails = self._dice.happens(weather.share(Spell.MODEL_FAILING))
        self._node.may_die(Death.IN_MODEL)
        try:
            async with asyncio.timeout(deadline_s):
                await asyncio.sleep(seconds)
        except TimeoutError as exc:
            raise UpstreamTimeoutError("the model was too slow") from exc
        if fails:
            raise self._draw_failure()
        number = self._node.next_answer()
        return ModelAnswer(f"Answer {number}: {prompt.question}", self.name, tokens=10)

    def _draw_failure(self) -> Exception:
        match self._dice.one_of(3):
            case 0:
                return UpstreamUnavailableError("the model is away")
            case 1:
                return UpstreamUnavailableError("the model wants fewer questions", retry_after_s=2.0)
            case _:
                return UpstreamRejectedError("the model refuses", code="content_filter")

    async def close(self) -> None:
        """Do nothing."""


class StormOmi:
    """Omi's notifications. The wearer hears one when Omi takes it, whatever its reply becomes."""

    per_hour = 10

    def __init__(self, node: "Node") -> None:
        self._node = node
        self._dice = node.world.dice(f"omi {node.lives}")

    async def notify(self, uid: str, text: str) -> None:
        """Take a notification; in a spell late, or not, or with an unclear result."""
        node, dice = self._node, self._dice
        node.may_die(Death.BEFORE_NOTIFICATION)
        slow = dice.happens(node.weather.share(Spell.OMI_SLOW))
        seconds = dice.between(*(_SLOW_OMI_S if slow else _OMI_S))
        kind = dice.one_of(4) if dice.happens(node.weather.share(Spell.OMI_FAILING)) else None
        if not node.is_alive:
            await asyncio.get_running_loop().create_future()
        if kind == 0:
            raise UpstreamUnavailableError("Omi's API cannot be reached")
        await asyncio.sleep(min(seconds, _OMI_TIMEOUT_S) / 2)
        if kind == 1:
            raise UpstreamRejectedError("Omi refuses", code="refused")
        node.hearing.notified(uid, text, is_heard=kind != 3)  # noqa: PLR2004 (one of the four)
        node.may_die(Death.AFTER_NOTIFICATION)
        await asyncio.sleep(min(seconds, _OMI_TIMEOUT_S) / 2)
        if kind is not None or seconds >= _OMI_TIMEOUT_S:
            node.note_cut("an unclear result of Omi")
            raise UpstreamUnclearError("Omi's API failed")

    async def read_memories(self, uid: str, *, limit: int, offset: int) -> list[Any]:  # noqa: ARG002 (the protocol's)
        """Refuse."""
        raise UpstreamRejectedError("no memories", code="refused")

    async def exchange(self, method: str, path: str, *, params: Mapping[str, Any], body: Any = None) -> Any:  # noqa: ARG002 (the protocol's)
        """Refuse."""
        raise UpstreamRejectedError("no memories", code="refused")

    async def close(self) -> None:
        """Do nothing."""
