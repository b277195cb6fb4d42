"""The report on hearing as lines of text: tuned and held-out cases, by language and by class.

Not here: the counting (score.py). Threads: none.
"""

from collections.abc import Callable, Iterator, Sequence

from scripts.lab.hearing.score import Result, Score, add_up

# Every overall figure must reach this, over the tuned and over the held-out cases.
REQUIRED = 0.98


def render_report(results: Sequence[Result], *, failures: bool = False) -> Iterator[str]:
    """Return the report's lines. `failures` names what went wrong in the tuned cases, and only there."""
    for title, part in _parts(results):
        yield from _render_part(title, part)
    if failures:
        for result in results:
            if not result.score.is_perfect and not result.case.is_held_out:
                yield f"{result.case.id}: expected {_pairs(result.case.expect)}, heard {_pairs(result.taken)}"


def is_good_enough(results: Sequence[Result]) -> bool:
    """Tell whether every overall figure reaches what is required."""
    return all(min(add_up(part).figures.values()) >= REQUIRED for _, part in _parts(results))


def _parts(results: Sequence[Result]) -> tuple[tuple[str, list[Result]], ...]:
    return (
        ("tuned", [result for result in results if not result.case.is_held_out]),
        ("held out", [result for result in results if result.case.is_held_out]),
    )


def _render_part(title: str, results: Sequence[Result]) -> Iterator[str]:
    names = Score().figures
    yield f"{title:22}{'cases':>7}" + "".join(f"{name:>14}" for name in names)
    yield _line("all", results)
    yield from _groups(results, lambda result: result.case.language)
    yield from _groups(results, lambda result: result.case.kind)
    yield ""


def _groups(results: Sequence[Result], key: Callable[[Result], str]) -> Iterator[str]:
    for name in sorted({key(result) for result in results}):
        yield _line(name, [result for result in results if key(result) == name])


def _line(name: str, results: Sequence[Result]) -> str:
    figures = add_up(results).figures
    return f"  {name:20}{len(results):7}" + "".join(f"{share:14.3f}" for share in figures.values())


def _pairs(questions: Sequence[object]) -> str:
    return str([tuple(getattr(question, name) for name in ("text", "when")) for question in questions])
