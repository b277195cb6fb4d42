"""Score the recognition of questions; run as scripts/hearing."""

import asyncio
import sys

import click

from scripts.lab.hearing.curve import render_curve
from scripts.lab.hearing.play import CASES, load_cases
from scripts.lab.hearing.score import is_good_enough, judge, render_report
from scripts.lab.hearing.server import ask_server
from scripts.lab.hearing.talk import is_left_alone, load_turns, render_talk, take


@click.command()
@click.option("--failures", is_flag=True, help="Name the tuned cases that went wrong. Never those held out.")
@click.option("--server", is_flag=True, help="Play the cases to a server of their own, at real pace, and time it.")
def main(*, failures: bool, server: bool) -> None:
    """Play the cases of hearing and print their figures, the times to answer, and the curve of pauses.

    Exit 1 if a figure is below 0.985, or answers leave too late. Then play talk after an answer, and print how much of
    it is taken for a follow-up, and how many follow-ups are missed. Exit 1 above 0.10 and 0.05.
    """
    cases = load_cases(CASES)
    if server:
        report = asyncio.run(ask_server(cases))
        for line in report.render():
            click.echo(line)
        sys.exit(0 if report.is_soon else 1)
    results = [judge(case) for case in cases]
    turns = load_turns(CASES.parent / "talk")
    for line in (*render_report(results, failures=failures), *render_curve(cases), "", *render_talk(turns)):
        click.echo(line)
    if failures:
        for turn in turns:
            if not turn.is_held_out and (take(turn) is not None) != turn.is_followup:
                click.echo(f"{turn.language}: {'missed' if turn.is_followup else 'taken'}: {turn.text}")
    sys.exit(0 if is_good_enough(results) and is_left_alone(turns) else 1)


if __name__ == "__main__":
    main()
