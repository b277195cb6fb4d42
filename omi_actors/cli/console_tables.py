"""The console tables: the figures since the start as boxes of text, on standard output.

Printed when the server stops, at SIGUSR1, and every minute with LOG_LEVEL=debug.
Not here: the figures (status/figures.py). Threads: figures on the event loop; the text in a daemon thread of its own,
since standard output may be a pipe that nobody reads.
"""

import asyncio
import contextlib
import os
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from io import StringIO
from typing import Any, TextIO

from omi_actors.status.units import format_share

# Seconds between two prints with LOG_LEVEL=debug.
_EVERY_S = 60.0
# Seconds for the last print, beyond which the program ends without it.
_LAST_S = 2.0
_RULE = "=" * 80
_TITLE = "SYSTEM METRICS DASHBOARD"
_NOTHING = "N/A"
# Active requests that are shown: the oldest. Characters of a request's id.
_ACTIVE, _ID = 10, 8
# Wider than any row; a table takes the width of its content.
_WIDTH = 200

# Returns the figures (status/figures.py) and the active requests, oldest first.
Look = Callable[[], tuple[Mapping[str, Any], Sequence[Mapping[str, Any]]]]
# Sign and title of a section, its column titles or none, its rows.
_Section = tuple[str, str, Sequence[str], Sequence[Sequence[str]]]


def render_tables(
    figures: Mapping[str, Any], active: Sequence[Mapping[str, Any]], *, is_ascii: bool = False, node: str = ""
) -> str:
    """Return the tables. With `is_ascii` boxes have plain characters, and titles no signs."""
    from rich import box  # noqa: PLC0415 (100 ms, and most runs print no table)
    from rich.console import Console  # noqa: PLC0415 (same)
    from rich.table import Table  # noqa: PLC0415 (same)
    from rich.text import Text  # noqa: PLC0415 (same)

    out = StringIO()
    console = Console(file=out, width=_WIDTH, color_system=None, force_terminal=False)
    for sign, title, columns, rows in _sections(figures, active):
        table = Table(box=box.ASCII if is_ascii else box.SQUARE, show_header=bool(columns))
        for column in columns or ("", ""):
            table.add_column(column, no_wrap=True)
        for row in rows:
            table.add_row(*(Text(show_plain(cell, is_ascii=is_ascii)) for cell in row))
        out.write(f"\n{title if is_ascii else f'{sign} {title}'}\n")
        console.print(table)
    title = f"{_TITLE}: {node}" if node else _TITLE
    return f"\n{_RULE}\n{title}\n{_RULE}\n{out.getvalue()}"


def show_plain(text: str, *, is_ascii: bool = False) -> str:
    """Return text for a terminal: a character that is not printable, or with `is_ascii` not ASCII, becomes `?`."""
    return "".join(char if char.isprintable() and (char.isascii() or not is_ascii) else "?" for char in text)


def _sections(figures: Mapping[str, Any], active: Sequence[Mapping[str, Any]]) -> Iterator[_Section]:
    for (sign, title), rows in _figures_by_section(figures).items():
        yield sign, title, (), rows
    if by_type := figures["errors"]["byType"]:
        yield "❌", "ERROR BREAKDOWN", (), [(kind, str(count)) for kind, count in by_type.items()]
    yield (
        "🔄",
        "ACTIVE REQUESTS",
        ("Request ID", "Method", "Path", "Duration"),
        [
            (str(one["id"])[:_ID], str(one["method"]), str(one["route"]), _in_ms(one["ageMs"]))
            for one in active[:_ACTIVE]
        ],
    )


def _figures_by_section(figures: Mapping[str, Any]) -> dict[tuple[str, str], list[tuple[str, str]]]:
    requests, times, webhooks = figures["requests"], figures["performance"], figures["webhooks"]
    database, cache, queue = figures["database"], figures["cache"], figures["queue"]
    others = requests["failed"] - requests["serverErrors"]
    return {
        ("📊", "REQUEST METRICS"): [
            ("Total Requests", str(requests["total"])),
            ("Successful", str(requests["success"])),
            ("Failed", str(requests["serverErrors"])),
            # They are the client's fault, and no part of the rate: without this row the sum would not be right.
            *([("Refused or Closed", str(others))] if others else ()),
            ("Success Rate", _share(requests["success"], requests["success"] + requests["serverErrors"])),
        ],
        ("⚡", "PERFORMANCE METRICS"): [
            ("Avg Response Time", _in_ms(times["avgResponseTime"])),
            ("Max Response Time", _in_ms(times["maxResponseTime"])),
            ("Min Response Time", _in_ms(times["minResponseTime"])),
        ],
        ("🔗", "WEBHOOK METRICS"): [
            ("Processed", str(webhooks["processed"])),
            ("Failed", str(webhooks["failed"])),
            ("Avg Processing Time", _in_ms(webhooks["avgProcessingTime"])),
        ],
        ("💾", "DATABASE METRICS"): [
            ("Total Queries", str(database["queries"])),
            ("Failed Queries", str(database["errors"])),
            ("Avg Query Time", _in_ms(database["avgQueryTime"])),
            ("Error Rate", _share(database["errors"], database["queries"])),
        ],
        ("🗄️", "CACHE METRICS"): [
            ("Cache Hits", str(cache["hits"])),
            ("Cache Misses", str(cache["misses"])),
            ("Hit Rate", _share(cache["hits"], cache["hits"] + cache["misses"])),
        ],
        ("📦", "QUEUE METRICS"): [
            ("Enqueued", str(queue["enqueued"])),
            ("Processed", str(queue["processed"])),
            ("Failed", str(queue["failed"])),
            ("Success Rate", _share(queue["processed"], queue["processed"] + queue["failed"])),
        ],
    }


def _share(part: float, whole: float) -> str:
    return format_share(part, whole) if whole else _NOTHING


def _in_ms(value: float | None) -> str:
    return _NOTHING if value is None else f"{value:.2f}ms"


class ConsoleTables:
    """Printer of the tables. A print that still waits for its reader is not joined by a second one."""

    def __init__(self, look: Look, out: TextIO | None = None, *, node: str = "") -> None:
        """Make a printer. A `node` is named in the title, if several processes print."""
        self._node = node
        self._look = look
        self._out = out or sys.stdout
        self._printing: threading.Thread | None = None

    def print_soon(self) -> None:
        """Take the figures now, and print them in a thread."""
        if self._printing is not None and self._printing.is_alive():
            return
        figures, active = self._look()
        thread = threading.Thread(target=self._print, args=(figures, active), name="console tables", daemon=True)
        self._printing = thread
        thread.start()

    def print_last(self) -> None:
        """Print once more, and wait for it, but not for ever."""
        self.print_soon()
        if self._printing is not None:
            self._printing.join(_LAST_S)

    async def print_each_minute(self) -> None:
        """Print until cancelled."""
        while True:
            await asyncio.sleep(_EVERY_S)
            self.print_soon()

    def _print(self, figures: Mapping[str, Any], active: Sequence[Mapping[str, Any]]) -> None:
        is_ascii = not self._out.encoding.lower().startswith("utf")
        text = render_tables(figures, active, is_ascii=is_ascii, node=self._node)
        # Without the stream's buffer: a thread that waits with the buffer's lock would break the end of the program.
        left = text.encode(self._out.encoding, "replace")
        with contextlib.suppress(OSError, ValueError):  # standard output is closed
            while left:
                left = left[os.write(self._out.fileno(), left) :]
