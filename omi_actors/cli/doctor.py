"""The command `omi-actors doctor`: prints the findings of all checks.

Not here: the checks (doctor/). Threads: the main one.
"""

import io
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import click

from omi_actors.cli.program import env_file_option, env_file_to_load
from omi_actors.doctor.examine import examine
from omi_actors.doctor.finding import Finding, Machine, State

_MARKS = {State.OK: "✔", State.NOTE: "!", State.PROBLEM: "✘"}
_PLAIN_MARKS = {State.OK: "ok     ", State.NOTE: "note   ", State.PROBLEM: "PROBLEM"}


@click.command(short_help="Find what is wrong, each with its fix.")
@env_file_option
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def doctor(*, env_file: Path | None, as_json: bool) -> None:
    """Find every problem that stops the server from starting or answering, and print its solution.

    The command changes nothing. The exit code is 1 if there is a problem, 0 if there are only notes.
    """
    findings = list(examine(env_file_to_load(env_file), Machine()))
    if as_json:
        click.echo(json.dumps([asdict(finding) for finding in findings], indent=2))
    else:
        _show(findings)
    sys.exit(int(any(finding.state is State.PROBLEM for finding in findings)))


def _show(findings: Sequence[Finding]) -> None:
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal without our signs
    marks = _MARKS if (sys.stdout.encoding or "").lower().replace("-", "") == "utf8" else _PLAIN_MARKS
    for finding in findings:
        click.echo(f"{marks[finding.state]} {finding.check:<9} {finding.said}")
        if finding.fix:
            click.echo(f"{'':<12}fix: {finding.fix}")
    problems = sum(finding.state is State.PROBLEM for finding in findings)
    notes = sum(finding.state is State.NOTE for finding in findings)
    click.echo(f"problems: {problems}, notes: {notes}")
