"""Kill the server at random moments under webhook load and count what is lost; run as scripts/kill_test.

Not here: the test itself (kill_test.py). Threads: one event loop.
"""

import asyncio
import contextlib
import sys
import tempfile
from pathlib import Path

import click

from omi_actors.clock import SystemClock
from scripts.lab.replay.databases import fresh_postgres_database
from scripts.lab.replay.fake_omi import FakeOmi
from scripts.lab.replay.fake_omi import Mode as OmiMode
from scripts.lab.replay.fake_openai import Mode
from scripts.lab.replay.fake_openai_process import spawn_fake_openai
from scripts.lab.replay.kill_test import KILL_SETTINGS, KillPlan, KillReport, KillTest
from scripts.lab.replay.report import render_table
from scripts.lab.replay.under_test import build_server

# Long enough that kills find questions at every stage of their answer.
_MODEL_DELAY_S = 0.1
_OMI_DELAY_S = 0.05


@click.command()
@click.option("--rounds", default=20, show_default=True, help="Kills.")
@click.option("--seed", type=int, help="Repeats the traffic and the moments of the kills.")
@click.option("--rate", default=200.0, show_default=True, help="Webhooks per second.")
@click.option("--database", type=click.Choice(["sqlite", "postgres"]), default="sqlite", show_default=True)
@click.option("--database-url", default="", help="An empty PostgreSQL database, instead of one started for the test.")
@click.option("--json", "json_file", type=click.Path(dir_okay=False, path_type=Path), help="Also write the result.")
def main(
    *, rounds: int, seed: int | None, rate: float, database: str, database_url: str, json_file: Path | None
) -> None:
    """Start the server, send webhooks, kill -9, restart on the same data, again and again; then count.

    Exits 1 when anything acknowledged is missing or there twice, a question has not exactly one answer, or an answer
    did not arrive, or arrived twice without a kill that explains it.
    """
    plan = KillPlan(rounds=rounds, seed=int(SystemClock().now_s()) if seed is None else seed, rate_per_s=rate)
    with contextlib.ExitStack() as stack:
        if database == "postgres" and not database_url:
            database_url = stack.enter_context(fresh_postgres_database())
        model_url = stack.enter_context(spawn_fake_openai(Mode.DELAY, delay_s=_MODEL_DELAY_S))
        work_dir = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="kill-test-")))
        report = asyncio.run(_run(plan, work_dir, database_url, model_url))
    figures = {"database": "postgres" if database_url else "sqlite", **report.figures()}
    click.echo(render_table(figures))
    for wrong in report.wrongs():
        click.echo(f"  {wrong}", err=True)
    if json_file is not None:
        json_file.write_bytes(report.to_json())
    sys.exit(0 if report.is_good else 1)


async def _run(plan: KillPlan, work_dir: Path, database_url: str, model_url: str) -> KillReport:
    clock = SystemClock()
    omi = FakeOmi(mode=OmiMode.DELAY, delay_s=_OMI_DELAY_S, clock=clock)
    listening = omi.listen()
    extra = KILL_SETTINGS | omi.settings
    server, target = build_server(work_dir, clock=clock, database_url=database_url, model_url=model_url, extra=extra)
    accept_file = work_dir / "accepted.jsonl"
    test = KillTest(plan, server=server, target=target, omi=omi, accept_file=accept_file, clock=clock, say=click.echo)
    try:
        return await test.run()
    finally:
        listening.stop()
        await listening.close_all_connections()


if __name__ == "__main__":
    main()
