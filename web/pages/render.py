"""Pages from their templates: start page, dashboard, error pages, sign-out. Templates escape every value.

Not here: pages of jobs and transcripts (operator.py), the figures (omi_actors/status/), access (web/handlers/).
Threads: the event loop.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

import msgspec
from tornado.template import DictLoader

from omi_actors.status.causes import show_causes
from omi_actors.status.snapshot import Snapshot
from web.problems import Problem, iso_time

DASHBOARD = "/metrics-dashboard"
TIMELINES = f"{DASHBOARD}/requests"
WEBHOOKS_PLACE = f"{DASHBOARD}/webhooks"
OPERATOR_PLACE = "/operator"
JOBS = f"{OPERATOR_PLACE}/queue/jobs"

_LINKS = (
    ("/health", "Health", "states of all parts, as JSON"),
    ("/omi-webhook/queue-status", "Queue", "counts of jobs and sessions, as JSON"),
    ("/docs", "Interface", "every address, with requests to try"),
    ("/api/info", "Addresses", "version, features and every address, as JSON"),
)
_JOBS_LINK = (JOBS, "Jobs", "the queue, job by job, with errors and transcripts")
_DASHBOARD_LINK = (DASHBOARD, "Dashboard", "present troubles, advice, and all figures")
_METRICS_LINK = ("/metrics", "Metrics", "for Prometheus")
_BAD_REQUEST, _UNAUTHORIZED, _SERVER_ERROR = 400, 401, 500
# The API's hint names a header, which a person in a browser cannot send.
_SIGN_IN = "Open the link that the server printed at its start, or one from `omi-actors operator-link`; it works once."


# The files of the page for people, and of the page of the interface.
FILES = frozenset(f"{name}/{file.name}" for name in ("app", "docs") for file in (files("web.pages") / name).iterdir())


@cache
def read_asset(name: str) -> bytes:
    """Return a file of this folder unchanged."""
    return (files("web.pages") / name).read_bytes()


def render_index(facts: Mapping[str, Any], snapshot: Snapshot | None, *, has_metrics: bool) -> bytes:
    """Return the page for people; with a snapshot also for the operator, with states and links.

    `facts` are for its script. Without `wakeNames` the page says that only typed questions are answered.
    """
    status, state = (snapshot.status, snapshot.state) if snapshot is not None else ("", "")
    found = (_DASHBOARD_LINK, _JOBS_LINK, _METRICS_LINK, *_LINKS) if has_metrics else (_JOBS_LINK, *_LINKS)
    links = found if snapshot is not None else ()
    operator = {"status": status, "state": state, "links": links} if state else None
    told = msgspec.json.encode({**facts, "operator": operator}).decode()
    return render_template("index.html", facts=facts, told=told, status=status, state=state, links=links)


def render_dashboard(snapshot: Snapshot, taken_at: str, *, may_change: bool) -> bytes:
    """Return the operator's dashboard; `taken_at` is ISO 8601. Without `may_change` it has no buttons of changes."""
    data = build_data(snapshot, taken_at)
    return render_template("dashboard.html", data=data, tables=snapshot.tables, place=DASHBOARD, may_change=may_change)


def build_data(snapshot: Snapshot, taken_at: str) -> dict[str, Any]:
    """Return the dashboard's contents for JSON; `taken_at` is ISO 8601. Dataclasses are left to the encoder."""
    return {
        "status": snapshot.status,
        "state": snapshot.state,
        "takenAt": taken_at,
        "startedAt": iso_time(snapshot.started_at),
        "node": snapshot.node,
        "demo": snapshot.is_demo,
        "causes": show_causes(snapshot.causes),
        "checks": snapshot.checks,
        "tiles": snapshot.tiles,
        "tables": {table.name: table for table in snapshot.tables},
    }


def render_message(title: str, sentences: Sequence[str] = ()) -> bytes:
    """Return a page with a message, such as the one after signing out."""
    return render_template(
        "message.html", title=title, sentences=[text.split("`") for text in sentences], request_id="", timeline=""
    )


def render_operator_door() -> bytes:
    """Return the page for a browser that is not signed in as the operator."""
    return render_message("This is for the operator", [f"{_SIGN_IN} Programs send ADMIN_TOKEN."])


def render_key_form(**values: Any) -> bytes:
    """Return the form of a one-time link; `values` are those of key_form.html."""
    return render_template("key_form.html", **values)


def render_help(form: Mapping[str, Any]) -> bytes:
    """Return the page that explains how to speak to the wearable; `form` is the same as JSON."""
    return render_template("help.html", help=form)


def render_undo_link(path: str, key: str) -> bytes:
    """Return the page that asks whether to undo a link; its form sends the key to `path`."""
    return render_template("undo_link.html", path=path, key=key)


def render_error(problem: Problem, request_id: str, *, timeline: str = "") -> bytes:
    """Return the error page of a problem; `timeline` is the address of the request's timeline, for the operator."""
    hint = _SIGN_IN if problem.status == _UNAUTHORIZED else problem.hint
    title, *rest = problem.error.split(". ")
    sentences = [text.split("`") for text in (". ".join(rest), hint) if text]
    return render_template("message.html", title=title, sentences=sentences, request_id=request_id, timeline=timeline)


def render_request(timeline: Mapping[str, Any]) -> bytes:
    """Return the page of one request's timeline (status/requests.py)."""
    stages, slowest = timeline["stages"], timeline["slowest"]
    whole_ms = max((stage["atMs"] for stage in stages), default=0.0) or 1.0
    bars = [
        (
            stage,
            round(1000 * (stage["atMs"] - stage["tookMs"]) / whole_ms),
            max(2, round(1000 * stage["tookMs"] / whole_ms)),
            stage["stage"] == slowest["stage"] and stage["tookMs"] == slowest["ms"] > 0,
        )
        for stage in stages
    ]
    status, sentence = _describe(timeline)
    # Attempts fail in the same way, so one line of them is open.
    worst = next((line for line in reversed(timeline["lines"]) if line["level"] not in ("debug", "info")), None)
    values = {"bars": bars, "status": status, "sentence": sentence, "worst": worst}
    return render_template("request.html", one=timeline, place=DASHBOARD, **values)


def render_webhook(webhook: Mapping[str, Any]) -> bytes:
    """Return the page of one webhook of the inspector (web/handlers/webhooks.py)."""
    status = {"accepted": "pass", "repeated": "pass", "dropped": "warn"}.get(webhook["fate"], "fail")
    here = f"{WEBHOOKS_PLACE}/{webhook['id']}"
    return render_template("webhook.html", one=webhook, status=status, place=DASHBOARD, here=here)


def _describe(timeline: Mapping[str, Any]) -> tuple[str, str]:
    """Return pass, warn or fail, and a sentence that says how the request ended."""
    slowest = timeline["slowest"]
    longest = f" The longest stage: {slowest['stage']}, {slowest['ms']} ms." if slowest["ms"] else ""
    error = f" Error: {timeline['error']}." if timeline["error"] else ""
    match timeline["state"]:
        case "active":
            return "warn", f"Under way for {timeline['ageMs']} ms.{longest}"
        case "closed":
            return "warn", f"Its connection closed after {timeline['ms']} ms, before the reply.{error}"
        case "elsewhere":
            return "pass", "It came to another node, or before this server started; its job ran here."
        case _:
            status = timeline["status"]
            is_well = status < _BAD_REQUEST and not timeline["error"]
            state = "pass" if is_well else "warn" if status < _SERVER_ERROR else "fail"
            return state, f"Answered with {status} after {timeline['ms']} ms.{error}{longest}"


def render_template(name: str, **values: Any) -> bytes:
    """Return a page from its template."""
    return _loader().load(name).generate(**values)


@cache
def _loader() -> DictLoader:
    own = (file for file in files("web.pages").iterdir() if file.name.endswith(".html"))
    return DictLoader({file.name: file.read_text(encoding="utf-8") for file in own})
