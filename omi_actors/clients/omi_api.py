"""Omi's API behind a circuit breaker: notifications, v1 and v2, and a wearer's memories and conversations.

Not here: deciding to notify (domain/answers/delivery.py), the budget (store/notifications.py).
Threads: the event loop; another thread imports the HTTP library.
Source: Omi's integration API. v1 takes JSON and also stores the text in the app's chat; v2 takes it in the URL.
No text and no body of a reply reaches a log line or an error.
"""

import asyncio
import json
import logging
from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal, Protocol

from omi_actors.clients.circuit import Circuit, CircuitMetrics
from omi_actors.clients.surroundings import explain_connection
from omi_actors.clock import Clock
from omi_actors.domain.answers.breaker import BreakerRules
from omi_actors.errors import (
    UpstreamError,
    UpstreamRejectedError,
    UpstreamUnavailableError,
    UpstreamUnclearError,
)
from omi_actors.instruments import metrics

if TYPE_CHECKING:
    from httpx2 import AsyncClient

# Seconds to connect. Before the connection nothing is sent.
_CONNECT_S = 5.0
# Omi's budget for one app and user in a UTC hour, shared by both versions; v2's counter begins at 1.
_PER_HOUR = {"v1": 10, "v2": 9}
# Characters. In v2's URL one takes up to 12 bytes, and servers accept about 8,000 bytes.
_V2_CHARS = 500
_REASONS = {
    400: ("invalid", "Omi does not understand our notification (400)"),
    401: ("unauthorized", "Omi refuses OMI_APP_SECRET (401)"),
    403: ("unauthorized", "Omi refuses OMI_APP_SECRET, or the wearer has not enabled this app (403)"),
    404: ("app_not_found", "Omi does not know OMI_APP_ID (404)"),
    422: ("invalid", "Omi does not understand our notification (422)"),
}


class Notifier(Protocol):
    """A channel for notifications; one wearer gets at most `per_hour` in a UTC hour."""

    per_hour: int

    async def notify(self, uid: str, text: str) -> None:
        """Notify one wearer.

        Raises:
            UpstreamRejectedError: refused, and not sent; `code` says why (no_budget, unauthorized, …).
            UpstreamUnavailableError: not reachable, and not sent; another attempt may succeed.
            UpstreamUnclearError: it may have been sent or not.
        """

    async def read_memories(self, uid: str, *, limit: int, offset: int) -> list[Any]:
        """Read a page of one wearer's memories, as Omi has them.

        Raises:
            UpstreamError: the page cannot be read.
        """

    async def exchange(self, method: str, path: str, *, params: Mapping[str, Any], body: Any = None) -> Any:
        """Call an address of the app's integration API, with a JSON body unless it is None; return the reply's JSON.

        `path` and `params` are checked by the caller; `params` holds the `uid`.

        Raises:
            UpstreamError: there is no such reply. If it is unclear, a change may have happened.
        """

    async def close(self) -> None:
        """Close connections."""


class OmiApi:
    """The `Notifier` of Omi's API, with one client for all sessions."""

    def __init__(self, *, app_id: str, secret: str, url: str, version: Literal["v1", "v2"], timeout_s: float) -> None:
        self.per_hour = _PER_HOUR[version]
        self._app_id = app_id
        self._secret = secret
        # A query would stand before the path that is added; this API has none.
        self._url = url.partition("?")[0].rstrip("/")
        self._version = version
        self._timeout_s = timeout_s
        self._client: AsyncClient | None = None

    async def notify(self, uid: str, text: str) -> None:
        """Notify; see `Notifier.notify`."""
        await self._call("POST", self._build_request(uid, text), is_read=False)

    async def read_memories(self, uid: str, *, limit: int, offset: int) -> list[Any]:
        """Read a page; see `Notifier.read_memories`."""
        found = await self.exchange("GET", "memories", params={"uid": uid, "limit": limit, "offset": offset})
        memories = found.get("memories") if isinstance(found, dict) else None
        if not isinstance(memories, list):
            raise UpstreamUnclearError("Omi's API sent no list of memories")
        return memories

    async def exchange(self, method: str, path: str, *, params: Mapping[str, Any], body: Any = None) -> Any:
        """Call the integration API; see `Notifier.exchange`."""
        request = {
            "url": f"{self._url}/v2/integrations/{self._app_id}/{path}",
            "params": {name: value for name, value in params.items() if value is not None},
            "headers": {"Authorization": f"Bearer {self._secret}"},
        }
        received = await self._call(method, request | ({} if body is None else {"json": body}), is_read=True)
        try:
            return await asyncio.to_thread(json.loads, received)
        except (ValueError, RecursionError) as exc:
            raise UpstreamUnclearError("Omi's API sent no JSON") from exc

    async def _call(self, method: str, request: dict[str, Any], *, is_read: bool) -> bytes:
        """Send a request; return the reply's body if `is_read`. Raises: UpstreamError, as `Notifier` says."""
        http = await asyncio.to_thread(import_module, "httpx2")  # comes with openai; not at start
        client, body = self._open(), b""
        try:
            async with asyncio.timeout(self._timeout_s):
                # The body may be endless, so it is only read where it is needed.
                async with client.stream(method, **request) as response:
                    error = translate_status(response.status_code, response.headers.get("retry-after"))
                    if is_read and error is None:
                        body = await response.aread()
        except (http.ConnectError, http.ConnectTimeout, http.ProxyError, http.UnsupportedProtocol) as exc:
            why = explain_connection(exc, self._url, "OMI_API_URL")
            raise UpstreamUnavailableError(f"Omi's API cannot be reached{why}") from exc
        except TimeoutError as exc:
            raise UpstreamUnclearError(f"Omi's API did not answer within {self._timeout_s:.1f} s") from exc
        except http.HTTPError as exc:
            raise UpstreamUnclearError("Omi's API sent a broken answer") from exc
        if error is not None:
            raise error
        return body

    async def close(self) -> None:
        """Close the client."""
        if self._client is not None:
            await self._client.aclose()

    def _open(self) -> "AsyncClient":
        if self._client is None:
            import httpx2  # noqa: PLC0415 (comes with openai; not at start)

            from omi_actors.clients import bounded_http  # noqa: PLC0415 (imports httpx2)

            # It logs whole URLs, and v2's holds the text.
            logging.getLogger(httpx2.__name__).setLevel(logging.WARNING)
            # A kept connection that the server has closed would make a result unclear needlessly.
            limits = httpx2.Limits(max_connections=None, max_keepalive_connections=0)
            timeout = httpx2.Timeout(self._timeout_s, connect=min(_CONNECT_S, self._timeout_s / 2))
            self._client = bounded_http.open_client(self._url, timeout=timeout, limits=limits)
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
    """Return the error of a status of Omi's API, None when the notification was sent."""
    if 200 <= status < 300:  # noqa: PLR2004
        return None
    if status == 429:  # noqa: PLR2004
        seconds = retry_after if retry_after and retry_after.isdigit() else "an unknown number of"
        return UpstreamRejectedError(
            f"Omi's budget for this hour is spent; it is renewed in {seconds} s (429)", code="no_budget"
        )
    if status in _REASONS:
        code, sentence = _REASONS[status]
        return UpstreamRejectedError(sentence, code=code)
    if status < 500:  # noqa: PLR2004
        return UpstreamRejectedError(f"Omi refused our notification ({status}); check OMI_API_URL", code="refused")
    # The server may have sent the notification before it failed.
    return UpstreamUnclearError(f"Omi's API failed ({status})")


class GuardedNotifier:
    """A notifier behind a circuit breaker."""

    def __init__(self, notifier: Notifier, rules: BreakerRules, clock: Clock) -> None:
        self.per_hour = notifier.per_hour
        self._notifier = notifier
        circuit_metrics = CircuitMetrics(
            metrics.NOTIFY_BREAKER_STATE, metrics.NOTIFY_BREAKER_OPENINGS, metrics.NOTIFY_BREAKER_REFUSALS
        )
        self.circuit = Circuit("Omi's API", rules, clock, circuit_metrics, is_broken=_is_broken)

    async def notify(self, uid: str, text: str) -> None:
        """Notify, unless the breaker is open; see `Notifier.notify`.

        Raises:
            CircuitOpenError: the breaker is open, and nothing was sent.
        """
        async with self.circuit.call():
            await self._notifier.notify(uid, text)

    async def read_memories(self, uid: str, *, limit: int, offset: int) -> list[Any]:
        """Read a page of memories, unless the breaker is open; see `Notifier.read_memories`.

        Raises:
            CircuitOpenError: the breaker is open, and nothing was asked.
        """
        async with self.circuit.call():
            return await self._notifier.read_memories(uid, limit=limit, offset=offset)

    async def exchange(self, method: str, path: str, *, params: Mapping[str, Any], body: Any = None) -> Any:
        """Call the integration API, unless the breaker is open; see `Notifier.exchange`.

        Raises:
            CircuitOpenError: the breaker is open, and nothing was asked.
        """
        async with self.circuit.call():
            return await self._notifier.exchange(method, path, params=params, body=body)

    async def close(self) -> None:
        """Close the notifier."""
        await self._notifier.close()


def _is_broken(error: UpstreamError) -> bool:
    """Return True if the API does not work. An API that refuses a wearer or a setting does work."""
    return not isinstance(error, UpstreamRejectedError)
