"""Checks of the address: is it free, or are we there already.

Not here: listening (web/server.py). Threads: the main one; blocked for a second at most.
"""

import json
import socket
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection, HTTPException

from config.settings import Settings
from omi_actors.doctor.finding import Finding, note, ok, problem
from omi_actors.doctor.listening import build_url, explain_bind_error

_ASK_S = 1.0


def check_port(settings: Settings, *, is_running: bool) -> Iterator[Finding]:
    """Take the address for a moment."""
    if is_running:
        url = build_url(settings.host, settings.port)
        yield note(
            "port",
            f"Omi Actors is already serving on {url}",
            f"Nothing to do, unless you wanted a second: --port {settings.port + 1}",
        )
        return
    try:
        _take(settings.host, settings.port)
    except OSError as exc:
        said, _, fix = explain_bind_error(exc, settings.host, settings.port).partition("; ")
        yield problem("port", said, f"{fix[0].upper()}{fix[1:]}.")
        return
    yield ok("port", f"port {settings.port} is free")


def _take(host: str, port: int) -> None:
    """Listen for a moment. Raises: OSError."""
    found = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    family, _, _, _, address = min(found, key=lambda entry: entry[0])  # IPv4, if it has both
    socket.create_server(address[:2], family=family).close()


def is_serving(settings: Settings) -> bool:
    """Tell whether a server of ours answers at the address."""
    host = "127.0.0.1" if settings.host in ("0.0.0.0", "localhost") else settings.host  # noqa: S104 (recognised only)
    with closing(HTTPConnection(host, settings.port, timeout=_ASK_S)) as connection:
        try:
            connection.request("GET", "/health")
            said = json.loads(connection.getresponse().read(1 << 20))
        except (OSError, HTTPException, ValueError):
            return False
    return isinstance(said, dict) and "supervisor" in (said.get("checks") or ())
