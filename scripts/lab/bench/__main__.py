"""Measure the rows of docs/benchmarks.md; run as scripts/bench.

Not here: the rows (rows.py), the page (page.py). Threads: one event loop.
"""

import asyncio
import dataclasses
import shlex
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import click
import msgspec

from omi_actors.clock import SystemClock
from scripts.lab.bench.machine import read_commit, read_machine
from scripts.lab.bench.page import render_page, renew_rows
from scripts.lab.bench.people_store import DATABASES
from scripts.lab.bench.rows import ROWS, Bench
from scripts.lab.bench.sizes import QUICK, Sizes
from scripts.lab.replay.fake_openai import Mode
from scripts.lab.replay.fake_openai_process import spawn_fake_openai
from scripts.lab.replay.postgres_server import fresh_postgres_database
from scripts.lab.replay.report import read_versions


async def run_bench(
    bench: Bench, names: tuple[str, ...], *, command: str, say: Callable[[str], None]
) -> dict[str, object]:
    """Measure the named rows in the page's order and return the content of docs/benchmarks.json."""
    rows = {}
    settings: dict[str, str] = {}
    for name, row in ROWS.items():
        if name in names:
            say(f"{name} ...")
            figures = dict(await row.measure(bench))
            settings |= figures.pop("settings", {})
            rows[name] = {
                "what": row.what,
                "how": row.how,
                "target": row.target,
                "headline": row.show(figures),
                "is_reached": row.reaches(figures),
                "figures": figures,
            }
            say(f"  {row.show(figures)}   target {row.target}")
            if row.explain is not None:
                say(row.explain(figures))
    measured = {
        "date": datetime.fromtimestamp(bench.clock.now_s(), UTC).isoformat(timespec="seconds"),
        "commit": read_commit(),
        "command": command,
    }
    return {
        **measured,
        "quick": bench.sizes.is_quick,
        "machine": read_machine(),
        "versions": read_versions(),
        "settings": settings,
        "rows": {name: {**row, "measured": measured} for name, row in rows.items()},
    }


_DOCS = Path(__file__).parents[3] / "docs"


@click.command()
@click.option("--only", multiple=True, type=click.Choice(list(ROWS)), help="Only this row; may be repeated.")
@click.option("--sessions", type=int, help="Live sessions for the row `sessions`.")
@click.option("--trickle-s", type=float, help="Seconds of questions in the row `trickle`.")
@click.option("--database", multiple=True, type=click.Choice(DATABASES), help="Only this one, for rows about people.")
@click.option(
    "--store",
    type=click.Path(file_okay=False, path_type=Path, resolve_path=True),
    help="Keep the filled stores of the rows about people in this folder, and use what is there.",
)
@click.option("--quick", is_flag=True, help="Tiny sizes: a test that the bench runs; its figures mean nothing.")
@click.option(
    "--json",
    "json_file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the result here; rows that were not measured stay.",
)
@click.option("--docs", is_flag=True, help="Measure nothing: make docs/benchmarks.md from docs/benchmarks.json.")
def main(  # noqa: PLR0913 (one per option)
    *,
    only: tuple[str, ...],
    sessions: int | None,
    trickle_s: float | None,
    database: tuple[str, ...],
    store: Path | None,
    quick: bool,
    json_file: Path | None,
    docs: bool,
) -> None:
    """Measure the server's costs in one run, and compare them with a yardstick. The run takes some minutes.

    To publish: scripts/bench --json docs/benchmarks.json && scripts/bench --docs
    """
    if docs:
        page = render_page(msgspec.json.decode((_DOCS / "benchmarks.json").read_bytes()))
        (_DOCS / "benchmarks.md").write_text(page)
        return
    sizes = QUICK if quick else Sizes()
    if sessions is not None:
        sizes = dataclasses.replace(sizes, sessions=sessions)
    if trickle_s is not None:
        sizes = dataclasses.replace(sizes, trickle=dataclasses.replace(sizes.trickle, seconds=trickle_s))
    command = shlex.join(["scripts/bench", *sys.argv[1:]])
    with (
        spawn_fake_openai() as model_url,
        spawn_fake_openai(Mode.TIMED, delay_s=0.005) as timed_url,
        spawn_fake_openai(Mode.DRIP, delay_s=1.0) as trickling_url,
        tempfile.TemporaryDirectory(prefix="bench-") as work_dir,
    ):
        Path(work_dir).chmod(0o711)  # so that PostgreSQL's account can enter it
        people = dataclasses.replace(
            sizes.people,
            databases=database or sizes.people.databases,
            folder=store or Path(work_dir) / "stores",
        )
        bench = Bench(
            sizes=dataclasses.replace(sizes, people=people),
            work_dir=Path(work_dir),
            model_url=model_url,
            timed_url=timed_url,
            trickling_url=trickling_url,
            clock=SystemClock(),
            new_postgres=fresh_postgres_database,
        )
        result = asyncio.run(run_bench(bench, only or tuple(ROWS), command=command, say=click.echo))
    if json_file is not None:
        before = msgspec.json.decode(json_file.read_bytes()) if json_file.exists() and not quick else None
        whole = result if before is None else renew_rows(before, result, tuple(ROWS))
        json_file.write_bytes(msgspec.json.format(msgspec.json.encode(whole)) + b"\n")


if __name__ == "__main__":
    main()
