"""Run: play the faults one after another, again and again while there is time, and report the outcomes.

Not here: one act (act.py), the command line (chaos/__main__.py). Threads: one event loop.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from omi_actors.clock import Clock
from scripts.lab.bench.machine import read_commit, read_machine
from scripts.lab.chaos.act import play
from scripts.lab.chaos.fault import Fault
from scripts.lab.chaos.judgement import Result
from scripts.lab.chaos.sizes import Sizes
from scripts.lab.chaos.stage import Scene
from scripts.lab.replay.report import read_versions, render_table

# Errors that are printed for one fault.
_MOST_WRONGS = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """Plan of a run: these faults, until `minutes` have passed (0: each once). `seed` decides the people and times."""

    faults: Sequence[Fault]
    seed: int
    database: str
    minutes: float = 0.0
    sizes: Sizes = field(default_factory=Sizes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """A played fault, with the seed that repeats it."""

    fault: Fault
    seed: int
    result: Result


async def run_chaos(order: Order, folder: Path, clock: Clock, say: Callable[[str], None]) -> list[Played]:
    """Play every fault at least once, and print each outcome."""
    until_mono_s = clock.mono_s() + order.minutes * 60
    played: list[Played] = []
    seed = order.seed
    while True:
        for fault in order.faults:
            if seed > order.seed and clock.mono_s() >= until_mono_s:
                return played
            scene = Scene(seed=seed, sizes=order.sizes, folder=folder / f"{fault.name}-{seed}", database=order.database)
            result = await play(fault, scene, clock)
            played.append(Played(fault=fault, seed=seed, result=result))
            say(_render(played[-1]))
        seed += 1


def build_report(order: Order, played: Sequence[Played], *, command: str, clock: Clock) -> dict[str, object]:
    """Return the content of the JSON file. Each play has its own date, commit and command: runs can be merged."""
    origin = {
        "date": datetime.fromtimestamp(clock.now_s(), UTC).isoformat(timespec="seconds"),
        "commit": read_commit(),
        "command": command,
    }
    return {
        **origin,
        "database": order.database,
        "seed": order.seed,
        "quick": order.sizes.is_quick,
        "is_held": all(one.result.is_held for one in played),
        "machine": read_machine(),
        "versions": read_versions(),
        "faults": [
            {
                "name": one.fault.name,
                "what": one.fault.what,
                "promise": one.fault.promise,
                "allowed": one.fault.allowed,
                "settings": {**one.fault.settings},
                "seed": one.seed,
                "is_held": one.result.is_held,
                "figures": one.result.figures,
                "wrongs": one.result.wrongs,
                **origin,
            }
            for one in played
        ],
    }


def merge_reports(earlier: Mapping[str, Any], later: Mapping[str, Any], known: Collection[str]) -> dict[str, Any]:
    """Merge two runs: the later run's plays replace the earlier run's plays of the same faults.

    Plays of faults that are no longer `known` are dropped. Raises: ValueError for different databases, machines or
    sizes.
    """
    if any(earlier[name] != later[name] for name in ("database", "quick", "machine")):
        raise ValueError("the earlier run was on another database or machine, or with other sizes: run all faults anew")
    origin = {name: earlier[name] for name in ("date", "commit", "command")}
    anew = {play["name"] for play in later["faults"]}
    kept = [{**play, **{name: play.get(name, origin[name]) for name in origin}} for play in earlier["faults"]]
    plays = [*(play for play in kept if play["name"] in known and play["name"] not in anew), *later["faults"]]
    return {**earlier, "is_held": all(play["is_held"] for play in plays), "faults": plays}


def _render(one: Played) -> str:
    """Return a fault's table, and its errors."""
    title = f"{one.fault.name} (seed {one.seed}): {'held' if one.result.is_held else 'BROKEN'}"
    wrongs = [f"  {wrong}" for wrong in one.result.wrongs[:_MOST_WRONGS]]
    if len(one.result.wrongs) > _MOST_WRONGS:
        wrongs.append(f"  and {len(one.result.wrongs) - _MOST_WRONGS} more; the JSON has them all")
    return "\n".join([title, render_table(one.result.figures), *wrongs, ""])
