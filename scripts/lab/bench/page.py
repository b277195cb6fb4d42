"""Page: build docs/benchmarks.md only from the JSON of one run.

Not here: the figures (the rows). Threads: any; pure.
"""

from collections.abc import Mapping, Sequence
from typing import Any

_HEAD = """# Benchmarks

Made by `scripts/bench --docs` from `benchmarks.json`, which `scripts/bench` wrote. Do not edit.
Absolute figures belong to the machine below; compare ratios. Synced writes: a disk with a slow sync makes a webhook
wait longer, not cost more.
"""


def render_page(result: Mapping[str, Any]) -> str:
    """Return the page as Markdown. Raises: ValueError for a run with tiny sizes, since its figures are useless."""
    if result["quick"]:
        raise ValueError("the figures are of a --quick run and mean nothing")
    rows = result["rows"]
    parts = [
        _HEAD,
        "| what | measured | target | reached |",
        "|---|---|---|---|",
        *(
            f"| {row['what']} | {row['headline']} | {row['target']} | {_mark(row['is_reached'])} |"
            for row in rows.values()
        ),
        "",
    ]
    for name, row in rows.items():
        parts += [f"## {row['what'].capitalize()}", "", row["how"], "", *_table(row["figures"]), ""]
        measured = row.get("measured", result)
        parts += [f"Measured {measured['date']} at commit {measured['commit']}.", ""]
        parts += [f"Again: `scripts/bench --only {name}`", ""]
    parts += ["## Measured with", "", *_table(_circumstances(result))]
    return "\n".join(parts) + "\n"


def renew_rows(before: Mapping[str, Any], new: Mapping[str, Any], order: Sequence[str]) -> dict[str, Any]:
    """Return the content of benchmarks.json with the rows of a new run in place of the older ones.

    Raises: ValueError if the older rows were measured on another machine.
    """
    if before["machine"] != new["machine"]:
        raise ValueError("the other rows are of another machine: measure all, into a new file")
    older = {name: {"measured": _measured(before), **row} for name, row in before["rows"].items()}
    rows = older | dict(new["rows"])
    return {**new, "rows": {name: rows[name] for name in order if name in rows}}


def _measured(result: Mapping[str, Any]) -> dict[str, str]:
    return {name: result[name] for name in ("date", "commit", "command")}


def _mark(is_reached: bool) -> str:  # noqa: FBT001 (the only argument)
    return "yes" if is_reached else "no"


def _circumstances(result: Mapping[str, Any]) -> dict[str, object]:
    return {
        "date": result["date"],
        "commit": result["commit"],
        "command": f"`{result['command']}`",
        **result["machine"],
        **result["versions"],
        **{f"setting {name}": value for name, value in result["settings"].items()},
    }


def _table(figures: Mapping[str, object]) -> list[str]:
    lines = [f"| {name.replace('_', ' ')} | {_show(value)} |" for name, value in figures.items()]
    return ["| | |", "|---|---|", *lines]


def _show(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,}" if isinstance(value, int) else str(value)
