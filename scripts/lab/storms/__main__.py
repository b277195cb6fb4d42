"""scripts/storms: simulate a node in storms on virtual time, each from one seed, and hold the promises against them.

Not here: one storm (run.py), the promises (judge.py). Threads: the main one; storms run in processes.
"""

import datetime as dt
import hashlib
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import click
import msgspec

from omi_actors.clock import SystemClock
from scripts.lab.bench.machine import read_commit, read_machine
from scripts.lab.replay.report import read_versions, render_table
from scripts.lab.storms.planted import PLANTS
from scripts.lab.storms.run import Order, Storm, run_storms

# Without it sets have another order in each process, and with them the trace.
_HASH_SEED = "PYTHONHASHSEED"


@click.command(short_help="Simulate storms on virtual time.")
@click.option("--seeds", default=20, show_default=True, type=click.IntRange(1), help="Number of storms.")
@click.option("--first", default=1, show_default=True, help="The first seed; the others follow it.")
@click.option("--seed", type=int, help="Only this seed.")
@click.option(
    "--seconds", default=600.0, show_default=True, type=click.FloatRange(10.0), help="Virtual seconds of each."
)
@click.option("--wearables", default=4, show_default=True, type=click.IntRange(1), help="Wearables in each.")
@click.option("--workers", default=os.cpu_count() or 1, show_default="processors", type=click.IntRange(1))
@click.option("--plant", default="", type=click.Choice(["", *PLANTS]), help="Plant this fault; it must be found.")
@click.option("--plants", "tries_plants", is_flag=True, help="Afterwards plant each fault; all must be found.")
@click.option("--traces", type=click.Path(file_okay=False, path_type=Path), help="Write all events into this folder.")
@click.option("--json", "json_file", type=click.Path(dir_okay=False, path_type=Path), help="Also write the result.")
def storms(  # noqa: PLR0913 (one per option)
    *,
    seeds: int,
    first: int,
    seed: int | None,
    seconds: float,
    wearables: int,
    workers: int,
    plant: str,
    tries_plants: bool,
    traces: Path | None,
    json_file: Path | None,
) -> None:
    """Simulate a whole node on virtual time: scheduling, crashes, lost messages, failing servers, all from one seed.

    The same seed brings the same events, byte for byte. It exits with 1 if a promise is broken; with --plant, if the
    planted fault breaks none.
    """
    if os.environ.get(_HASH_SEED) != "0":
        raise click.UsageError(f"{_HASH_SEED} is not 0; scripts/storms sets it")
    numbers = range(first, first + seeds) if seed is None else (seed,)
    begin_s = time.monotonic()
    orders = [
        Order(seed=number, seconds=seconds, wearables=wearables, plant=plant, traces=traces) for number in numbers
    ]
    done = _run(orders, workers)
    figures = _sum_up(done, time.monotonic() - begin_s)
    found = _find_plants(orders, workers) if tries_plants else {}
    click.echo(render_table({**figures, **{f"{name}_found_by_seed": seed for name, seed in found.items()}}))
    if json_file is not None:
        command = " ".join(["scripts/storms", *sys.argv[1:]])
        content = {
            "date": dt.datetime.fromtimestamp(SystemClock().now_s(), dt.UTC).isoformat(timespec="seconds"),
            "commit": read_commit(),
            "command": command,
            **figures,
            "plants": found,
            "wrongs": {str(storm.seed): storm.wrongs for storm in done if storm.wrongs},
            "machine": read_machine(),
            "versions": read_versions(),
        }
        json_file.write_bytes(msgspec.json.format(msgspec.json.encode(content)) + b"\n")
    is_good = any(storm.wrongs for storm in done) == bool(plant) and None not in found.values()
    sys.exit(0 if is_good else 1)


def _run(orders: Sequence[Order], workers: int) -> list[Storm]:
    """Run storms, and print those that broke a promise. One that finds its planted fault is the last."""
    done = []
    for storm in run_storms(orders, min(workers, len(orders))):
        done.append(storm)
        if storm.wrongs:
            plant = orders[0].plant
            more = f" --plant {plant}" if plant else ""
            again = f"scripts/storms --seed {storm.seed}{more} --traces FOLDER"
            click.echo(f"seed {storm.seed}: {len(storm.wrongs)} wrong; {again}")
            for wrong in storm.wrongs:
                click.echo(f"  {wrong}")
            if plant:
                break
    return sorted(done, key=lambda storm: storm.seed)


def _find_plants(orders: Sequence[Order], workers: int) -> dict[str, int | None]:
    """Plant each fault, and return the first seed that finds it; None: none of these does."""
    found: dict[str, int | None] = {}
    for plant in PLANTS:
        done = _run([replace(order, plant=plant) for order in orders], workers)
        found[plant] = next((storm.seed for storm in done if storm.wrongs), None)
    return found


def _sum_up(done: Sequence[Storm], wall_s: float) -> dict[str, object]:
    """Return the figures by name. `digest` is the hash of all traces."""
    digests = " ".join(f"{storm.seed}:{storm.digest}" for storm in done)
    return {
        "storms": len(done),
        "webhooks": sum(storm.webhooks for storm in done),
        "fewest_webhooks": min(storm.webhooks for storm in done),
        "questions": sum(storm.questions for storm in done),
        "heard": sum(storm.heard for storm in done),
        "lives": sum(storm.lives for storm in done),
        "events": sum(storm.lines for storm in done),
        "storms_with_a_wrong": sum(bool(storm.wrongs) for storm in done),
        "digest": hashlib.blake2b(digests.encode(), digest_size=16).hexdigest(),
        "cpu_s": round(sum(storm.cpu_s for storm in done), 1),
        "wall_s": round(wall_s, 1),
    }


if __name__ == "__main__":
    storms()
