"""The server's address: its URLs, messages for a failed bind, and the check whether the port is free.

Not here: listening (web/server.py). Threads: any; the check blocks for a second at most.
"""

import errno
import json
import socket
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection, HTTPException

from config.settings import Settings
from omi_actors.doctor.finding import Finding, as_sentence, note, ok, problem

_ANYWHERE = ("0.0.0.0", "::", "")  # noqa: S104 (recognised, not listened on)
# An address for documents (RFC 5737): no packet is ever sent to it.
_ELSEWHERE = ("192.0.2.1", 9)
# Seconds for a server at the address to answer: it is on this machine.
_ASK_S = 1.0


def explain_bind_error(error: OSError, host: str, port: int) -> str:
    """Return one sentence: why the server cannot listen on `host`:`port`, and what to do."""
    if error.errno == errno.EADDRINUSE:
        return f"port {port} is used by another program; stop that one, or choose another: --port {next_port(port)}"
    if error.errno in (errno.EACCES, errno.EPERM):
        return f"port {port} is not allowed to this account; choose one above 1023: --port 3000"
    if error.errno == errno.EADDRNOTAVAIL or isinstance(error, socket.gaierror):
        return f"HOST={host} is no address of this machine; set 127.0.0.1 (this machine only) or 0.0.0.0 (all networks)"
    return f"cannot listen on {host}:{port} ({error.strerror}); choose another with --host and --port"


def next_port(port: int) -> int:
    """Return a port to propose instead of `port`."""
    return port + 1 if port < 65535 else 3001  # noqa: PLR2004 (the last port)


def build_url(host: str, port: int) -> str:
    """Return a URL for a browser on this machine. `0.0.0.0` is replaced, since some browsers refuse it."""
    if host in (*_ANYWHERE, "127.0.0.1", "::1"):
        host = "localhost"
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def find_lan_url(host: str, port: int) -> str | None:
    """Return a URL for other machines in the network if the server listens on all addresses; else None."""
    if host not in _ANYWHERE:
        return None
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(_ELSEWHERE)  # chooses one of our addresses; sends nothing
        except OSError:
            return None
        own: str = probe.getsockname()[0]
    return None if own.startswith("127.") else f"http://{own}:{port}"


def check_port(settings: Settings, serving: tuple[str, int] | None) -> Iterator[Finding]:
    """Check whether the address is free, or a server of ours already listens: at `serving`, if that is not None."""
    if serving is not None:
        yield note(
            "port",
            f"Omi Actors is already serving on {build_url(*serving)}",
            f"Nothing to do, unless you want a second server: --port {next_port(serving[1])}",
        )
        return
    try:
        _take(settings.host, settings.port)
    except OSError as exc:
        text, _, fix = explain_bind_error(exc, settings.host, settings.port).partition("; ")
        yield problem("port", text, as_sentence(fix))
        return
    yield ok("port", f"port {settings.port} is free")


def _take(host: str, port: int) -> None:
    """Bind the address and release it at once. Raises: OSError."""
    found = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    family, _, _, _, address = min(found, key=lambda entry: entry[0])  # IPv4, if it has both
    socket.create_server(address[:2], family=family).close()


def is_serving(host: str, port: int) -> bool:
    """Return True if a server of this program answers at the address."""
    host = "127.0.0.1" if host in ("0.0.0.0", "localhost", "") else host  # noqa: S104 (recognised only)
    with closing(HTTPConnection(host, port, timeout=_ASK_S)) as connection:
        try:
            connection.request("GET", "/health")
            health = json.loads(connection.getresponse().read(1 << 20))
        except (OSError, HTTPException, ValueError):
            return False
    return isinstance(health, dict) and "supervisor" in (health.get("checks") or ())
