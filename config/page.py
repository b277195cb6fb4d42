"""The page docs/settings.md: made from the settings, so that it cannot be out of date.

Not here: the settings (variables.py). Threads: none. Run `python -m config.page > docs/settings.md` to renew it.
"""

import sys
from collections.abc import Iterator

from config.describing import Group, default_of, groups, range_of, unit_of, variables_of
from config.effects import TESTED_BY
from config.not_taken import NOT_TAKEN, NotTaken

_HEAD = """# Settings

Every variable, in the environment or in `.env` (`--env-file` names another file). An option wins over the environment,
that over the file; an empty variable is as good as none. In the file, values are taken as written: `$` is nothing
special. `omi-actors config` shows the values in force and where each came from, `omi-actors doctor` what is wrong.

An impossible value ends the start with a sentence; so does a misspelt name in the file. In the environment, a name that
is almost one of ours is warned of. Switches take `true`, `1`, `yes`, `on` and `false`, `0`, `no`, `off`.
"""
_TABLE = "| variable | default | unit | range | meaning | its effect is seen by |\n|---|---|---|---|---|---|"
_NOT_TAKEN_HEAD = """## Variables of other servers that mean nothing here

The server says so at start; those marked *refused* end it, since somebody would rely on them.

| variable | passes | otherwise | why | instead |
|---|---|---|---|---|"""


def settings_page() -> str:
    """Return the page as Markdown."""
    parts = [_HEAD, *(_section(group) for group in groups()), _not_taken()]
    return "\n".join(parts)


def _section(group: Group) -> str:
    return "\n".join([f"## {group.title}\n", _TABLE, *_rows(group), ""])


def _rows(group: Group) -> Iterator[str]:
    for attribute, field in group.fields.items():
        name, *others = variables_of(field)
        bounds = range_of(field)
        also = f" Also: {', '.join(f'`{other}`' for other in others)}." if others else ""
        file, test = TESTED_BY.get(name, ("", ""))
        cells = (
            f"`{name}`",
            f"`{default_of(field)}`" if default_of(field) else "",
            unit_of(attribute, field),
            f"{bounds[0]} to {bounds[1]}" if bounds else "",
            f"{field.description}{also}",
            f"`{file}`: {test.removeprefix('test_').replace('_', ' ')}" if test else "",
        )
        yield f"| {' | '.join(cells)} |"


def _not_taken() -> str:
    rows = [
        f"| `{name}` | {_passes(entry)} | {_end(entry)} | {entry.reason} | {entry.instead} |"
        for name, entry in NOT_TAKEN.items()
    ]
    return "\n".join([_NOT_TAKEN_HEAD, *rows, ""])


def _passes(entry: NotTaken) -> str:
    return "" if entry.is_so is None else f"`{str(entry.is_so).lower()}`"


def _end(entry: NotTaken) -> str:
    return "*refused*" if entry.refused else "told"


if __name__ == "__main__":
    sys.stdout.write(settings_page())
