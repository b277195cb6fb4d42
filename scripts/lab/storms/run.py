"""One storm from its seed, and many storms in processes of their own.

Not here: the promises (judge.py), the command (__main__.py). Threads: the main one of each process.
"""

import gc
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, partial
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING

from omi_actors.store.engine import DATABASE_FILE, Engine, StoreConfig
from omi_actors.store.transaction import NodeIdentity
from scripts.lab.simulate.plan import Options, Plan, build_plan
from scripts.lab.storms.judge import judge
from scripts.lab.storms.node import Node, storm_parts
from scripts.lab.storms.planted import planted
from scripts.lab.storms.wearers import Hearing, Wearer
from scripts.lab.storms.weather import Weather, draw_blows
from scripts.lab.storms.world import World

if TYPE_CHECKING:
    from scripts.lab.replay.recording import RecordedRequest

# Virtual seconds after the storm: until all is answered, then for contacts that fetch what was kept.
_CALM_S = 90.0
_FETCH_S = 40.0
# Looks for a moment without an ask, and virtual seconds between two of them.
_LOOKS = 100
_LOOK_AGAIN_S = 0.01
_SHM = Path("/dev/shm")  # noqa: S108 (memory instead of a disk; the folder in it is private)


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One storm that is wanted: the webhooks of `wearables` for `seconds` of virtual time, then calm.

    `plant` names a planted fault; "" plants none. With `traces` all events are written into that folder.
    """

    seed: int
    seconds: float = 600.0
    wearables: int = 4
    plant: str = ""
    traces: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Storm:
    """One storm that is over. `digest` is the hash of its trace, `wrongs` are the broken promises."""

    seed: int
    digest: str
    lines: int
    webhooks: int
    questions: int
    heard: int
    lives: int
    cpu_s: float
    wrongs: tuple[str, ...]


def run_storms(orders: Sequence[Order], workers: int) -> Iterator[Storm]:
    """Run storms in processes of their own, `workers` at a time, and yield each when it is over."""
    if workers == 1:
        yield from map(run_storm, orders)
        return
    with get_context("spawn").Pool(workers) as pool:
        yield from pool.imap_unordered(run_storm, orders)


def run_storm(order: Order) -> Storm:
    """Run one storm and judge it."""
    # A collection would run the rest of dead trees' coroutines, at a moment that depends on the process's history.
    gc.disable()
    try:
        with planted(order.plant):
            return _run_storm(order)
    finally:
        gc.enable()
        _free_the_dead()


def _free_the_dead() -> None:
    """Collect the dead trees. Python reports that their coroutines end in a context that is not theirs."""
    report, sys.unraisablehook = sys.unraisablehook, lambda _: None
    try:
        gc.collect()
    finally:
        sys.unraisablehook = report


def _run_storm(order: Order) -> Storm:
    began_s = time.process_time()
    world = World(order.seed, keeps_trace=order.traces is not None)
    plan = build_plan(Options(seed=order.seed, wearables=order.wearables, seconds=order.seconds))
    place = _SHM if _SHM.is_dir() else None
    with tempfile.TemporaryDirectory(prefix="storm-", dir=place) as folder:
        hearing = Hearing(world)
        _copy_empty_store(Path(folder), place)
        node = Node(world, Path(folder), Weather(world), hearing)
        with storm_parts(node):
            _blow(world, node, plan, order.seconds)
            wrongs, questions = judge(world, node, plan)
            node.end()
    digest = world.trace.digest()
    if order.traces is not None:
        order.traces.mkdir(parents=True, exist_ok=True)
        (order.traces / f"{order.seed}.trace").write_text("".join(world.trace.lines), encoding="utf-8")
    return Storm(
        seed=order.seed,
        digest=digest,
        lines=world.trace.count,
        webhooks=hearing.webhooks,
        questions=questions,
        heard=len(hearing.heard),
        lives=node.lives,
        cpu_s=time.process_time() - began_s,
        wrongs=tuple(wrongs),
    )


def _blow(world: World, node: Node, plan: Plan, seconds: float) -> None:
    """Let the wearables talk through a storm of `seconds`, then wait until all is calm and everything spoken."""
    _plan_trouble(world, node, seconds)
    node.start()
    by_uid: dict[str, list[RecordedRequest]] = defaultdict(list)
    for webhook in plan.webhooks:
        by_uid[webhook.query["uid"]].append(webhook)
    wearers = [Wearer(node, webhooks) for webhooks in by_uid.values()]
    for wearer in wearers:
        wearer.talk()
    world.run(seconds + _CALM_S)
    for wearer in wearers:
        wearer.fetch_kept(seconds + _CALM_S)
    world.run(seconds + _CALM_S + _FETCH_S)
    for _ in range(_LOOKS):
        if not node.open_asks:  # a tick's read may be under way at this moment
            return
        world.run(world.clock.mono_s() + _LOOK_AGAIN_S)


def _plan_trouble(world: World, node: Node, seconds: float) -> None:
    node.weather.plan(seconds)
    blows = draw_blows(world, seconds)
    for at_s, death in blows.deaths:
        world.after(at_s, partial(node.arm, death))
    for at_s in blows.actor_crashes:
        world.after(at_s, node.crash_an_actor)
    for at_s, leap_s in blows.leaps:
        world.after(at_s, partial(world.clock.jump, leap_s))
    world.after(seconds, node.disarm)


def _copy_empty_store(folder: Path, place: Path | None) -> None:
    """Write the file of a store without rows."""
    (folder / DATABASE_FILE).write_bytes(_build_empty_store(place))


@cache
def _build_empty_store(place: Path | None) -> bytes:
    """Return the file of a store without rows. It is made once a process: its tables take a tenth of a second."""
    with tempfile.TemporaryDirectory(prefix="storm-empty-", dir=place) as made:
        engine = Engine(StoreConfig(url="", data_dir=Path(made)), NodeIdentity("empty"))
        engine.open()
        engine.close()
        return (Path(made) / DATABASE_FILE).read_bytes()
