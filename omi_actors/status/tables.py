"""The tables of the operator's page: figures in words, by subject.

Not here: HTML (web/pages/). Threads: any; pure. Cells are text for the page, not yet escaped.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from omi_actors.instruments.readings import Readings
from omi_actors.status.units import NOTHING, format_age, format_bytes, format_count, format_seconds, format_share

_QUANTILES = (0.5, 0.95, 0.99)
_FAILED = ("4xx", "5xx", "closed")
# Columns of the last 5 minutes.
_RECENTLY, _P50 = "Last 5 min", "p50, last 5 min"


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of cells under columns. A row's first cell is its name. `name` is an id in lower case."""

    name: str
    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""


def build_tables(health: Mapping[str, Any], now: Readings, recent: Readings) -> list[Table]:
    """Return the tables of the operator's page.

    `now` holds the counts since the start; `recent` holds what was added to them in the last 5 minutes.
    """
    return [
        _requests(now, recent),
        _webhooks(now, recent),
        _drops(now, recent),
        _answers(now, recent),
        _deliveries(now, recent),
        _queue(health, now),
        _attempts(now, recent),
        _store(now, recent),
        _sessions(health),
        _model(now, recent),
        _actors(now, recent),
        _system(health, now),
    ]


def _requests(now: Readings, recent: Readings) -> Table:
    name, seconds = "omi_http_requests_total", "omi_http_request_seconds"
    failed = [now.by("route", name, status=status) for status in _FAILED]
    rows = [
        (
            route,
            format_count(count),
            format_count(sum(by_route.get(route, 0) for by_route in failed)),
            format_count(recent.total(name, route=route)),
            *_quantiles(recent, seconds, route=route),
        )
        for route, count in now.by("route", name).items()
    ]
    total = now.total(name)
    failures = sum(map(sum, (by_route.values() for by_route in failed)))
    note = f"Success rate {format_share(total - failures, total)}. Failed: 4xx, 5xx, or the connection closed first."
    columns = ("Route", "Requests", "Failed", _RECENTLY, _P50, "p95", "p99")
    return Table("requests", "Request metrics", columns, rows, note)


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


def _drops(now: Readings, recent: Readings) -> Table:
    rows = list(_count_by(now, recent, "omi_webhooks_dropped_total", "reason"))
    return Table("drops", "Not stored", ("Reason", "Since start", _RECENTLY), rows)


def _answers(now: Readings, recent: Readings) -> Table:
    rows = [
        (
            "Questions",
            format_count(now.total("omi_questions_total")),
            format_count(recent.total("omi_questions_total")),
        ),
        *(
            (f"Question to reply, p{share * 100:.0f}", *(_quantile(which, share) for which in (now, recent)))
            for share in _QUANTILES
        ),
    ]
    return Table("answers", "Questions and answers", ("What", "Since start", _RECENTLY), rows)


def _quantile(readings: Readings, share: float) -> str:
    return format_seconds(readings.quantile(share, "omi_answer_seconds"))


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


def _store(now: Readings, recent: Readings) -> Table:
    names = {"Commits": "omi_store_commit_seconds", "Reads": "omi_store_read_seconds"}
    rows = [(word, format_count(now.total(f"{name}_count")), *_quantiles(recent, name)) for word, name in names.items()]
    errors = format_count(now.total("omi_store_errors_total"))
    note = f"Errors since start: {errors}. A commit includes its sync."
    return Table("database", "Database metrics", ("What", "Count", _P50, "p95", "p99"), rows, note)


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
            *_quantiles(recent, name, outcome=outcome),
        )
        for outcome, count in now.by("outcome", f"{name}_count").items()
    ]
    return Table("model", "Model calls", ("Outcome", "Calls", _RECENTLY, _P50, "p95", "p99"), rows)


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


def _quantiles(readings: Readings, histogram: str, **labels: str) -> tuple[str, ...]:
    return tuple(format_seconds(readings.quantile(share, histogram, **labels)) for share in _QUANTILES)


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
