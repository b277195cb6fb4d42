"""Measure recall: the shares of questions with the right text among the first five and ten; run as scripts/recall.

Not here: persons (world.py), asking (measure.py). Threads: one.
"""

import sys
from collections.abc import Iterator, Sequence

import click

from omi_actors.actors.embedder import Encode, load_encoder
from scripts.lab.recall.measure import (
    DATABASES,
    Found,
    ask_all,
    build_plain_search,
    build_search_by_meaning,
    open_store,
    search_ours,
    store_person,
    store_plain,
    store_vectors,
)
from scripts.lab.recall.world import LANGUAGES, build_person

WORDS, MEANING, PLAIN = "recall", "recall by words and meaning", "plain full-text search"
# The shares of held-out questions below which the command fails.
_NEEDED = {WORDS: {5: 0.70, 10: 0.79}, MEANING: {5: 0.75, 10: 0.85}}


@click.command()
@click.option("--database", type=click.Choice(DATABASES), multiple=True, default=DATABASES, show_default=True)
@click.option("--texts", default=1_500, show_default=True, help="Texts of small talk a person, beside the facts.")
@click.option("--persons", default=2, show_default=True, help="Persons of each language.")
@click.option("--semantic", is_flag=True, help="Also by meaning, with the extra `semantic`.")
def main(database: Sequence[str], texts: int, persons: int, *, semantic: bool) -> None:
    """Ask invented persons' questions and print what is found. Exit 1 if too little of the held-out half is.

    That is below 0.70 in five or 0.79 in ten by words, below 0.75 or 0.85 by words and meaning.
    """
    encode = load_encoder() if semantic else None
    is_good = True
    for name in database:
        for label, found in measure(name, texts=texts, persons=persons, encode=encode).items():
            for line in render(f"{name}, {label}", found):
                click.echo(line)
            held_out = [one for one in found if one.asked.is_held_out]
            is_good = is_good and all(share(held_out, depth) >= part for depth, part in _NEEDED.get(label, {}).items())
    sys.exit(0 if is_good else 1)


def measure(database: str, *, texts: int, persons: int, encode: Encode | None = None) -> dict[str, list[Found]]:
    """Return the results of all questions by the search: of recall, and of the database's own search."""
    people = {
        f"{language}-{seed}": build_person(language, texts=texts, seed=seed)
        for language in LANGUAGES
        for seed in range(1, persons + 1)
    }
    with open_store(database) as engine:
        for name, person in people.items():
            store_person(engine, name, person)
        store_plain(engine, database, list(people))
        searches = {WORDS: search_ours, PLAIN: build_plain_search(database)}
        if encode is not None:
            store_vectors(engine, encode)
            searches[MEANING] = build_search_by_meaning(encode)
        return {
            label: [one for name, person in people.items() for one in ask_all(engine, name, person, search)]
            for label, search in searches.items()
        }


def share(found: Sequence[Found], depth: int) -> float:
    """Return the share of questions with the right text among the first `depth`."""
    return sum(one.place is not None and one.place <= depth for one in found) / max(1, len(found))


def render(title: str, found: Sequence[Found]) -> Iterator[str]:
    """Return the lines about one search."""
    times = sorted(one.seconds for one in found)
    middle, high = (times[int(len(times) * part)] * 1e3 for part in (0.5, 0.95))
    yield f"{title}: {len(found)} questions, p50 {middle:.1f} ms, p95 {high:.1f} ms"
    for language in ("", *LANGUAGES):
        for is_held_out in (False, True):
            some = [
                one for one in found if one.asked.is_held_out == is_held_out and language in ("", one.asked.language)
            ]
            kind = f"{language or 'all'}, {'held out' if is_held_out else 'tuned'}"
            yield f"  {kind:14} {len(some):4} questions: in five {share(some, 5):.3f}, in ten {share(some, 10):.3f}"


if __name__ == "__main__":
    main()
