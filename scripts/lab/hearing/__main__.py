"""Score the recognition of questions; run as scripts/hearing."""

import sys
from pathlib import Path

import click

from scripts.lab.hearing.curve import render_curve
from scripts.lab.hearing.play import load_cases
from scripts.lab.hearing.score import is_good_enough, judge, render_report

_CASES = Path(__file__).parents[3] / "tests" / "hearing" / "cases"


@click.command()
@click.option("--failures", is_flag=True, help="Name the tuned cases that went wrong. Never those held out.")
def main(*, failures: bool) -> None:
    """Play the cases of hearing and print their figures, the times to answer, and the curve of pauses.

    Exit 1 if a figure is below 0.985, or answers leave too late.
    """
    cases = load_cases(_CASES)
    results = [judge(case) for case in cases]
    for line in (*render_report(results, failures=failures), *render_curve(cases)):
        click.echo(line)
    sys.exit(0 if is_good_enough(results) else 1)


if __name__ == "__main__":
    main()
