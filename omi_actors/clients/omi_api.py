"""Omi's notification API, v1 and v2.

Not here: whether and when to notify (domain/answers/delivery.py), the budget (store/notifications.py).
Threads: the event loop; the HTTP library is imported by another thread.
Source: Omi's integration API. v1 takes JSON and stores the text in the app's chat, too; v2 takes it in the URL.
No text and no answer's body is ever put into a log line or an error.
"""

import asyncio
import logging
from types import ModuleType
from typing import TYPE_CHECKING, Any, Literal, Protocol

from omi_actors.clients.circuit import Circuit, CircuitMetrics
from omi_actors.clock import Clock
from omi_actors.domain.answers.breaker import BreakerRules, BreakerState
from omi_actors.errors import (
    UpstreamError,
    UpstreamRejectedError,
    UpstreamUnavailableError,
    UpstreamUnclearError,
)
from omi_actors.instruments import metrics


class Notifier(Protocol):
    """A way to notify. `per_hour` is how many notifications one wearer may get in an hour of the UTC clock."""

    @property
    def per_hour(self) -> int:
        """See the class."""
        ...

    async def notify(self, uid: str, text: str) -> None:
        """Notify one wearer.

        Raises:
            UpstreamRejectedError: refused, and not sent; `code` says why (no_budget, unauthorized, …).
            UpstreamUnavailableError: not reachable, and not sent; another attempt may succeed.
            UpstreamUnclearError: nobody knows whether it was sent.
        """
        ...

    async def close(self) -> None:
        """Give back connections."""
        ...


if TYPE_CHECKING:
    from httpx2 import AsyncClient

# Seconds to connect; until then nothing was sent.
_CONNECT_S = 5.0
# Omi's budget for one app and user in a UTC hour, shared by both versions; v2's counter has begun at 1.
_PER_HOUR = {"v1": 10, "v2": 9}
# Characters. v2's text is part of the URL, in which one of them takes up to 12 bytes, and servers take about 8,000.
_V2_CHARS = 500
_REASONS = {
    400: ("invalid", "Omi does not understand our notification (400)"),
    401: ("unauthorized", "Omi refuses OMI_APP_SECRET (401)"),
    403: ("unauthorized", "Omi refuses OMI_APP_SECRET, or the wearer has not enabled this app (403)"),
    404: ("app_not_found", "Omi does not know OMI_APP_ID (404)"),
    422: ("invalid", "Omi does not understand our notification (422)"),
}


class OmiApi:
    """A `Notifier` by Omi's API, with one client for all sessions."""

    def __init__(self, *, app_id: str, secret: str, url: str, version: Literal["v1", "v2"], timeout_s: float) -> None:
        self._app_id = app_id
        self._secret = secret
        self._url = url.rstrip("/")
        self._version = version
        self._timeout_s = timeout_s
        self._client: AsyncClient | None = None

    @property
    def per_hour(self) -> int:
        """Omi's budget for one wearer in a UTC hour."""
        return _PER_HOUR[self._version]

    async def notify(self, uid: str, text: str) -> None:
        """Notify; see `Notifier.notify`."""
        http = await asyncio.to_thread(_import_http)
        client = self._open(http)
        try:
            async with asyncio.timeout(self._timeout_s):
                # Its status says all: what else it sends, however much, is not read.
                async with client.stream("POST", **self._build_request(uid, text)) as response:
                    error = translate_status(response.status_code, response.headers.get("retry-after"))
        except (http.ConnectError, http.ConnectTimeout, http.UnsupportedProtocol) as exc:
            raise UpstreamUnavailableError("Omi's API cannot be reached; check OMI_API_URL and the network") from exc
        except TimeoutError as exc:
            raise UpstreamUnclearError(f"Omi's API did not answer within {self._timeout_s:.1f} s") from exc
        except http.HTTPError as exc:
            raise UpstreamUnclearError("Omi's API cut or garbled its answer") from exc
        if error is not None:
            raise error

    async def close(self) -> None:
        """Close the client."""
        if self._client is not None:
            await self._client.aclose()

    def _open(self, http: ModuleType) -> "AsyncClient":
        if self._client is None:
            # It logs whole addresses, and v2's holds the text.
            logging.getLogger(http.__name__).setLevel(logging.WARNING)
            # A kept connection that the server has closed meanwhile would make a result unclear for nothing.
            limits = http.Limits(max_connections=None, max_keepalive_connections=0)
            timeout = http.Timeout(self._timeout_s, connect=min(_CONNECT_S, self._timeout_s / 2))
            self._client = _import_careful_http().open_client(timeout=timeout, limits=limits)
        assert self._client is not None  # noqa: S101 (set above)
        return self._client

    def _build_request(self, uid: str, text: str) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {self._secret}"}
        if self._version == "v1":
            body = {"uid": uid, "aid": self._app_id, "message": text}
            return {"url": f"{self._url}/v1/integrations/notification", "json": body, "headers": headers}
        short = text if len(text) <= _V2_CHARS else f"{text[: _V2_CHARS - 1]}…"
        return {
            "url": f"{self._url}/v2/integrations/{self._app_id}/notification",
            "params": {"uid": uid, "message": short},
            "headers": {**headers, "Content-Length": "0"},
        }


def translate_status(status: int, retry_after: str | None) -> UpstreamError | None:
    """Return what an answer of Omi's means: None when the notification was sent."""
    if 200 <= status < 300:  # noqa: PLR2004
        return None
    if status == 429:  # noqa: PLR2004
        seconds = retry_after if retry_after and retry_after.isdigit() else "an unknown number of"
        return UpstreamRejectedError(f"Omi's budget for this hour is spent; {seconds} s to go (429)", code="no_budget")
    if status in _REASONS:
        code, sentence = _REASONS[status]
        return UpstreamRejectedError(sentence, code=code)
    if status < 500:  # noqa: PLR2004
        return UpstreamRejectedError(f"Omi refused our notification ({status}); check OMI_API_URL", code="refused")
    # A server that fails may have pushed before it did.
    return UpstreamUnclearError(f"Omi's API failed ({status})")


def _import_http() -> ModuleType:
    import httpx2  # noqa: PLC0415 (comes with openai; not at start)

    return httpx2


def _import_careful_http() -> ModuleType:
    from omi_actors.clients import careful_http  # noqa: PLC0415 (imports httpx2)

    return careful_http


class GuardedNotifier:
    """See the module. The same protocol as the notifier inside."""

    def __init__(self, notifier: Notifier, rules: BreakerRules, clock: Clock) -> None:
        self._notifier = notifier
        counted = CircuitMetrics(
            metrics.NOTIFY_BREAKER_STATE, metrics.NOTIFY_BREAKER_OPENINGS, metrics.NOTIFY_BREAKER_REFUSALS
        )
        self._circuit = Circuit("Omi's API", rules, clock, counted, is_broken=_is_broken)

    @property
    def per_hour(self) -> int:
        """See `Notifier`."""
        return self._notifier.per_hour

    @property
    def state(self) -> BreakerState:
        """The breaker's state."""
        return self._circuit.state

    @property
    def wait_s(self) -> float:
        """Seconds until a notification may be tried, 0 when that is now."""
        return self._circuit.wait_s

    async def notify(self, uid: str, text: str) -> None:
        """Notify, unless Omi's API has just failed again and again; see `Notifier.notify`.

        Raises:
            CircuitOpenError: it was not asked, and nothing was sent.
        """
        async with self._circuit.call():
            await self._notifier.notify(uid, text)

    async def close(self) -> None:
        """Close the notifier."""
        await self._notifier.close()


def _is_broken(error: UpstreamError) -> bool:
    """Tell a failing API from one that works and refuses: this wearer, or a setting."""
    return not isinstance(error, UpstreamRejectedError)
