"""The operator's page: one look as HTML, and as the JSON from which the open page renews itself.

Not here: what is in it (omi_actors/looks/), who may see it (web/handlers/dashboard.py). Threads: the event loop's.
Every value is escaped, by the template in HTML and by `textContent` in the script.
"""

from functools import cache
from importlib.resources import files
from typing import Any

from tornado.template import Template

from omi_actors.looks.look import Look

PLACE = "/metrics-dashboard"
# A look takes a few milliseconds; people do not read faster.
_EVERY_MS = 5_000
_STATES = {"pass": "All is well", "warn": "Something is not well", "fail": "Something fails"}
_NOTHING_WRONG = "Nothing that the server knows of."


def build_data(look: Look, taken_at: str) -> dict[str, Any]:
    """Return the page's contents as JSON takes them; `taken_at` is ISO 8601."""
    return {
        "status": look.status,
        "state": _STATES[look.status],
        "takenAt": taken_at,
        "checks": list(look.checks.items()),
        "troubles": [{"what": trouble.what, "do": trouble.do} for trouble in look.troubles],
        "nothingWrong": _NOTHING_WRONG,
        "tables": {table.name: table.rows for table in look.tables},
    }


def render_page(look: Look, taken_at: str) -> bytes:
    """Return the page."""
    return _template().generate(
        data=build_data(look, taken_at),
        state=_STATES[look.status],
        tables=look.tables,
        place=PLACE,
        every_ms=_EVERY_MS,
        nothing_wrong=_NOTHING_WRONG,
    )


@cache
def read_asset(name: str) -> bytes:
    """Return one of the page's own files, as it is."""
    return (files("web.pages") / name).read_bytes()


@cache
def _template() -> Template:
    return Template(read_asset("dashboard.html"), name="dashboard.html")
