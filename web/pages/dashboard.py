"""The operator's page: one look as HTML, and as the JSON from which the open page renews itself.

Not here: what is in it (omi_actors/looks/), who may see it (web/handlers/dashboard.py). Threads: the event loop's.
Every value is escaped, by the template in HTML and by `textContent` in the script.
"""

from dataclasses import asdict
from typing import Any

from omi_actors.status.snapshot import Snapshot
from web.pages.templates import render

PLACE = "/metrics-dashboard"
# A look takes a few milliseconds; people do not read faster.
_EVERY_MS = 5_000
_STATES = {"pass": "All is well", "warn": "It works; something needs a look", "fail": "Something fails"}
_LATELY = "It works; something went wrong lately"
_NOTHING_WRONG = "Nothing that the server knows of."


def say_state(look: Snapshot) -> tuple[str, str]:
    """Return pass, warn or fail, and the sentence for it: all is not well while a trouble is listed."""
    if look.status == "pass" and look.troubles:
        return "warn", _LATELY
    return look.status, _STATES[look.status]


def build_data(look: Snapshot, taken_at: str) -> dict[str, Any]:
    """Return the page's contents as JSON takes them; `taken_at` is ISO 8601."""
    status, state = say_state(look)
    return {
        "status": status,
        "state": state,
        "takenAt": taken_at,
        "taken": f"{taken_at[:19].replace('T', ' ')} UTC",
        "checks": list(look.checks.items()),
        "troubles": [asdict(trouble) for trouble in look.troubles],
        "nothingWrong": _NOTHING_WRONG,
        "headlines": [asdict(headline) for headline in look.headlines],
        "tables": {table.name: table.rows for table in look.tables},
    }


def render_page(look: Snapshot, taken_at: str) -> bytes:
    """Return the page."""
    data = build_data(look, taken_at)
    return render("dashboard.html", data=data, tables=look.tables, place=PLACE, every_ms=_EVERY_MS)
