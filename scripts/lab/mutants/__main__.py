"""Choose mutants of the product at random, and count the mutants that the tests find; run as scripts/mutants.

Not here: the changes (mutations.py), the runs (run.py). Threads: the main one.
"""

import random
import sys
import tempfile
from pathlib import Path

import click

from scripts.lab.mutants.mutations import iter_modules
from scripts.lab.mutants.run import ROOM_TESTS, ROOT, Mutant, try_mutants

# The share of mutants that must be found. Some change nothing that can be seen, such as a capacity by one.
_GOOD_ENOUGH = 0.88


@click.command()
@click.option("--count", default=200, show_default=True, help="Mutants to draw.")
@click.option("--seed", default=1, show_default=True, help="Draws the same mutants again.")
@click.option("--room", type=click.Choice(list(ROOM_TESTS)), multiple=True, help="Only of this room; may be repeated.")
@click.option("--workers", default=2, show_default=True, help="Mutants that are tried at a time.")
@click.option("--list", "is_listing", is_flag=True, help="Name the drawn mutants and try none.")
def main(*, count: int, seed: int, room: tuple[str, ...], workers: int, is_listing: bool) -> None:
    """Change one operator or constant at a time, run its folder's fast tests, and list the changes that no test found.

    Exits 1 when fewer than 88 of 100 are found.
    """
    mutants = draw_mutants(room or tuple(ROOM_TESTS), count=count, seed=seed)
    if is_listing:
        for mutant in mutants:
            click.echo(mutant.describe())
        return
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        tried = try_mutants(mutants, Path(folder), workers=workers, say=click.echo)
    found = sum(one.is_found for one in tried)
    click.echo(f"{found} of {len(tried)} found ({found / max(1, len(tried)):.1%}); seed {seed}")
    sys.exit(0 if found >= len(tried) * _GOOD_ENOUGH else 1)


def draw_mutants(rooms: tuple[str, ...], *, count: int, seed: int) -> list[Mutant]:
    """Return up to `count` different mutants of these folders (`rooms`), chosen at random."""
    files = [file for room in rooms for file in (ROOT / room).rglob("*.py")]
    texts = {str(file.relative_to(ROOT)): file.read_text(encoding="utf-8") for file in files}
    all_mutants = [Mutant(path, mutation) for path, mutation in iter_modules(texts)]
    return random.Random(seed).sample(all_mutants, min(count, len(all_mutants)))  # noqa: S311 (a repeatable draw)


if __name__ == "__main__":
    main()
