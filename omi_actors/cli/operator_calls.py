"""Asking a running server on this machine as its operator, by ADMIN_TOKEN.

Not here: what is asked for (operator_link.py, cli/queue.py). Threads: the main one, which waits.
"""

import http.client
import json
from typing import Any

from config.settings import Settings
from omi_actors.errors import UpstreamRejectedError, UpstreamUnavailableError

_TIMEOUT_S = 30.0
_FIRST_ERROR = 400
_UNAUTHORIZED = 401


def host_of(settings: Settings) -> str:
    """Return the address at which a server with these settings is asked from its own machine."""
    return "127.0.0.1" if settings.host in ("0.0.0.0", "localhost") else settings.host  # noqa: S104 (compared)


def call_operator(settings: Settings, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
    """Return the JSON that the server answers.

    Raises:
        UpstreamUnavailableError: no server answers there.
        UpstreamRejectedError: it refused; the sentence says why.
    """
    address = f"{host_of(settings)}:{settings.port}"
    status, reply = _exchange(settings, method, path, json.dumps(body) if body is not None else None)
    if status == _UNAUTHORIZED:
        raise UpstreamRejectedError(f"the server at {address} says {status}; it must run with this ADMIN_TOKEN")
    try:
        told = json.loads(reply)
    except ValueError:
        raise UpstreamRejectedError(f"what answers at {address} is another kind of server") from None
    if status >= _FIRST_ERROR:
        raise UpstreamRejectedError(f"the server at {address} says {status}: {told.get('error', '')}")
    return told


def _exchange(settings: Settings, method: str, path: str, body: str | None) -> tuple[int, bytes]:
    token = settings.admin_token.get_secret_value() if settings.admin_token else ""
    host, headers = host_of(settings), {"Authorization": f"Bearer {token}"}
    connection = http.client.HTTPConnection(host, settings.port, timeout=_TIMEOUT_S)
    try:
        connection.request(method, path, body, headers)
        reply = connection.getresponse()
        return reply.status, reply.read()
    except (OSError, http.client.HTTPException) as exc:
        raise UpstreamUnavailableError(
            f"no server answers at {host}:{settings.port} ({type(exc).__name__}); start it, or name its --port"
        ) from exc
    finally:
        connection.close()
