"""The tiles of the operator's page: one figure each, its meaning in a line, its state, and the last hour by minutes.

Not here: tables (tables.py), causes (causes.py), HTML (web/pages/). Threads: any; pure. Text is not yet escaped.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from omi_actors.instruments.counts import success_share
from omi_actors.instruments.latencies import ANSWER, COMMIT, MODEL, TRAFFIC, Summary
from omi_actors.instruments.minutes import Minute, Minutes
from omi_actors.status.units import NOTHING, format_bytes, format_count, format_seconds, format_share

OK, WARN, FAIL = "ok", "warn", "fail"
# Seconds of the slowest 5 % from which a tile warns: a person notices a reply, an answer and a disk that is slower.
_SLOW_REQUEST_S, _SLOW_ANSWER_S, _SLOW_COMMIT_S = 1.0, 10.0, 0.1
# Seconds that the oldest job may wait before the tile warns.
_WAIT_S = 10.0


@dataclass(frozen=True, slots=True)
class Tile:
    """One figure. `status` is ok, warn or fail; `series` has a number for each of the last 60 minutes, oldest first."""

    name: str
    label: str
    value: str
    note: str
    status: str = OK
    series: Sequence[float | None] = ()
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Figures:
    """The inputs of all tiles: counts since the start and of the last 5 minutes, present values, and the minutes."""

    total: Mapping[str, float]
    recent: Mapping[str, float]
    gauges: Mapping[str, float]
    minutes: Minutes


def build_tiles(figures: Figures) -> list[Tile]:
    """Return the tiles, those about people first."""
    hour = figures.minutes.by_minute()
    return [
        _answers(figures, hour),
        _answer_time(figures, hour),
        _webhooks(figures, hour),
        _requests(figures, hour),
        _success(figures, hour),
        *_latencies(figures, hour),
        _model(figures, hour),
        _queue(figures, hour),
        _database(figures, hour),
        _cache(figures, hour),
        _sessions(figures, hour),
        _restarts(figures, hour),
        _errors(figures, hour),
    ]


_Hour = Sequence[Minute | None]


def _counts(hour: _Hour, *names: str) -> list[float | None]:
    return [None if one is None else sum(one.counts.get(name, 0.0) for name in names) for one in hour]


def _gauges(hour: _Hour, name: str) -> list[float | None]:
    return [None if one is None else one.gauges.get(name, 0.0) for one in hour]


def _times(hour: _Hour, names: tuple[str, ...], read: Callable[[Summary], float | None]) -> list[float | None]:
    """Return milliseconds by minute; None where nothing was measured."""
    found = (None if one is None else read(one.summary(names)) for one in hour)
    return [None if seconds is None else round(seconds * 1e3, 3) for seconds in found]


def _answers(figures: Figures, hour: _Hour) -> Tile:
    recent, total = figures.recent, figures.total
    failed = recent["unanswered"]
    status = OK if not failed else FAIL if not recent["answered"] else WARN
    note = (
        f"questions answered in the last 5 min, {format_count(failed)} ended without an answer;"
        f" {format_count(total['questions'])} questions since the start"
    )
    series = _counts(hour, "answered")
    return Tile("answers", "Answers", format_count(recent["answered"]), note, status, series, "answers a minute")


def _answer_time(figures: Figures, hour: _Hour) -> Tile:
    found = figures.minutes.summary((ANSWER,), minutes=5)
    status = WARN if (found.p95 or 0.0) > _SLOW_ANSWER_S else OK
    note = (
        "from the last words to the answer, p95 of the last 5 min;"
        f" p50 {format_seconds(found.p50)}, {_of_hour(figures, ANSWER)}"
    )
    series = _times(hour, (ANSWER,), lambda times: times.p95)
    return Tile("answer_time", "Time to answer", format_seconds(found.p95), note, status, series, "ms")


def _of_hour(figures: Figures, *names: str) -> str:
    found = figures.minutes.summary(names, minutes=60)
    return f"p95 of the hour {format_seconds(found.p95)}"


_FATES = (
    ("repeated", "repeated"),
    ("dropped_in_part", "stored in part"),
    ("dropped", "dropped"),
    ("refused", "refused"),
    ("cut", "cut off"),
)


def _webhooks(figures: Figures, hour: _Hour) -> Tile:
    recent = figures.recent
    kept, lost = recent["accepted"] + recent["repeated"], recent["dropped"] + recent["refused"] + recent["cut"]
    others = ", ".join(f"{format_count(recent[name])} {word}" for name, word in _FATES if recent[name])
    note = (
        f"in the last 5 min: {format_count(recent['accepted'])} stored{', ' if others else ''}{others};"
        f" {format_count(figures.total['webhooks'])} since the start"
    )
    status = OK if not lost and not recent["dropped_in_part"] else FAIL if not kept else WARN
    series = _counts(hour, "webhooks")
    return Tile("webhooks", "Webhooks", format_count(recent["webhooks"]), note, status, series, "webhooks a minute")


def _requests(figures: Figures, hour: _Hour) -> Tile:
    total = figures.total
    note = (
        f"since the start: {format_count(total['ok'])} answered, {format_count(total['client_errors'])} wrong requests"
        f" (4xx), {format_count(total['failed'])} failed (5xx), {format_count(total['closed'])} left by their callers;"
        f" apart from {format_count(total['pages'])} of pages and probes"
    )
    series = _counts(hour, "requests")
    return Tile("requests", "Requests", format_count(total["requests"]), note, OK, series, "requests a minute")


def _success(figures: Figures, hour: _Hour) -> Tile:
    recent, total = figures.recent, figures.total
    failed = recent["failed"]
    status = OK if not failed else FAIL if not recent["ok"] else WARN
    note = f"of the requests that were right, answered in the last 5 min; {_success_words(total)} since the start"
    series = [None if one is None else _percent(one.counts) for one in hour]
    return Tile("success", "Success rate", _success_words(recent), note, status, series, "%")


def _percent(counts: Mapping[str, float]) -> float | None:
    share = success_share(counts)
    return None if share is None else round(100 * share, 2)


def _success_words(counts: Mapping[str, float]) -> str:
    percent = _percent(counts)
    return NOTHING if percent is None else f"{percent:.2f}%"


def _latencies(figures: Figures, hour: _Hour) -> list[Tile]:
    """Return the average and the quantiles of all requests but those of pages."""
    recent, whole = (figures.minutes.summary(TRAFFIC, minutes=minutes) for minutes in (5, 60))
    kinds: tuple[tuple[str, str, str, Callable[[Summary], float | None]], ...] = (
        ("average", "Average time", "of a reply in the last 5 min", lambda times: times.mean),
        ("p50", "p50", "half of the replies took no longer, in the last 5 min", lambda times: times.p50),
        ("p95", "p95", "95 of 100 replies took no longer, in the last 5 min", lambda times: times.p95),
        ("p99", "p99", "99 of 100 replies took no longer, in the last 5 min", lambda times: times.p99),
    )
    return [
        Tile(
            name,
            label,
            format_seconds(read(recent)),
            f"{meaning}; of the hour {format_seconds(read(whole))}",
            WARN if (read(recent) or 0.0) > _SLOW_REQUEST_S and name != "p99" else OK,
            _times(hour, TRAFFIC, read),
            "ms",
        )
        for name, label, meaning, read in kinds
    ]


def _model(figures: Figures, hour: _Hour) -> Tile:
    recent = figures.recent
    found = figures.minutes.summary((MODEL,), minutes=5)
    failed = recent["model_failed"]
    status = OK if not failed else FAIL if failed >= recent["model_calls"] else WARN
    note = (
        f"p95 of {format_count(recent['model_calls'])} calls in the last 5 min, {format_count(failed)} failed;"
        f" {_of_hour(figures, MODEL)}"
    )
    series = _times(hour, (MODEL,), lambda times: times.p95)
    return Tile("model", "Model", format_seconds(found.p95), note, status, series, "ms")


def _queue(figures: Figures, hour: _Hour) -> Tile:
    gauges, recent = figures.gauges, figures.recent
    waits_s = gauges["oldest_job_s"]
    note = (
        f"jobs that wait, the oldest for {format_seconds(waits_s)}; {format_count(gauges['dead_jobs'])} dead;"
        f" {format_count(recent['jobs_done'])} done in the last 5 min"
    )
    status = WARN if waits_s > _WAIT_S or recent["jobs_dead"] else OK
    series = _gauges(hour, "jobs_waiting")
    return Tile("queue", "Queue", format_count(gauges["jobs_waiting"]), note, status, series, "jobs")


def _database(figures: Figures, hour: _Hour) -> Tile:
    found = figures.minutes.summary((COMMIT,), minutes=5)
    errors = figures.recent["store_errors"]
    slow = (found.p95 or 0.0) > _SLOW_COMMIT_S
    note = (
        f"a commit, p95 of the last 5 min; {format_count(figures.total['commits'])} commits and"
        f" {format_count(figures.total['store_reads'])} reads since the start, {format_count(errors)} errors in 5 min"
    )
    series = _times(hour, (COMMIT,), lambda times: times.p95)
    return Tile("database", "Database", format_seconds(found.p95), note, WARN if errors or slow else OK, series, "ms")


def _cache(figures: Figures, hour: _Hour) -> Tile:
    total = figures.total
    hits, misses = total["cache_hits"], total["cache_misses"]
    note = f"of look-ups found their session in memory: {format_count(hits)} hits, {format_count(misses)} misses"
    series = [None if one is None else _hit_rate(one.counts) for one in hour]
    return Tile("cache", "Cache", format_share(hits, hits + misses), note, OK, series, "%")


def _hit_rate(counts: Mapping[str, float]) -> float | None:
    hits, misses = counts.get("cache_hits", 0.0), counts.get("cache_misses", 0.0)
    return round(100 * hits / (hits + misses), 1) if hits + misses else None


def _sessions(figures: Figures, hour: _Hour) -> Tile:
    gauges = figures.gauges
    note = f"wearers and chats in memory; the program holds {format_bytes(gauges['memory_bytes'])}"
    return Tile(
        "sessions", "Sessions", format_count(gauges["sessions"]), note, OK, _gauges(hour, "sessions"), "sessions"
    )


def _restarts(figures: Figures, hour: _Hour) -> Tile:
    recent, total = figures.recent, figures.total
    note = f"of actors after crashes in the last 5 min; {format_count(total['restarts'])} since the start"
    status = WARN if recent["crashes"] else OK
    return Tile(
        "restarts", "Restarts", format_count(recent["restarts"]), note, status, _counts(hour, "restarts"), "a minute"
    )


_ERRORS = (
    ("failed", "failed requests"),
    ("unanswered", "questions without an answer"),
    ("store_errors", "of the store"),
    ("crashes", "crashes"),
    ("not_notified", "notifications"),
)


def _errors(figures: Figures, hour: _Hour) -> Tile:
    recent = figures.recent
    found = ", ".join(f"{format_count(recent[name])} {word}" for name, word in _ERRORS if recent[name])
    count = sum(recent[name] for name, _ in _ERRORS)
    note = f"in the last 5 min: {found or 'none'}"
    series = _counts(hour, *(name for name, _ in _ERRORS))
    return Tile("errors", "Errors", format_count(count), note, WARN if count else OK, series, "errors a minute")
