"""Compare the cost of a webhook without a question with that of another checkout.

Run as scripts/run_python bench.versus FOLDER. Both servers share one core; slices of the same load alternate, and each
pair gives one ratio.
Not here: the load (load.py), the row of the page (throughput.py). Threads: one event loop.
"""

import asyncio
import statistics
import tempfile
from collections.abc import Mapping
from pathlib import Path

import click

from omi_actors.clock import Clock, SystemClock
from scripts.lab.bench.machine import pin
from scripts.lab.bench.throughput import SERVER_CORE, ThroughputPlan, find_medians, run_load
from scripts.lab.replay.server_process import build_server


async def compare(plan: ThroughputPlan, other: Path, *, work_dir: Path, clock: Clock) -> Mapping[str, float]:
    """Measure all pairs. `ratio` is our CPU time per webhook over that of the code in `other`, as a median.

    The other code runs with the packages of this environment.
    """
    folders = [work_dir / "ours", work_dir / "other"]
    for folder in folders:
        folder.mkdir()
    ours, target = build_server(folders[0], clock=clock)
    others, other_target = build_server(folders[1], clock=clock, extra={"PYTHONPATH": str(other)})
    try:
        for server in (ours, others):
            await server.start()
            pin(server.pid, SERVER_CORE)
        pairs = [
            (await run_load(plan, ours, target.token), await run_load(plan, others, other_target.token))
            for _ in range(plan.pairs)
        ]
    finally:
        ours.kill()
        others.kill()
    ratios = [one.cpu_us_per_request / two.cpu_us_per_request for one, two in pairs]
    spread = {"ratio_min": round(min(ratios), 3), "ratio_max": round(max(ratios), 3)}
    return {"ratio": round(statistics.median(ratios), 3), **spread, **find_medians(pairs, "other")}


@click.command()
@click.argument("other", type=click.Path(exists=True, file_okay=False, path_type=Path, resolve_path=True))
@click.option("--pairs", default=10, help="Pairs of slices.")
@click.option("--slice-s", default=3.0, help="Seconds of a slice.")
def main(*, other: Path, pairs: int, slice_s: float) -> None:
    """Compare this checkout with the one in OTHER, of any commit that this environment can run."""
    plan = ThroughputPlan(pairs=pairs, slice_s=slice_s)
    with tempfile.TemporaryDirectory(prefix="versus-") as folder:
        found = asyncio.run(compare(plan, other, work_dir=Path(folder), clock=SystemClock()))
    for name, figure in found.items():
        click.echo(f"{name.replace('_', ' '):24} {figure}")


if __name__ == "__main__":
    main()
