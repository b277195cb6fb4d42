"""The drawing of `omi-actors top`: the data of the operator's page as text for a terminal.

All texts come from the server and may have come from strangers: they are shown as plain characters.
Not here: the data (status/), the terminal's keys (top.py). Threads: the main one.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich import box
from rich.columns import Columns
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.panel import Panel
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from omi_actors.cli.console_tables import show_plain
from omi_actors.status.units import format_age, format_seconds

_COLOURS = {"pass": "green", "warn": "yellow", "fail": "bold red"}
_SIGNS = {"pass": "ok", "warn": "!", "fail": "x"}
_BARS = "▁▂▃▄▅▆▇█"
# Minutes of a tile's series that are drawn.
_SPARKS = 24
# Seconds of silence after which the server is said to be gone.
_SILENT_S = 3.0
# Rows of the lists that may be long.
_ROWS = 10
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
        yield from self._causes(data.get("causes") or data.get("troubles", ()))
        yield self._checks(data.get("checks", ()))
        if tiles := data.get("tiles") or data.get("headlines"):
            yield Columns([self._tile(tile) for tile in tiles], equal=True)
        yield from self._lists(data)
        for name, table in data.get("tables", {}).items():
            if isinstance(table, list):
                yield self._table(name.capitalize(), (), table)
            else:
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
            yield self._text(f"  {cause['do']}", "")
            for consequence in cause.get("consequences", ()):
                yield self._text(f"  - {consequence}", "dim")

    def _checks(self, checks: Sequence[Sequence[str]]) -> RenderableType:
        line = Text()
        for name, status, *_ in checks:
            line.append(f"{_SIGNS.get(status, '?')} {self._plain(name)}  ", _COLOURS.get(status, ""))
        return line

    def _tile(self, tile: Mapping[str, Any]) -> RenderableType:
        lines = [
            self._text(tile["value"], _COLOURS.get(tile.get("status", ""), "bold")),
            self._text(tile.get("note", ""), "dim"),
        ]
        if not self._is_ascii:
            lines.insert(1, Text(draw_sparks(tile.get("series", ()))))
        return Panel(Group(*lines), title=self._text(tile["label"], ""), title_align="left", box=box.SQUARE)

    def _lists(self, data: Mapping[str, Any]) -> Iterator[RenderableType]:
        """Yield the lists that are not empty. A request's age gets its unit; other cells are shown as they are."""
        active = [{**one, "age": format_seconds(one["ageMs"] / 1e3)} for one in data.get("active", ())]
        failed = data.get("queue", {}).get("failed", ())
        for title, found, cells in (
            ("Active requests", active, {"Request": "id", "Route": "route", "Stage": "stage", "Age": "age"}),
            ("Errors", data.get("errors", ()), {"Type": "type", "Where": "where", "Count": "count", "Last": "lastAt"}),
            ("Failed jobs", failed, {"Job": "id", "Kind": "kind", "Attempts": "attempts", "Error": "error"}),
        ):
            if found:
                rows = [[one.get(key, "") for key in cells.values()] for one in found[:_ROWS]]
                yield self._table(title, [*cells], rows)

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
