"""Troubles: each is one problem of the last 5 minutes, in a sentence, with a sentence that says what to do.

Not here: metrics (instruments/metrics.py), checks (health.py). Threads: any; pure.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from omi_actors.instruments.readings import Readings
from omi_actors.status.units import format_count

_SEE_LOG = "The log says why."
# By a health check's name.
_OF_CHECK = {
    "store": "Check that the disk has space and the database runs. " + _SEE_LOG,
    "queue": "Answers wait. Check how long the model takes; raise OPENAI_MAX_CONCURRENCY if it can take more.",
    "supervisor": "Actors of the server restart. See the latest `actor crashed` lines in the log.",
    "loop": "The event loop is blocked. Check whether the machine is busy or short of memory.",
    "model": "Check OPENAI_API_KEY and OPENAI_BASE_URL; see the log's lines about the model.",
    "backplane": "Nodes do not reach each other; each has its own limits and cache. " + _SEE_LOG,
    "notifications": "Check OMI_APP_ID and OMI_APP_SECRET.",
    "budget": "Check whether one wearer or a loop asks so much; the MODEL_USER_ and MODEL_ settings are the budgets.",
    "nodes": "Let the load balancer send each uid to one node.",
    "clock": "Set the clock and keep it by NTP (timedatectl set-ntp true): beyond 5 minutes the node is refused.",
    "retention": "Nothing is deleted: see checks.retention in /health.",
}
_OF_DROP = {
    "overloaded": "A wearer sent more than its session could take. See SESSION_MAILBOX_CAPACITY.",
    "store_unavailable": "The store was unavailable. Check that the disk has space and the database runs.",
    "session_unavailable": "Sessions crashed and were quarantined. The crash is in the log.",
    "too_large": "Bodies are above MAX_REQUEST_SIZE.",
    "no_owner": "Webhooks came without a uid. Check the webhook's address at Omi.",
    "repeated": "A signed webhook came again while the first was handled. A proxy, or a stranger, repeats requests.",
    "timeout": "Work took longer than the webhook may wait. See store latency and event loop lag.",
}
# By outcomes that an operator can correct.
NOTIFICATION_HINTS = {
    "unauthorized": "Omi refused the key, or the wearer has not enabled the app: see OMI_APP_SECRET.",
    "invalid": "Omi does not understand the notification: see OMI_NOTIFY_VERSION.",
    "app_not_found": "Omi does not know the app: correct OMI_APP_ID.",
    "no_budget": "The hour's budget is spent: a faster model lets answers go out in replies.",
    "unreachable": "Omi's API cannot be reached: see OMI_API_URL and the network.",
    "unclear": "Omi's API ended without a clear result: see OMI_NOTIFY_TIMEOUT_MS.",
    "set_aside": "Omi's API failed several times and is not called for now: see OMI_API_URL.",
    "refused": "Omi refused notifications: see OMI_API_URL.",
}


@dataclass(frozen=True, slots=True)
class Trouble:
    """A problem in the sentence `what`, with its solution in the sentence `do`. `status` is warn or fail."""

    what: str
    do: str
    status: str = "warn"


_DEMO = Trouble(
    "The demo model answers; it repeats the question.",
    "Set OPENAI_API_KEY in .env and start again. See the README, “Connect a model”.",
)


def find_troubles(checks: Mapping[str, Mapping[str, Any]], now: Readings, recent: Readings) -> list[Trouble]:
    """Return the troubles, the worst first: failing checks, warnings, then counts of the last 5 minutes (`recent`)."""
    failing = [(name, check) for name, check in checks.items() if check["status"] == "fail"]
    warning = [(name, check) for name, check in checks.items() if check["status"] == "warn"]
    found = [_of_check(name, check) for name, check in (*failing, *warning)]
    for find in (_drops, _unauthorized, _server_errors, _crashes, _notifications, _jobs, _lasting):
        found.extend(find(now, recent))
    return found


def _of_check(name: str, check: Mapping[str, Any]) -> Trouble:
    if check.get("provider") == "demo":
        return _DEMO
    word = "fails" if check["status"] == "fail" else "is not well"
    note = f": {check['note']}" if check.get("note") else ""
    do = str(check.get("hint") or _OF_CHECK.get(name, _SEE_LOG))
    return Trouble(f"{name.capitalize()} {word}{note}.", do, str(check["status"]))


def _drops(_now: Readings, recent: Readings) -> Iterator[Trouble]:
    for reason, count in _seen(recent.by("reason", "omi_webhooks_dropped_total")):
        do = _OF_DROP.get(reason, f"See the lines `webhook dropped` in the log with reason {reason}.")
        yield Trouble(f"Webhooks, or parts of them, not stored: {format_count(count)} ({reason}).", do)


def _unauthorized(_now: Readings, recent: Readings) -> Iterator[Trouble]:
    if count := recent.total("omi_webhooks_unauthorized_total"):
        yield Trouble(
            f"Webhooks without the right token or signature: {format_count(count)}.",
            "If they are Omi's, correct the webhook's address at Omi, or its signing secret. Else a stranger guesses: "
            "they are slowed, and right ones are never refused.",
        )


def _server_errors(_now: Readings, recent: Readings) -> Iterator[Trouble]:
    for route, count in _seen(recent.by("route", "omi_http_requests_total", status="5xx")):
        yield Trouble(f"Failed requests: {format_count(count)} to {route}.", _SEE_LOG)


def _crashes(_now: Readings, recent: Readings) -> Iterator[Trouble]:
    for kind, count in _seen(recent.by("kind", "omi_actor_crashes_total")):
        yield Trouble(f"Crashes, restarted: {format_count(count)} of {kind}.", "The `actor crashed` lines say where.")


def _notifications(_now: Readings, recent: Readings) -> Iterator[Trouble]:
    for outcome, count in _seen(recent.by("outcome", "omi_notifications_total")):
        if outcome in NOTIFICATION_HINTS:
            yield Trouble(f"Notifications that failed: {format_count(count)} ({outcome}).", NOTIFICATION_HINTS[outcome])


def _jobs(_now: Readings, recent: Readings) -> Iterator[Trouble]:
    for kind, count in _seen(recent.by("kind", "omi_job_attempts_total", outcome="buried")):
        yield Trouble(f"Jobs that died: {format_count(count)} ({kind}).", "The `job_attempt_failed` lines say why.")


def _lasting(now: Readings, recent: Readings) -> Iterator[Trouble]:
    if aside := now.total("omi_actors_quarantined"):
        yield Trouble(f"Quarantined after crashes: {format_count(aside)}.", "This is a bug; the crash is in the log.")
    if stuck := now.total("omi_zombie_actors"):
        yield Trouble(f"Threads that do not end: {format_count(stuck)}.", "Restart the server.")
    if lost := recent.total("omi_log_lines_lost_total"):
        yield Trouble(
            f"Lines lost from the log file: {format_count(lost)}.", "Check whether the disk of LOG_DIR is full or slow."
        )


def _seen(counts: Mapping[str, float]) -> Iterator[tuple[str, float]]:
    return ((word, count) for word, count in counts.items() if count > 0)
