"""How the server is: `/health`, `/livez`, `/readyz`, `/metrics` and `/omi-webhook/queue-status`.

Not here: finding it out (the system does). Threads: the event loop.
"""

from prometheus_client.exposition import choose_encoder

from omi_actors.instruments.metrics import REGISTRY
from omi_actors.status.health import public_health
from web.auth import bearer_token, is_same
from web.handlers.base import BaseHandler
from web.problems import iso_time

_UNAVAILABLE = 503


class HealthHandler(BaseHandler):
    """Everything at one glance; 503 when something that is needed fails. Strangers see names and states only."""

    route = "/health"
    limit_kind = None
    is_paced = True

    def get(self) -> None:
        """Answer with the system's snapshot, the operator with the metrics, too."""
        system, timestamp = self.site.system, iso_time(self.site.clock.now_s())
        health = system.health()
        if self.is_operator:
            metrics = {**system.figures(), "timestamp": timestamp}
            health |= {"metrics": metrics, "activeRequests": metrics["activeRequests"]}
        else:
            health = public_health(health)
        self.send_json({**health, "timestamp": timestamp}, _UNAVAILABLE if health["status"] == "fail" else 200)

    head = get


class LiveHandler(BaseHandler):
    """Whether the process lives: if it answers, it does."""

    route = "/livez"
    limit_kind = None

    def get(self) -> None:
        """Answer."""
        self.send_json({"status": "pass"})

    head = get


class ReadyHandler(BaseHandler):
    """Whether new requests are welcome: not while starting or draining."""

    route = "/readyz"
    limit_kind = None

    def get(self) -> None:
        """Answer 200 or 503."""
        ready = self.site.system.ready
        self.send_json({"status": "pass" if ready else "fail"}, 200 if ready else _UNAVAILABLE)

    head = get


class MetricsHandler(BaseHandler):
    """All metrics, in Prometheus's text format or OpenMetrics, as the scraper asks; for it and the operator."""

    route = "/metrics"
    limit_kind = None
    is_paced = True

    def get(self) -> None:
        """Answer with the registry's text.

        Raises:
            SignatureMismatchError: it is neither METRICS_TOKEN's holder nor the operator, from wherever it comes.
        """
        if not is_same(bearer_token(self.request.headers.get("Authorization")), self.site.metrics_token):
            self.require_operator()
        encode, content_type = choose_encoder(self.request.headers.get("Accept", ""))
        self.set_header("Content-Type", content_type)
        self.finish(encode(REGISTRY))

    head = get


class QueueStatusHandler(BaseHandler):
    """The job queue and the sessions in memory, counted now; for the operator."""

    route = "/omi-webhook/queue-status"

    async def get(self) -> None:
        """Answer with the counts."""
        self.require_operator()
        self.send_json(await self.site.system.queue_status())

    head = get
