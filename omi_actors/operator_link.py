"""Asking a running server on this machine for a link that signs the operator in.

Not here: the call itself (cli/operator_calls.py), what the link does (web/handlers/operator.py). Threads: the main one,
which waits.
"""

from config.settings import Settings
from omi_actors.cli.operator_calls import call_operator, host_of


def fetch_link(settings: Settings) -> str:
    """Return the link. It opens once: whoever reads it first is in.

    Raises:
        UpstreamUnavailableError: no server answers there.
        UpstreamRejectedError: it is another's server, or another ADMIN_TOKEN.
    """
    path = call_operator(settings, "POST", "/operator/links")["path"]
    shown = "localhost" if settings.is_loopback or host_of(settings) == "127.0.0.1" else settings.host
    return f"http://{shown}:{settings.port}{path}"
