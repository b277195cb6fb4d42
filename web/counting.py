"""Requests and webhooks in the metrics, each counted once, cheaply.

Not here: the metrics themselves (omi_actors/instruments/metrics.py). Threads: the event loop.
"""

from functools import cache

from prometheus_client import Counter, Histogram

from omi_actors.instruments import metrics
from omi_actors.instruments.extremes import HTTP_EXTREMES

# What a connection's end looks like in the label that otherwise has a status class.
CLOSED = "closed"


def count_request(route: str, method: str, status: int | None, seconds: float) -> None:
    """Count one finished request; `status` None when its connection was gone first."""
    _requests(route, method, CLOSED if status is None else f"{status // 100}xx").inc()
    _seconds(route).observe(seconds)
    if seconds:  # a refused body's is not measured
        HTTP_EXTREMES.note(seconds)


def count_webhook(kind: str, outcome: str) -> None:
    """Count one webhook as accepted, dropped or refused."""
    _webhooks(kind, outcome).inc()


def count_drop(reason: str) -> None:
    """Count one webhook, or part of one, that was not kept."""
    metrics.WEBHOOKS_DROPPED.labels(reason).inc()


# Looking a label set up costs as much as counting; the sets are few and bounded.
@cache
def _requests(route: str, method: str, status: str) -> Counter:
    return metrics.HTTP_REQUESTS.labels(route, method, status)


@cache
def _seconds(route: str) -> Histogram:
    return metrics.HTTP_SECONDS.labels(route)


@cache
def _webhooks(kind: str, outcome: str) -> Counter:
    return metrics.WEBHOOKS.labels(kind, outcome)
