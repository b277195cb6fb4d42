"""The short pages: where one is, that one has signed out, why something was refused.

Not here: the operator's dashboard (dashboard.py), who may see what (web/handlers/). Threads: the event loop's.
"""

from omi_actors.status.snapshot import Snapshot
from web.pages.dashboard import PLACE, say_state
from web.pages.templates import render
from web.problems import Problem

_PLACES = (
    ("/health", "Health", "states of all parts, as JSON"),
    ("/omi-webhook/queue-status", "Queue", "jobs and sessions, as JSON"),
    ("/api/info", "Addresses", "version, features and every address, as JSON"),
)
_OF_METRICS = (
    (PLACE, "Dashboard", "what is wrong now, what to do, and all figures"),
    ("/metrics", "Metrics", "for Prometheus"),
)
_UNAUTHORIZED = 401
# What the hint of the API, a header, is to a program.
_SIGN_IN = "Open the link that the server printed at its start, or one from `omi-actors operator-link`; it works once."


def render_index(wake_name: str, look: Snapshot | None, *, has_metrics: bool) -> bytes:
    """Return the start page; with a look it is the operator's."""
    status, state = say_state(look) if look is not None else ("", "")
    places = (*(_OF_METRICS if has_metrics else ()), *_PLACES)
    return render("index.html", wake_name=wake_name, status=status, state=state, places=places)


def render_signed_out() -> bytes:
    """Return the page after signing out."""
    return render("message.html", title="Signed out", sentences=(), request_id="")


def render_refusal(problem: Problem, request_id: str) -> bytes:
    """Return an error as a page, for a person."""
    hint = _SIGN_IN if problem.status == _UNAUTHORIZED else problem.hint
    title, *rest = problem.error.split(". ")
    sentences = [text.split("`") for text in (". ".join(rest), hint) if text]
    return render("message.html", title=title, sentences=sentences, request_id=request_id)
