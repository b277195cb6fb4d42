"""An address to listen on: why it cannot be had, and what to do; and by which names people reach it.

Not here: listening (web/server.py). Threads: any.
"""

import errno
import socket

_ANYWHERE = ("0.0.0.0", "::", "")  # noqa: S104 (recognised, not listened on)
# An address for documents (RFC 5737): nothing is ever sent to it.
_ELSEWHERE = ("192.0.2.1", 9)


def explain_bind_error(error: OSError, host: str, port: int) -> str:
    """Return in one sentence why `host`:`port` cannot be listened on, and the way out."""
    if error.errno == errno.EADDRINUSE:
        return f"port {port} is used by another program; stop that one, or choose another: --port {next_port(port)}"
    if error.errno in (errno.EACCES, errno.EPERM):
        return f"port {port} is not allowed to this account; choose one above 1023: --port 3000"
    if error.errno == errno.EADDRNOTAVAIL or isinstance(error, socket.gaierror):
        return f"HOST={host} is no address of this machine; take 127.0.0.1 (this machine only) or 0.0.0.0 (everybody)"
    return f"cannot listen on {host}:{port} ({error.strerror}); choose another with --host and --port"


def next_port(port: int) -> int:
    """Return a port to propose instead of `port`."""
    return port + 1 if port < 65535 else 3001  # noqa: PLR2004 (the last port)


def build_url(host: str, port: int) -> str:
    """Return an address that opens in a browser on this machine: `0.0.0.0` does not open everywhere."""
    if host in (*_ANYWHERE, "127.0.0.1", "::1"):
        host = "localhost"
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def find_lan_url(host: str, port: int) -> str | None:
    """Return an address for others in the same network when all addresses are listened on; None if there is none."""
    if host not in _ANYWHERE:
        return None
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(_ELSEWHERE)  # chooses an address of ours; sends nothing
        except OSError:
            return None
        own: str = probe.getsockname()[0]
    return None if own.startswith("127.") else f"http://{own}:{port}"
