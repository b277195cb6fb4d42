"""State of the server: `/health`, `/livez`, `/readyz`, `/metrics` and `/omi-webhook/queue-status`.

Not here: the figures (omi_actors/status/). Threads: the event loop.
"""

from typing import Any, Literal, NotRequired

from prometheus_client.exposition import CONTENT_TYPE_LATEST, choose_encoder

from omi_actors.instruments.metrics import REGISTRY
from omi_actors.status.health import public_health
from web.auth import bearer_token, is_same
from web.declare import Fields, Media, Time, declare
from web.handlers.base import BaseHandler
from web.handlers.caller import Access
from web.parameters import Choice
from web.problems import iso_time

_UNAVAILABLE = 503
_HEALTH = Fields(
    {
        "status": str,
        "ready": bool,
        "timestamp": Time,
        "checks": dict[str, Any],
        "features": dict[str, Any],
        "database": Any,
        "version": NotRequired[str],
        "node": NotRequired[dict[str, str]],
        "uptime": NotRequired[float],
        "sessions": NotRequired[int],
        "activeRequests": NotRequired[int],
        **dict.fromkeys(("memory", "cache", "settings", "metrics"), NotRequired[dict[str, Any]]),
    }
)
_STATE = Fields({"status": Literal["pass", "fail"]})
_NODES = Choice(
    "nodes",
    "here: the processes at this address; all: every node on the database; self: this process.",
    ("here", "all", "self"),
)
_FOR_DEVELOPERS = ("uptime", "memory")


class HealthHandler(BaseHandler):
    """Shows the state of all parts; 503 if a needed part fails. Only the operator sees more than names and states."""

    route = "/health"
    access = Access.ANYBODY
    answers_without_store = True
    limit_kind = None
    is_paced = True

    @declare({200: _HEALTH, 503: _HEALTH})
    def get(self) -> None:
        """Show the state of all parts; 503 if a needed one fails."""
        system, timestamp = self.site.system, iso_time(self.site.clock.now_s())
        health = system.health()
        own = health["node"]["status"]
        if self.may_observe:
            metrics = {**system.figures(), "timestamp": timestamp}
            health |= {"metrics": metrics, "activeRequests": metrics["activeRequests"]}
        else:
            # A developer's scripts read these two without a token.
            more = _FOR_DEVELOPERS if self.site.environment == "development" else ()
            health = public_health(health) | {name: health[name] for name in more}
        # The code is this node's: a load balancer that asks for it must not leave all nodes because of one.
        self.send_json({**health, "timestamp": timestamp}, _UNAVAILABLE if own == "fail" else 200)

    head = get


class LiveHandler(BaseHandler):
    """Shows that the process is alive."""

    route = "/livez"
    access = Access.ANYBODY
    answers_without_store = True
    limit_kind = None

    @declare(_STATE)
    def get(self) -> None:
        """Show that the process is alive."""
        self.send_json({"status": "pass"})

    head = get


class ReadyHandler(BaseHandler):
    """Shows whether the server accepts work. It does not while it starts or drains."""

    route = "/readyz"
    access = Access.ANYBODY
    answers_without_store = True
    limit_kind = None

    @declare({200: _STATE, 503: _STATE})
    def get(self) -> None:
        """Show whether the server accepts work."""
        ready = self.site.system.ready
        self.send_json({"status": "pass" if ready else "fail"}, 200 if ready else _UNAVAILABLE)

    head = get


class MetricsHandler(BaseHandler):
    """Shows all metrics in Prometheus's text format or OpenMetrics, to METRICS_TOKEN and the operator."""

    route = "/metrics"
    access = Access.SCRAPER
    limit_kind = None
    is_paced = True

    @declare((Media("text/plain"), Media("application/openmetrics-text")), query=(_NODES,))
    async def get(self) -> None:
        """Show all metrics in Prometheus's text format; those of one process alone also as OpenMetrics.

        Of several processes at this address, and with `nodes=all` of all nodes, each sample has the label `node`.

        Raises:
            SignatureMismatchError: the request has neither METRICS_TOKEN nor the operator's rights.
        """
        if not is_same(bearer_token(self.request.headers.get("Authorization")), self.site.metrics_token):
            self.require_operator()
        nodes, scope = self.site.system.nodes, _NODES.read(self)
        if nodes is not None and (scope == "all" or (scope == "here" and len(nodes.near) > 1)):
            self.set_header("Content-Type", CONTENT_TYPE_LATEST)
            self.finish(await nodes.export(of_all=scope == "all"))
            return
        encode, content_type = choose_encoder(self.request.headers.get("Accept", ""))
        self.set_header("Content-Type", content_type)
        self.finish(encode(REGISTRY))

    head = get


class QueueStatusHandler(BaseHandler):
    """Shows the operator the present counts of jobs and of sessions in memory."""

    route = "/omi-webhook/queue-status"
    access = Access.OPERATOR

    @declare(dict[str, Any])
    async def get(self) -> None:
        """Count the jobs and the sessions in memory."""
        self.send_json(await self.site.system.queue_status())

    head = get
