"""Asking a running server on this machine for a link that signs the operator in.

Not here: what the link does (web/handlers/operator.py). Threads: the main one, which waits.
"""

import http.client
import json

from config.settings import Settings
from omi_actors.errors import UpstreamRejectedError, UpstreamUnavailableError

_TIMEOUT_S = 5.0
_CREATED = 201


def fetch_link(settings: Settings) -> str:
    """Return the link. It opens once: whoever reads it first is in.

    Raises:
        UpstreamUnavailableError: no server answers there.
        UpstreamRejectedError: it is another's server, or another ADMIN_TOKEN.
    """
    host = "127.0.0.1" if settings.host in ("0.0.0.0", "localhost") else settings.host  # noqa: S104 (compared)
    token = settings.admin_token.get_secret_value() if settings.admin_token else ""
    connection = http.client.HTTPConnection(host, settings.port, timeout=_TIMEOUT_S)
    try:
        connection.request("POST", "/operator/links", headers={"Authorization": f"Bearer {token}"})
        reply = connection.getresponse()
        body = reply.read()
    except (OSError, http.client.HTTPException) as exc:
        raise UpstreamUnavailableError(
            f"no server answers at {host}:{settings.port} ({type(exc).__name__}); start it, or name its --port"
        ) from exc
    finally:
        connection.close()
    if reply.status != _CREATED:
        raise UpstreamRejectedError(
            f"the server at {host}:{settings.port} says {reply.status}; it must run with this ADMIN_TOKEN"
        )
    shown = "localhost" if settings.is_loopback or host == "127.0.0.1" else host
    return f"http://{shown}:{settings.port}{json.loads(body)['path']}"
