"""What is wrong now, or was a moment ago, and what to do about it: one sentence each.

Not here: what is counted (instruments/metrics.py), what is checked (health.py). Threads: none, pure.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from omi_actors.instruments.readings import Readings
from omi_actors.instruments.units import say_count

_SEE_LOG = "The log says why."
# By a health check's name.
_OF_CHECK = {
    "store": "Is the disk full, or the database away? " + _SEE_LOG,
    "queue": "Answers wait: see how long the model takes, and raise OPENAI_MAX_CONCURRENCY if it can take more.",
    "supervisor": "Parts of the server are restarting: see the latest `actor crashed` lines in the log.",
    "loop": "Something holds the event loop: is the machine busy, or short of memory?",
    "model": "See OPENAI_API_KEY and OPENAI_BASE_URL, and the log's lines of the model.",
    "backplane": "Nodes do not reach each other: limits and cache are each node's own. " + _SEE_LOG,
    "clock": "Keep it by NTP (timedatectl set-ntp true): beyond 5 minutes this node is refused.",
    "retention": "Nothing is deleted: see checks.retention in /health.",
    "notifications": "See OMI_APP_ID and OMI_APP_SECRET.",
    "budget": "Is it one wearer, or a loop? See the MODEL_USER_ and MODEL_ budgets in the settings.",
}
_OF_DROP = {
    "overloaded": "A wearer sent more than its session could take: see SESSION_MAILBOX_CAPACITY.",
    "store_unavailable": "The store was away: is the disk full, or the database down?",
    "session_unavailable": "Sessions crashed and were set aside: the crash is in the log.",
    "too_large": "Bodies are above MAX_REQUEST_SIZE.",
    "no_owner": "Somebody posts without a uid: is the webhook's address at Omi the right one?",
    "repeated": "A signed webhook came again while it was being taken: does a proxy repeat requests, or a stranger?",
    "timeout": "Work took longer than the webhook may wait: see store latency and loop lag.",
}
# By the outcome of an attempt that an operator can do something about.
NOTIFICATION_HINTS = {
    "unauthorized": "Omi refused the key, or the wearer has not enabled the app: see OMI_APP_SECRET.",
    "invalid": "Omi does not understand the notification: see OMI_NOTIFY_VERSION.",
    "app_not_found": "Omi does not know the app: mend OMI_APP_ID.",
    "no_budget": "The hour's budget is spent: a faster model lets answers go out in replies.",
    "unreachable": "Omi's API cannot be reached: see OMI_API_URL and the network.",
    "unclear": "Omi's API ended without a clear result: see OMI_NOTIFY_TIMEOUT_MS.",
    "set_aside": "Omi's API has failed again and again: see OMI_API_URL; answers wait for the wearers' next words.",
    "refused": "Omi refused notifications: see OMI_API_URL.",
}


@dataclass(frozen=True, slots=True)
class Trouble:
    """`what` is wrong, and what to `do`; `status` is warn or fail."""

    what: str
    do: str
    status: str = "warn"


_DEMO = Trouble(
    "The demo model answers: it repeats the question.",
    "Set OPENAI_API_KEY in .env and start again; the README, “Connect a model”, says more.",
)


def find_troubles(checks: Mapping[str, Mapping[str, Any]], now: Readings, recent: Readings) -> list[Trouble]:
    """Return what is wrong, the worst first: failing checks, then what `recent` (the last minutes) holds."""
    failing = [(name, check) for name, check in checks.items() if check["status"] == "fail"]
    warning = [(name, check) for name, check in checks.items() if check["status"] == "warn"]
    found = [_of_check(name, check) for name, check in (*failing, *warning)]
    for look in (_drops, _server_errors, _crashes, _notifications, _jobs, _lasting):
        found.extend(look(now, recent))
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
        do = _OF_DROP.get(reason, f"Lines `webhook dropped` in the log with reason {reason}.")
        yield Trouble(f"Webhooks, or parts of them, not kept: {say_count(count)} ({reason}).", do)


def _server_errors(_now: Readings, recent: Readings) -> Iterator[Trouble]:
    for route, count in _seen(recent.by("route", "omi_http_requests_total", status="5xx")):
        yield Trouble(f"Failed requests: {say_count(count)} to {route}.", _SEE_LOG)


def _crashes(_now: Readings, recent: Readings) -> Iterator[Trouble]:
    for kind, count in _seen(recent.by("kind", "omi_actor_crashes_total")):
        yield Trouble(f"Crashes, mended: {say_count(count)} of {kind}.", "The `actor crashed` lines say where.")


def _notifications(_now: Readings, recent: Readings) -> Iterator[Trouble]:
    for outcome, count in _seen(recent.by("outcome", "omi_notifications_total")):
        if outcome in NOTIFICATION_HINTS:
            yield Trouble(f"Notifications that failed: {say_count(count)} ({outcome}).", NOTIFICATION_HINTS[outcome])


def _jobs(_now: Readings, recent: Readings) -> Iterator[Trouble]:
    for kind, count in _seen(recent.by("kind", "omi_job_attempts_total", outcome="buried")):
        yield Trouble(f"Jobs given up: {say_count(count)} ({kind}).", "The `job_attempt_failed` lines say why.")


def _lasting(now: Readings, recent: Readings) -> Iterator[Trouble]:
    if aside := now.total("omi_actors_quarantined"):
        yield Trouble(f"Set aside for crashing: {say_count(aside)}.", "A bug; the crash is in the log.")
    if stuck := now.total("omi_zombie_actors"):
        yield Trouble(f"Threads that would not end: {say_count(stuck)}.", "Restart the server.")
    if lost := recent.total("omi_log_lines_lost_total"):
        yield Trouble(f"Lines that the log file lacks: {say_count(lost)}.", "Is its disk full, or slow? See LOG_DIR.")


def _seen(counts: Mapping[str, float]) -> Iterator[tuple[str, float]]:
    return ((word, count) for word, count in counts.items() if count > 0)
