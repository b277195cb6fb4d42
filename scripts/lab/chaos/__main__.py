"""Cause faults under traffic, one after another, and check that the promises hold; run as scripts/chaos.

Not here: a run (run.py), the faults (faults/). Threads: one event loop.
"""

import asyncio
import shlex
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import msgspec

from omi_actors.clock import SystemClock
from scripts.lab.chaos.fault import BOTH
from scripts.lab.chaos.faults.catalogue import FAULTS
from scripts.lab.chaos.page import render_page
from scripts.lab.chaos.run import Order, build_report, merge_reports, run_chaos
from scripts.lab.chaos.sizes import QUICK, Sizes

_DOCS = Path(__file__).parents[3] / "docs"


@click.command()
@click.option("--only", multiple=True, type=click.Choice(list(FAULTS)), help="Only this fault; may be repeated.")
@click.option("--minutes", default=0.0, help="Go on with new seeds until this time is over. Default: each fault once.")
@click.option("--seed", type=int, help="Repeats the people, what they say, and the moments of the faults.")
@click.option("--database", type=click.Choice(BOTH), default="sqlite", show_default=True)
@click.option("--rounds", type=int, help="Rounds of each fault of a session's owner. Default: 2.")
@click.option("--quick", is_flag=True, help="Tiny sizes: shows that it runs; the figures mean little.")
@click.option("--json", "json_file", type=click.Path(dir_okay=False, path_type=Path), help="Write the result here.")
@click.option("--merge", is_flag=True, help="Keep what the --json file has of other faults, with its own commit.")
@click.option("--keep", type=click.Path(exists=False, path_type=Path), help="Keep the servers' data and logs here.")
@click.option("--docs", is_flag=True, help="Run nothing: make docs/reliability.md from docs/*.json.")
def main(  # noqa: PLR0913 (one per option)
    *,
    only: tuple[str, ...],
    minutes: float,
    seed: int | None,
    database: str,
    rounds: int | None,
    quick: bool,
    json_file: Path | None,
    merge: bool,
    keep: Path | None,
    docs: bool,
) -> None:
    """For every fault: start a server, send traffic, cause the fault, and count losses and errors.

    Exits 1 if the outcome of a fault is not allowed. To publish: run it on both databases with --json
    docs/reliability-sqlite.json and docs/reliability-postgres.json, then with --docs. With --merge, the file keeps the
    outcomes of all other faults. Those of a session's owner may stand in docs/owners-postgres.json.
    """
    if docs:
        files = [_DOCS / name for name in ("power-cuts.json", "storms.json")]
        power, storms = [msgspec.json.decode(file.read_bytes()) if file.exists() else None for file in files]
        runs = _read_all("reliability") + _read_all("owners")
        (_DOCS / "reliability.md").write_text(render_page(runs, _read_all("kills"), power, storms))
        return
    clock, sizes = SystemClock(), QUICK if quick else Sizes()
    order = Order(
        faults=[fault for name, fault in FAULTS.items() if name in (only or FAULTS) and database in fault.databases],
        seed=int(clock.now_s()) % 100_000 if seed is None else seed,
        database=database,
        minutes=minutes,
        sizes=sizes if rounds is None else replace(sizes, rounds=rounds),
    )
    if not order.faults:
        raise click.UsageError(f"none of these faults is one of {database}")
    with tempfile.TemporaryDirectory(prefix="chaos-") as folder:
        work_dir = keep or Path(folder)
        work_dir.mkdir(parents=True, exist_ok=True)
        played = asyncio.run(run_chaos(order, work_dir, clock, click.echo))
    report = build_report(order, played, command=build_command(sys.argv[1:]), clock=clock)
    if json_file is not None:
        if merge and json_file.exists():
            of_database = [name for name, fault in FAULTS.items() if database in fault.databases]
            report = merge_reports(msgspec.json.decode(json_file.read_bytes()), report, of_database)
        json_file.write_bytes(msgspec.json.format(msgspec.json.encode(report)) + b"\n")
    broken = [one.fault.name for one in played if not one.result.is_held]
    click.echo(f"{len(played)} faults, {len(broken)} broken promises{': ' if broken else ''}{', '.join(broken)}")
    sys.exit(1 if broken else 0)


def _read_all(kind: str) -> list[dict[str, Any]]:
    files = [_DOCS / f"{kind}-{name}.json" for name in BOTH]
    return [msgspec.json.decode(file.read_bytes()) for file in files if file.exists()]


def build_command(arguments: list[str]) -> str:
    """Return the command that repeats a run, without the local folder of `--keep`."""
    given = iter(arguments)
    kept = [one for one in given if not (one.startswith("--keep") and (one != "--keep" or next(given, "")))]
    return shlex.join(["scripts/chaos", *kept])


if __name__ == "__main__":
    main()
