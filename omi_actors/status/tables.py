"""The tables of the operator's page: figures in words, by subject.

Not here: HTML (web/pages/). Threads: any; pure. Cells are text for the page, not yet escaped.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from omi_actors.instruments.counts import count as count_all
from omi_actors.instruments.latencies import ANSWER, CHAT, COMMIT, MODEL, PAGES, PEOPLE, WEBHOOK, group_of
from omi_actors.instruments.minutes import Minutes
from omi_actors.instruments.readings import Readings
from omi_actors.status.units import NOTHING, format_age, format_bytes, format_count, format_seconds, format_share

_CLASSES = ("4xx", "5xx", "closed")
_GROUPS = {WEBHOOK: "webhook", CHAT: "chat", PEOPLE: "people", PAGES: "pages"}
_PARTS = {ANSWER: "last words to answer", MODEL: "model call", COMMIT: "store commit"}
_FATES = (
    ("accepted", "stored", "durable, with everything in them"),
    ("repeated", "repeated", "signed, and stored before"),
    ("dropped_in_part", "stored in part", "some pieces were invalid"),
    ("dropped", "dropped", "answered 200 with the drop header: see “Not stored”"),
    ("refused", "refused", "answered with an error"),
    ("cut", "cut off", "the connection closed before their end"),
)
# Columns of the last 5 minutes.
_RECENTLY = "Last 5 min"


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of cells under columns. A row's first cell is its name. `name` is an id in lower case."""

    name: str
    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""


def build_tables(health: Mapping[str, Any], now: Readings, recent: Readings, minutes: Minutes) -> list[Table]:
    """Return the tables of the operator's page.

    `now` holds the counts since the start; `recent` holds what was added to them in the last 5 minutes.
    """
    return [
        _requests(now, recent),
        _latencies(minutes),
        _webhooks(now, recent),
        _fates(now, recent),
        _drops(now, recent),
        _outcomes(now, recent),
        _errors(now, recent),
        _deliveries(now, recent),
        _queue(health, now),
        _attempts(now, recent),
        _store(health, now, recent),
        _sessions(health),
        _model(now, recent),
        _actors(now, recent),
        _system(health, now),
    ]


def _requests(now: Readings, recent: Readings) -> Table:
    name = "omi_http_requests_total"
    by_class = [now.by("route", name, status=status) for status in _CLASSES]
    latest = recent.by("route", name)
    rows = [
        (
            route,
            _GROUPS[group_of(route)],
            format_count(count),
            *(format_count(by_route.get(route, 0)) for by_route in by_class),
            format_count(latest.get(route, 0)),
        )
        for route, count in now.by("route", name).items()
    ]
    columns = ("Route", "Group", "Requests", "Wrong (4xx)", "Failed (5xx)", "Left", _RECENTLY)
    note = "Wrong: an error of the caller. Left: the connection closed before the reply."
    return Table("requests", "Requests by route", columns, rows, note)


def _latencies(minutes: Minutes) -> Table:
    rows = []
    for name, word in {**_GROUPS, **_PARTS}.items():
        lately, hour = (minutes.summary((name,), minutes=length) for length in (5, 60))
        figures = (lately.mean, lately.p50, lately.p95, lately.p99, hour.mean, hour.p50, hour.p95, hour.p99)
        rows.append((word, format_count(lately.count), *map(format_seconds, figures)))
    columns = (
        "What", _RECENTLY, "average", "p50", "p95", "p99", "Average, last hour", "p50, hour", "p95, hour", "p99, hour",
    )  # fmt: skip
    return Table(
        "latencies", "Times", columns, rows, "Within 2 % of the exact values. Event streams are not among them."
    )


def _webhooks(now: Readings, recent: Readings) -> Table:
    name, outcomes = "omi_webhooks_total", ("accepted", "repeated", "dropped", "refused")
    rows = [
        (
            kind,
            *(format_count(now.total(name, kind=kind, outcome=outcome)) for outcome in outcomes),
            format_count(recent.total(name, kind=kind)),
        )
        for kind in now.by("kind", name)
    ]
    return Table("webhooks", "Webhook metrics", ("Kind", "Accepted", "Repeated", "Dropped", "Refused", _RECENTLY), rows)


def _fates(now: Readings, recent: Readings) -> Table:
    total, lately = count_all(now), count_all(recent)
    rows = [(word, format_count(total[name]), format_count(lately[name]), meaning) for name, word, meaning in _FATES]
    refused = _count_by(now, recent, "omi_webhooks_refused_total", "reason")
    rows += [(f"refused: {reason}", since, latest, "") for reason, since, latest in refused]
    return Table("fates", "Webhooks by fate", ("Fate", "Since start", _RECENTLY, "Meaning"), rows)


_OUTCOMES = (
    ("questions", "Questions"),
    ("answered", "Answered"),
    ("unanswered", "Without an answer"),
    ("not_meant", "Not meant for Omi"),
)


def _outcomes(now: Readings, recent: Readings) -> Table:
    total, lately = count_all(now), count_all(recent)
    rows = [(word, format_count(total[name]), format_count(lately[name])) for name, word in _OUTCOMES]
    failed = _count_by(now, recent, "omi_answers_total", "cause", outcome="failed")
    rows += [(f"without: {cause or 'unknown'}", since, latest) for cause, since, latest in failed]
    note = "The asker of a question without an answer got one sentence that says so."
    return Table("outcomes", "Questions and answers", ("What", "Since start", _RECENTLY), rows, note)


def _errors(now: Readings, recent: Readings) -> Table:
    counters: tuple[tuple[str, str, dict[str, str], str], ...] = (
        ("omi_http_requests_total", "route", {"status": "5xx"}, "request to"),
        ("omi_store_errors_total", "kind", {}, "store:"),
        ("omi_actor_crashes_total", "kind", {}, "crash of"),
        ("omi_answers_total", "cause", {"outcome": "failed"}, "question without an answer:"),
        ("omi_backplane_losses_total", "cause", {}, "Redis:"),
    )
    rows = [
        (f"{word} {cells[0]}", *cells[1:])
        for name, label, given, word in counters
        for cells in _count_by(now, recent, name, label, **given)
    ]
    return Table("errorsByType", "Errors by type", ("Type", "Since start", _RECENTLY), rows)


def _drops(now: Readings, recent: Readings) -> Table:
    rows = list(_count_by(now, recent, "omi_webhooks_dropped_total", "reason"))
    return Table("drops", "Not stored", ("Reason", "Since start", _RECENTLY), rows)


def _deliveries(now: Readings, recent: Readings) -> Table:
    rows = list(_count_by(now, recent, "omi_deliveries_total", "channel", "state"))
    return Table("deliveries", "Deliveries", ("Channel", "State reached", "Since start", _RECENTLY), rows)


def _queue(health: Mapping[str, Any], now: Readings) -> Table:
    jobs = now.by("state", "omi_jobs")
    rows = [
        ("Waiting", format_count(jobs.get("ready", 0))),
        ("Running", format_count(jobs.get("running", 0))),
        ("Dead", format_count(jobs.get("dead", 0))),
        ("The oldest has waited", format_seconds(health["checks"]["queue"].get("oldest_waits_seconds"))),
    ]
    return Table("queue", "Queue metrics", ("Jobs", "Now"), rows, "Counted every 5 s.")


def _attempts(now: Readings, recent: Readings) -> Table:
    rows = list(_count_by(now, recent, "omi_job_attempts_total", "kind", "outcome"))
    return Table("attempts", "Attempts at jobs", ("Kind", "Outcome", "Since start", _RECENTLY), rows)


def _store(health: Mapping[str, Any], now: Readings, recent: Readings) -> Table:
    names = {"Commits": "omi_store_commit_seconds", "Reads": "omi_store_read_seconds"}
    rows = [
        (
            word,
            *(format_count(readings.total(f"{name}_count")) for readings in (now, recent)),
            format_seconds(recent.mean(name)),
        )
        for word, name in names.items()
    ]
    errors = format_count(now.total("omi_store_errors_total"))
    note = f"Errors since start: {errors}. A commit includes its sync. Commits are {health['settings']['commits']}."
    return Table("database", "Database", ("What", "Since start", _RECENTLY, "Average, last 5 min"), rows, note)


def _sessions(health: Mapping[str, Any]) -> Table:
    hits, misses = health["cache"]["hits"], health["cache"]["misses"]
    rows = [
        ("In memory now", format_count(health["sessions"])),
        ("Cache hits", format_count(hits)),
        ("Cache misses", format_count(misses)),
        ("Hit rate", format_share(hits, hits + misses)),
    ]
    note = "A hit found its session in memory; a miss loaded it from the store."
    return Table("cache", "Sessions and cache", ("Sessions", "Now"), rows, note)


def _model(now: Readings, recent: Readings) -> Table:
    name = "omi_model_seconds"
    rows = [
        (
            outcome,
            format_count(count),
            format_count(recent.total(f"{name}_count", outcome=outcome)),
            format_seconds(recent.mean(name, outcome=outcome)),
        )
        for outcome, count in now.by("outcome", f"{name}_count").items()
    ]
    return Table("model", "Model calls", ("Outcome", "Calls", _RECENTLY, "Average, last 5 min"), rows)


def _actors(now: Readings, recent: Readings) -> Table:
    live = now.by("kind", "omi_actors_live")
    rows = [
        (
            kind,
            format_count(count),
            format_count(now.total("omi_actor_crashes_total", kind=kind)),
            format_count(recent.total("omi_actor_crashes_total", kind=kind)),
            format_count(now.total("omi_actor_restarts_total", kind=kind)),
        )
        for kind, count in live.items()
    ]
    return Table("actors", "Supervision", ("Actor", "Running", "Crashes", _RECENTLY, "Restarts"), rows)


def _system(health: Mapping[str, Any], now: Readings) -> Table:
    checks = health["checks"]
    model = checks["model"]
    rows = [
        ("Version", str(health["version"])),
        ("Uptime", format_age(health["uptime"])),
        ("Memory", format_bytes(health["memory"]["rss"])),
        ("Active requests", format_count(max(0, now.total("omi_http_requests_active") - 1))),
        ("Event loop lag, worst of a minute", format_seconds(checks["loop"].get("lag_max_seconds"))),
        ("Model", " ".join(str(model.get(key)) for key in ("provider", "model") if model.get(key)) or NOTHING),
        *((f"Setting {name}", str(value)) for name, value in health["settings"].items()),
    ]
    return Table("system", "System information", ("What", "Now"), rows, "The request for this page is not counted.")


def _count_by(
    now: Readings, recent: Readings, name: str, label: str, *more: str, **given: str
) -> Iterator[tuple[str, ...]]:
    """Yield a row for each combination of labels: the label values, the count since the start, and the recent count."""
    for value, count in now.by(label, name, **given).items():
        known = {**given, label: value}
        if more:
            yield from ((value, *row) for row in _count_by(now, recent, name, *more, **known))
        else:
            yield value, format_count(count), format_count(recent.total(name, **known))
