"""The weather of a storm: spells of trouble, each with the share of calls that it hits, and blows at their times.

All is drawn at the beginning from the seed. Not here: what a spell does (node.py, outside.py). Threads: the main one.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial

from scripts.lab.storms.world import World

# Spells, and blows of each kind, in one run: at least and at most.
_SPELLS = (10, 16)
_SPELL_S = (4.0, 60.0)
_SHARES = (0.05, 0.8)
_DEATHS = (2, 6)
_ACTOR_CRASHES = (6, 14)
_LEAPS = (0, 3)
_LEAP_S = (0.05, 20.0)


class Spell(StrEnum):
    """Kinds of spells. The share says how many calls are hit."""

    STORE_SLOW = "store slow"
    STORE_FAILING = "store failing"
    STORE_UNCLEAR = "store unclear"
    READS_FAILING = "reads failing"
    MODEL_SLOW = "model slow"
    MODEL_FAILING = "model failing"
    OMI_SLOW = "omi slow"
    OMI_FAILING = "omi failing"
    LOSING = "losing"
    HANGING_UP = "hanging up"


class Death(StrEnum):
    """Moments at which the node dies. Each is next to a step that its store, a wearer or Omi has already taken."""

    ANYWHERE = "anywhere"
    BEFORE_COMMIT = "before a commit"
    AFTER_COMMIT = "after a commit"
    BEFORE_REPLY = "before a reply with an answer"
    AFTER_REPLY = "after a reply with an answer"
    BEFORE_NOTIFICATION = "before a notification"
    AFTER_NOTIFICATION = "after a notification"
    IN_MODEL = "while the model answers"
    STOPPED = "stopped by its operator"


@dataclass(slots=True)
class Weather:
    """The shares of the spells that rule now, and the seconds of trouble so far."""

    world: World
    now: dict[Spell, float] = field(default_factory=dict)
    # Virtual seconds of the begin and end of each spell and each time without a node.
    troubles: list[tuple[float, float]] = field(default_factory=list)

    def share(self, spell: Spell) -> float:
        """Return the share of calls that are hit now."""
        return self.now.get(spell, 0.0)

    def plan(self, storm_s: float) -> None:
        """Draw all spells of a run; they end within `storm_s`."""
        dice = self.world.dice("weather")
        for _ in range(_SPELLS[0] + dice.one_of(_SPELLS[1] - _SPELLS[0] + 1)):
            spell, share = list(Spell)[dice.one_of(len(Spell))], dice.between(*_SHARES)
            lasts_s = dice.between(*_SPELL_S)
            begins_s = dice.rng.random() * (storm_s - lasts_s)
            self.troubles.append((begins_s, begins_s + lasts_s))
            self.world.after(begins_s, partial(self._begin, spell, share))
            self.world.after(begins_s + lasts_s, partial(self._end, spell))

    def _begin(self, spell: Spell, share: float) -> None:
        self.world.trace.note("weather", f"{spell} {share:.3f}")
        self.now[spell] = share

    def _end(self, spell: Spell) -> None:
        self.world.trace.note("weather", f"no {spell}")
        self.now.pop(spell, None)

    def trouble_s(self, begin_s: float, end_s: float) -> float:
        """Return the seconds of trouble between two virtual seconds."""
        return sum(max(0.0, min(end_s, end) - max(begin_s, begin)) for begin, end in self.troubles)


@dataclass(frozen=True, slots=True)
class Blows:
    """The single blows of a run, with their virtual seconds, in order of their kind."""

    deaths: tuple[tuple[float, Death], ...]
    actor_crashes: tuple[float, ...]
    leaps: tuple[tuple[float, float], ...]


def draw_blows(world: World, storm_s: float) -> Blows:
    """Draw the blows of a run; they come within `storm_s`."""
    dice = world.dice("blows")

    def times(low: int, high: int) -> list[float]:
        return [dice.rng.random() * storm_s for _ in range(low + dice.one_of(high - low + 1))]

    deaths = tuple((at_s, list(Death)[dice.one_of(len(Death))]) for at_s in times(*_DEATHS))
    crashes = tuple(times(*_ACTOR_CRASHES))
    leaps = tuple((at_s, dice.between(*_LEAP_S) * (1 - 2 * dice.one_of(2))) for at_s in times(*_LEAPS))
    return Blows(deaths, crashes, leaps)
