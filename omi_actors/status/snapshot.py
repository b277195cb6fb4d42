"""The contents of the operator's page: state, troubles, headlines and tables.

Not here: building tables and troubles (tables.py, troubles.py), HTML (web/pages/). Threads: any; pure. Text is not yet
escaped.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from omi_actors.instruments.readings import Readings
from omi_actors.status.tables import Table, build_tables
from omi_actors.status.troubles import Trouble, find_troubles
from omi_actors.status.units import format_age, format_bytes, format_count, format_seconds, format_share

_RECENTLY = "in the last 5 min"


@dataclass(frozen=True, slots=True)
class Headline:
    """One figure at the top of the page, and a `note` that explains it."""

    label: str
    value: str
    note: str


def build_headlines(health: Mapping[str, Any], now: Readings, recent: Readings) -> Sequence[Headline]:
    """Return the headlines; first come headlines about wearers.

    `recent` is the growth of `now` in the last 5 minutes.
    """
    return [
        *_wearers(now, recent),
        _model(recent),
        _requests(recent),
        *_insides(health, now),
    ]


def _wearers(now: Readings, recent: Readings) -> Sequence[Headline]:
    questions, dropped = "omi_questions_total", recent.total("omi_webhooks_dropped_total")
    half, most = (format_seconds(recent.quantile(share, "omi_answer_seconds")) for share in (0.5, 0.95))
    kept = f"{_RECENTLY}; {format_count(dropped)} not stored, or in part" if dropped else f"{_RECENTLY}, all stored"
    return [
        Headline(
            "Questions",
            format_count(recent.total(questions)),
            f"{_RECENTLY}; {format_count(now.total(questions))} in all",
        ),
        Headline("Question to reply", most, f"p95 {_RECENTLY}; p50 {half}"),
        Headline("Webhooks", format_count(recent.total("omi_webhooks_total")), kept),
    ]


def _model(recent: Readings) -> Headline:
    name = "omi_model_seconds"
    calls = format_count(recent.total(f"{name}_count"))
    return Headline("Model call", format_seconds(recent.quantile(0.95, name)), f"p95 {_RECENTLY}, of {calls}")


def _requests(recent: Readings) -> Headline:
    name = "omi_http_requests_total"
    failed = recent.total(name, status="5xx")
    return Headline(
        "Server errors", format_count(failed), f"{_RECENTLY}, of {format_count(recent.total(name))} requests"
    )


def _insides(health: Mapping[str, Any], now: Readings) -> Sequence[Headline]:
    waits = format_seconds(health["checks"]["queue"].get("oldest_waits_seconds"))
    hits, misses = health["cache"]["hits"], health["cache"]["misses"]
    waiting = now.total("omi_jobs", state="ready")
    return [
        Headline("Jobs waiting", format_count(waiting), f"the oldest for {waits}" if waiting else "nothing waits"),
        Headline(
            "Sessions", format_count(health["sessions"]), f"in memory; hit rate {format_share(hits, hits + misses)}"
        ),
        Headline("Up for", format_age(health["uptime"]), f"memory {format_bytes(health['memory']['rss'])}"),
    ]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Contents of the operator's page. `status` is pass, warn or fail; `checks` has the state of each check."""

    status: str
    checks: Mapping[str, str]
    troubles: Sequence[Trouble]
    tables: Sequence[Table]
    headlines: Sequence[Headline] = ()


def build_snapshot(health: Mapping[str, Any], now: Readings, recent: Readings) -> Snapshot:
    """Return the snapshot. `health` is the operator's; `recent` is the growth of `now` in the last 5 minutes."""
    return Snapshot(
        status=str(health["status"]),
        checks={name: str(check["status"]) for name, check in health["checks"].items()},
        troubles=find_troubles(health["checks"], now, recent),
        tables=build_tables(health, now, recent),
        headlines=build_headlines(health, now, recent),
    )
