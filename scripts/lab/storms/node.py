"""The node in a storm: one whole system on a virtual loop. It dies at drawn moments and starts again on its file.

Not here: the world (world.py), the promises (judge.py). Threads: the main one.
"""

import random
import types
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog

from config.settings import Settings, load_settings
from omi_actors import ids
from omi_actors.actors import metrics_collector
from omi_actors.kit.errors import ExpectedError
from omi_actors.kit.handle import Handle
from omi_actors.kit.thread_actor import ThreadActor
from omi_actors.parts import Parts
from omi_actors.store import actors as store_actors
from omi_actors.store.actors import StoreWriter
from omi_actors.system import System
from scripts.lab.storms.loop import VirtualLoop, build_loop
from scripts.lab.storms.outside import StormModel, StormOmi
from scripts.lab.storms.planted import put
from scripts.lab.storms.scheduling import StormRuntime
from scripts.lab.storms.store import StormEngine
from scripts.lab.storms.wearers import Door, Hearing
from scripts.lab.storms.weather import Death, Spell, Weather
from scripts.lab.storms.world import World

if TYPE_CHECKING:
    from omi_actors.store.engine import Engine

# Seconds from mail to a thread's turn; of a commit and of a read; of a commit in a spell: its asker may have gone.
_WAKE_S = (0.00002, 0.002)
_COMMIT_S = (0.0005, 0.01)
_READ_S = (0.0001, 0.003)
_SLOW_S = (0.2, 8.0)
# Share of hints that are lost in fair weather.
_LOST = 0.002
# Seconds from a death to the next start, and a start that hangs.
_DOWN_S = (0.05, 20.0)
_START_S = 60.0
# Idle seconds after which a session leaves memory: within a run.
_IDLE_S = (4.0, 120.0)
_GRACE_S = 5.0
# Seconds between two looks at the loop's lag, which virtual time does not have: they would be half of all timers.
_PROBE_S = 5.0
# Log lines of errors that nothing but a fault of the program explains.
_FAULTS = frozenset({"future callback failed", "on_failure failed", "posted call failed", "attempt_crashed"})


class Poison:
    """A message that no actor knows: it crashes the one that gets it."""


class Node:
    """The lives of one node on one file. `system` is None until it has started for the first time."""

    def __init__(self, world: World, folder: Path, weather: Weather, hearing: Hearing) -> None:
        self.world = world
        self.folder = folder
        self.weather = weather
        self.hearing = hearing
        self.scheduling = world.dice("scheduling")
        self.store_dice, self.door_dice = world.dice("store"), world.dice("door")
        self._death_dice, self._loss_dice = world.dice("death"), world.dice("loss")
        self._turn_rng = world.dice("turns").rng
        self.lives = 0
        self.is_alive = self.is_listening = False
        self.system: System | None = None
        self.engines: list[Engine] = []
        self.doors: list[Door] = []
        # Moments at which a reply or a notification may have been cut from its record.
        self.cuts: list[float] = []
        self._armed: set[Death] = set()
        self._is_crash_due = False
        self._answers = 0
        # Dead trees stay referenced: their coroutines would run on when they are collected.
        self._graveyard: list[object] = []
        self._settings = self._load_settings()

    def _load_settings(self) -> Settings:
        idle_s = int(self.world.dice("settings").between(*_IDLE_S))
        given = {"DATA_DIR": str(self.folder), "ADMIN_TOKEN": "x" * 40, "SESSION_IDLE_S": str(idle_s)}
        # Another process would have a time of its own.
        return load_settings(overrides={**given, "STORE_READER_PROCESSES": "off"})

    # --- lives

    def start(self) -> None:
        """Begin a life."""
        world = self.world
        self.lives += 1
        world.trace.note("node", f"life {self.lives} begins")
        loop = build_loop(world.clock, lambda what: world.wrong(f"asyncio reports: {what}"))
        loop.enter()
        world.loop = loop
        self.is_alive = True
        _reseed_ids(world, self.lives)
        life = self.lives
        parts = Parts(
            settings=self._settings,
            model=StormModel(self),
            clock=world.clock,
            rng=random.Random(f"{world.seed}/parts/{life}"),  # noqa: S311 (a repeatable draw)
            on_fenced=self._note_fenced,
            on_clock_refused=lambda reason: world.wrong(f"the clock was refused: {reason}"),
            notifier=StormOmi(self),
            build_runtime=partial(StormRuntime, self),
            store_clock=world.clock,
        )
        system = System(parts, lambda error: self._give_up(life, error))
        self._graveyard.append((system, loop, loop.create_task(self._bring_up(system))))
        world.after(_START_S, lambda: self._check_started(life))

    def _note_fenced(self) -> None:
        """Note that the node believes in another one. Before its start the commit that named it may be unclear."""
        if self.is_listening:
            self.world.wrong("the node was fenced by another one")

    async def _bring_up(self, system: System) -> None:
        try:
            await system.start()
        except ExpectedError as exc:
            self.world.trace.note("node", f"did not start: {type(exc).__name__}")
            self.die("it did not start")
            return
        self.system = system
        self.is_listening = True

    def _check_started(self, life: int) -> None:
        if self.lives == life and self.is_alive and not self.is_listening:
            self.world.wrong(f"the node has not started within {_START_S:.0f} s")

    def _give_up(self, life: int, error: BaseException) -> None:
        if self.lives == life and self.is_alive:
            self.world.trace.note("node", f"gives up: {type(error).__name__}")
            self.die("it gave up")

    def die(self, why: str) -> None:
        """End this life now: nothing of it runs any more, and its file is closed as it is."""
        if not self.is_alive:
            return
        world = self.world
        down_s = self._death_dice.between(*_DOWN_S)
        world.trace.note("node", f"dies: {why}")
        self.is_alive = self.is_listening = False
        self.cuts.append(world.clock.mono_s())
        self.weather.troubles.append((world.clock.mono_s(), world.clock.mono_s() + down_s))
        world.loop, loop = None, world.loop
        world.after(0.0, lambda: self._bury(loop))
        world.after(down_s, self.start)

    def _bury(self, loop: VirtualLoop | None) -> None:
        if loop is not None:
            loop.leave()
        for engine in self.engines:
            engine.close()
        self.engines.clear()
        for door in tuple(self.doors):
            door.cut()

    def end(self) -> None:
        """End the last life."""
        self.is_alive = False
        loop, self.world.loop = self.world.loop, None
        self._bury(loop)

    def arm(self, death: Death) -> None:
        """Let the node die at the next moment of this kind."""
        if not self.is_alive:
            return
        if death is Death.ANYWHERE:
            self.die(death)
        elif death is Death.STOPPED:
            self._stop()
        else:
            self._armed.add(death)

    def disarm(self) -> None:
        """Let the node and its actors live from now on."""
        self._armed.clear()
        self._is_crash_due = False

    def may_die(self, death: Death) -> bool:
        """Die here, if it was drawn; return True then."""
        if death in self._armed:
            self._armed.discard(death)
            self.die(death)
            return True
        return False

    def _stop(self) -> None:
        """Stop as on SIGTERM, and start again."""
        loop, system = self.world.loop, self.system
        if loop is None or system is None or not self.is_listening:
            return
        self.is_listening = False
        system.begin_draining()

        async def stop() -> None:
            ended = await system.stop(grace_s=_GRACE_S)
            self.world.trace.note("node", f"stopped {'in' if ended else 'out of'} time")
            self.die(Death.STOPPED)

        self._graveyard.append(loop.create_task(stop()))

    # --- blows to actors

    def crash_an_actor(self) -> None:
        """Crash an actor between two messages; or the next one that waits for a commit, before it learns of it."""
        handles = self.list_actors()
        if not handles:
            return
        if self._death_dice.one_of(2):
            self._is_crash_due = True
            return
        handle = handles[self._death_dice.one_of(len(handles))]
        self._note_crash(handle, "is poisoned")
        handle.tell_always(Poison())

    def may_crash_waiting(self) -> None:
        """Crash an actor whose turn waits for the commit that was just made, if it was drawn."""
        if not self._is_crash_due:
            return
        waiting = [handle for handle in self.list_actors() if getattr(handle.actor, "_turn", None) is not None]
        if waiting:
            self._is_crash_due = False
            handle = waiting[self._death_dice.one_of(len(waiting))]
            self.world.after(0.0, lambda: self._crash_in_turn(handle))

    def _crash_in_turn(self, handle: Handle) -> None:
        actor: Any = handle.actor
        if self.is_alive and getattr(actor, "_turn", None) is not None:
            self._note_crash(handle, "crashes in its turn")
            actor.abandon()

    def _note_crash(self, handle: Handle, how: str) -> None:
        self.world.trace.note(handle.name, how)
        self.cuts.append(self.world.clock.mono_s())

    def list_actors(self) -> list[Handle]:
        """Return all actors that are no supervisors: the fixed ones, as many sessions once more, and the sessions."""
        if self.system is None or not self.is_alive:
            return []
        tree: Any = self.system._tree  # noqa: SLF001 (the storm looks inside)
        fixed = list(tree._handles.values())  # noqa: SLF001 (see above)
        return fixed + [live.handle for live in tree.live_sessions.by_key.values()] * 3

    @property
    def open_asks(self) -> int:
        """Return the number of asks without a reply."""
        if self.system is None:
            return 0
        runtime: Any = self.system._runtime  # noqa: SLF001 (see above)
        return len(runtime.deadlines)

    # --- draws for its parts

    def draw_turn_s(self, actor: ThreadActor) -> tuple[float, float]:
        """Return the seconds from mail to a thread's turn, and from its effect to its replies."""
        rng = self._turn_rng
        is_writer = isinstance(actor, StoreWriter)
        low, high = _COMMIT_S if is_writer else _READ_S
        if self.store_dice.happens(self.weather.share(Spell.STORE_SLOW) / 4):
            low, high = _SLOW_S
        turn_s = low * (high / low) ** rng.random()
        if is_writer and turn_s > self._settings.store_write_timeout_s / 2:
            self.cuts.append(self.world.clock.mono_s())  # whoever waits for it may not learn of it
        return _WAKE_S[0] * (_WAKE_S[1] / _WAKE_S[0]) ** rng.random(), turn_s

    def loses(self) -> bool:
        """Return True if this hint is lost."""
        return self.is_alive and self._loss_dice.happens(max(_LOST, self.weather.share(Spell.LOSING)))

    def note_lost(self, actor: str, message: str) -> None:
        """Note a lost hint."""
        self.world.trace.note(actor, f"{message} is lost")
        if message == "AnswerReady":  # its intent is stored, and its reply may be closed before the sweep finds it
            self.cuts.append(self.world.clock.mono_s())

    def note_cut(self, why: str) -> None:
        """Note that a notification may have arrived or not."""
        self.world.trace.note("node", why)
        self.cuts.append(self.world.clock.mono_s())

    def next_answer(self) -> int:
        """Return the number of the next answer of the model."""
        self._answers += 1
        return self._answers


def _reseed_ids(world: World, life: int) -> None:
    """Make identifiers repeatable: their randomness and their clock."""
    made: Any = ids
    made._rng = random.Random(f"{world.seed}/ids/{life}")  # noqa: S311, SLF001 (a repeatable draw)
    made._process = f"{life:08x}"  # noqa: SLF001 (see above)
    made.time = types.SimpleNamespace(time_ns=lambda: int(world.clock.now_s() * 1e9))


@contextmanager
def storm_parts(node: Node) -> Iterator[None]:
    """Put the storm's store, identifiers and log in place of the product's, until the block ends."""
    with ExitStack() as stack:
        for name in ("_rng", "_process", "time"):
            put(stack, ids, name, getattr(ids, name))
        put(stack, store_actors, "Engine", partial(StormEngine, node))
        put(stack, metrics_collector, "_PROBE_S", _PROBE_S)
        config = structlog.get_config()
        stack.callback(lambda: structlog.configure(**config))
        structlog.configure(processors=[partial(_watch_log, node)], cache_logger_on_first_use=False)
        yield


def _watch_log(node: Node, _logger: Any, _method: str, line: Any) -> Any:
    if line.get("event") in _FAULTS:
        node.world.wrong(f"{line['event']}: {line.get('exc_info')!r}")
    raise structlog.DropEvent
