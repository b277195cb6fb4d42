"""scripts/power_cuts: record what a server does to its files under load, cut the power in it, count what is lost.

Not here: the recording (record.py), the cuts (cut.py). Threads: one event loop, then processes.
"""

import asyncio
import datetime as dt
import os
import shlex
import sqlite3
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import click
import msgspec

from omi_actors.clock import SystemClock
from scripts.lab.bench.machine import read_commit, read_machine
from scripts.lab.power.cut import KINDS, Finding, choose_cuts, play_beside
from scripts.lab.power.record import LoadPlan, Recorder, Recording
from scripts.lab.power.trace import Sent, Synced, read_strace_version
from scripts.lab.replay.report import read_versions, render_table
from scripts.lab.replay.server_process import SERVE

# The server with a fault that must be found, and the part of the webhooks and cuts that this takes.
PLANTED = (sys.executable, "-m", "scripts.lab.power.planted_server")
_PLANTED_PART = 10
# Broken promises that are printed.
_SHOWN = 20


@click.command()
@click.option("--cuts", default=1_000, show_default=True, help="Number of power cuts.")
@click.option("--webhooks", default=4_000, show_default=True, help="Webhooks of the recording.")
@click.option("--rate", default=100.0, show_default=True, help="Webhooks per second.")
@click.option(
    "--seed", type=int, help="The same seed sends the same webhooks, and draws the same moments of a recording."
)
@click.option("--json", "json_file", type=click.Path(dir_okay=False, path_type=Path), help="Also write the result.")
def main(*, cuts: int, webhooks: int, rate: float, seed: int | None, json_file: Path | None) -> None:
    """Record a server on SQLite under load by strace, cut the power, open what is left, and count.

    The server starts, is stopped, starts again and is killed. At each cut, what was not synced is kept, lost, or torn.
    Exits with 1 if something acknowledged is missing or there twice, if an answer would be said again as if it never
    was, or if a file does not open; also if cuts do not find the fault of a server with `synchronous=NORMAL`. To
    publish: --json docs/power-cuts.json, then scripts/chaos --docs.
    """
    clock = SystemClock()
    seed = int(clock.now_s()) % 100_000 if seed is None else seed
    plan = LoadPlan(webhooks=webhooks, rate_per_s=rate, seed=seed)
    recording = _record(plan, SERVE)
    click.echo(f"recorded {len(recording.events):,} events; cutting {cuts:,} times")
    findings = play_beside(recording, choose_cuts(recording, cuts, seed), os.cpu_count() or 1)
    short = LoadPlan(webhooks=webhooks // _PLANTED_PART, rate_per_s=rate, seed=seed, starts_again=False)
    planted = _record(short, PLANTED)
    missed = play_beside(planted, choose_cuts(planted, cuts // _PLANTED_PART, seed), os.cpu_count() or 1)
    found = sum(bool(one.lost) for one in missed)
    figures = {**count(recording, findings), "planted_found_in": found, "planted_cuts": len(missed), "seed": seed}
    click.echo(render_table(figures))
    for finding in [one for one in findings if not one.is_good][:_SHOWN]:
        click.echo(f"  {finding}", err=True)
    if json_file is not None:
        json_file.write_bytes(_render(figures, clock.now_s()))
    sys.exit(0 if found and all(one.is_good for one in findings) else 1)


def _record(plan: LoadPlan, command: Sequence[str]) -> Recording:
    with tempfile.TemporaryDirectory(prefix="power-cuts-") as folder:
        return asyncio.run(Recorder(plan, Path(folder), command=command).record())


def count(recording: Recording, findings: Sequence[Finding]) -> dict[str, object]:
    """Return the figures by name. A broken promise counts once for each cut that shows it."""
    events = recording.events
    return {
        "cuts": len(findings),
        "cuts_by_fate": dict(Counter(one.cut.unsynced.value for one in findings)),
        "webhooks_acknowledged": len(recording.promised),
        "answers_spoken": len(recording.spoken),
        "memories_kept_or_deleted": len(recording.memories),
        "changes_of_files": sum(not isinstance(event, Sent | Synced) for event in events),
        "syncs": sum(isinstance(event, Synced) for event in events),
        **{kind: sum(len(getattr(one, kind)) for one in findings) for kind in KINDS},
    }


def _render(figures: dict[str, object], now_s: float) -> bytes:
    content = {
        "date": dt.datetime.fromtimestamp(now_s, dt.UTC).isoformat(timespec="seconds"),
        "commit": read_commit(),
        "command": shlex.join(["scripts/power_cuts", *sys.argv[1:]]),
        **figures,
        "machine": read_machine(),
        "versions": {**read_versions(), "sqlite": sqlite3.sqlite_version, "strace": read_strace_version()},
    }
    return msgspec.json.format(msgspec.json.encode(content)) + b"\n"


if __name__ == "__main__":
    main()
