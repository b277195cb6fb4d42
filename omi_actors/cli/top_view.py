"""The drawing of `omi-actors top`: the data of the operator's page as text for a terminal.

All texts come from the server and may have come from strangers: they are shown as plain characters.
Not here: the data (status/), the terminal's keys (top.py). Threads: the main one.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich import box
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from omi_actors.cli.console_tables import show_plain
from omi_actors.status.units import format_age, format_seconds

_COLOURS = {"pass": "green", "warn": "yellow", "fail": "bold red"}
_BARS = "▁▂▃▄▅▆▇█"
# Minutes of a tile's series that are drawn.
_SPARKS = 24
# Seconds of silence after which the server is said to be gone.
_SILENT_S = 3.0
# Rows of a list that may be long.
_ROWS = 30
# Title of each list, and its columns with the names of their values; those in milliseconds end with Ms.
_LISTS = {
    "active": ("Active requests", {"Request": "id", "Route": "route", "Stage": "stage", "Age": "ageMs"}),
    "errors": ("Errors", {"Type": "type", "Where": "where", "Count": "count", "Last": "lastAt"}),
    "failed": ("Failed jobs", {"Job": "id", "Kind": "kind", "Attempts": "attempts", "Error": "error"}),
    "actors": (
        "Actors",
        {"Actor": "path", "State": "state", "Mailbox": "mailbox", "Oldest": "oldestMs", "Restarts": "restarts"},
    ),
}
_KEYS = "q ends; j, k, space move"


class View:
    """The data of the page, and the part of them that fits the terminal."""

    def __init__(self, data: Mapping[str, Any], address: str) -> None:
        self._data = data
        self._address = address
        self._silence = ""
        self._offset = 0
        self._is_ascii = False

    @property
    def status(self) -> str:
        """Return pass, warn or fail."""
        return str(self._data["status"])

    def take(self, data: Mapping[str, Any] | None, *, silent_s: float, why: str) -> None:
        """Take new data, if there are any; say that the server is gone if it failed or has been silent."""
        self._data = data or self._data
        is_gone = bool(why) or silent_s > _SILENT_S
        since = f" The figures below are {format_age(silent_s)} old."
        self._silence = f"{(why or 'the server does not answer').rstrip('.')}.{since}" if is_gone else ""

    def move(self, lines: int) -> None:
        """Move the view down, or with negative `lines` up."""
        self._offset = max(0, self._offset + lines)

    def whole(self) -> RenderableType:
        """Return the whole page, for a print without end."""
        return _Whole(self)

    def parts(self, *, is_ascii: bool) -> Iterator[RenderableType]:
        """Yield the page from its top."""
        self._is_ascii = is_ascii
        data = self._data
        if self._silence:
            yield self._text(self._silence, "bold red")
        yield self._text(f"{data['state']}", _COLOURS.get(self.status, ""))
        yield from self._causes(data.get("causes", ()))
        yield self._checks(data.get("checks", ()))
        yield self._tiles(data.get("tiles", ()))
        yield from self._lists(data)
        for table in data.get("tables", {}).values():
            yield self._table(table["title"], table["columns"], table["rows"], table.get("note", ""))

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Draw the lines that fit, and the keys below them."""
        group = Group(*self.parts(is_ascii=options.ascii_only))
        lines = console.render_lines(group, options.update(height=None), pad=False)
        room = max(1, options.max_height - 1)
        self._offset = max(0, min(self._offset, len(lines) - room))
        for line in lines[self._offset : self._offset + room]:
            yield from line
            yield Segment.line()
        yield self._text(f"{_KEYS}; {self._address}", "dim")

    def _causes(self, causes: Sequence[Mapping[str, Any]]) -> Iterator[RenderableType]:
        for cause in causes:
            yield self._text(f"* {cause['what']}", "bold")
            yield self._text(f"  {cause.get('detail', '')} {cause['do']}".replace("   ", "  "), "")
            for consequence in cause.get("consequences", ()):
                yield self._text(f"  - {consequence}", "dim")

    def _checks(self, checks: Sequence[Sequence[str]]) -> RenderableType:
        line = Text()
        for name, status, *_ in checks:
            line.append(self._plain(f"{name}={status}"), _COLOURS.get(status, ""))
            line.append("  ")
        return line

    def _tiles(self, tiles: Sequence[Mapping[str, Any]]) -> RenderableType:
        """Return a line a tile: its name, value, last minutes and note."""
        grid = Table.grid(padding=(0, 2))
        for tile in tiles:
            sparks = "" if self._is_ascii else draw_sparks(tile["series"])
            value = self._text(tile["value"], _COLOURS.get(tile["status"], "") if tile["status"] != "pass" else "bold")
            grid.add_row(self._text(tile["label"], ""), value, Text(sparks), self._text(tile["note"], "dim"))
        return grid

    def _lists(self, data: Mapping[str, Any]) -> Iterator[RenderableType]:
        """Yield the lists that are not empty."""
        queue = data.get("queue", {})
        if paused := queue.get("paused"):
            yield self._text(f"Paused jobs: {', '.join(paused)}. `omi-actors queue resume` starts them.", "yellow")
        found = {**data, "failed": queue.get("failed", ()), "actors": [*_flatten(data.get("actors", ()))]}
        for section, (title, cells) in _LISTS.items():
            if rows := [[_cell(one, key) for key in cells.values()] for one in found.get(section, ())]:
                yield self._table(title, [*cells], rows[:_ROWS])

    def _table(
        self, title: str, columns: Sequence[str], rows: Sequence[Sequence[object]], note: str = ""
    ) -> RenderableType:
        table = Table(box=box.SQUARE, title=self._text(title, "bold"), title_justify="left", caption_justify="left")
        if note:
            table.caption = self._text(note, "dim")
        for column in columns:
            table.add_column(self._text(column, ""))
        for row in rows or [("none yet",)]:
            table.add_row(*(self._text(cell, "") for cell in row))
        return table

    def _text(self, text: object, style: str) -> Text:
        return Text(self._plain(text), style)

    def _plain(self, text: object) -> str:
        return show_plain(str(text), is_ascii=self._is_ascii)


class _Whole:
    """The whole page of a view."""

    def __init__(self, view: View) -> None:
        self._view = view

    def __rich_console__(self, _console: Console, options: ConsoleOptions) -> RenderResult:
        """Draw everything."""
        yield from self._view.parts(is_ascii=options.ascii_only)


def draw_sparks(series: Sequence[float | None]) -> str:
    """Return a bar a minute for the latest minutes, by the highest of them; a blank where nothing was measured."""
    shown = series[-_SPARKS:]
    highest = max((value for value in shown if value is not None), default=0.0)
    if highest <= 0:
        return ""
    return "".join(" " if one is None else _BARS[round(one / highest * (len(_BARS) - 1))] for one in shown)


def _flatten(actors: Sequence[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """Yield each actor before its children."""
    for actor in actors:
        yield actor
        yield from _flatten(actor.get("children", ()))


def _cell(one: Mapping[str, Any], key: str) -> object:
    value = one.get(key)
    if value is None:
        return ""
    return format_seconds(value / 1e3) if key.endswith("Ms") and isinstance(value, int | float) else value
