"""Which names are ours: a page whose own name suddenly points here must not pass for one of ours.

Not here: which page asks (browsers.py), the webhook, whose token decides alone. Threads: any, frozen after
construction.
"""

import ipaddress
from functools import lru_cache

from config.settings import Settings

_LOCAL_NAMES = frozenset(("localhost", "localhost.localdomain"))


class Hosts:
    """Decides by the Host header. An address that is asked for by number cannot be a page's borrowed name."""

    def __init__(self, settings: Settings) -> None:
        self._allowed = frozenset(name for name in settings.allowed_hosts if not name.startswith("*."))
        self._suffixes = tuple(name[1:] for name in settings.allowed_hosts if name.startswith("*."))
        self._is_any = "*" in self._allowed or (settings.is_production and not settings.allowed_hosts)
        self._any_number = not settings.is_production and not settings.is_loopback

    def is_ours(self, host: str | None) -> bool:
        """Tell whether a request may name this host. One that names none (HTTP/1.0) comes from no browser."""
        if self._is_any or host is None or is_local_host(host):
            return True
        name = host_name(host)
        if name in self._allowed or (self._suffixes and name.endswith(self._suffixes)):
            return True
        return self._any_number and _number(name) is not None


# Few names are asked for again and again; whoever tries many pays for each.
@lru_cache(maxsize=256)
def is_local_host(host: str) -> bool:
    """Tell whether a Host header can only mean the machine on which it is sent."""
    return is_local(host_name(host))


def host_name(host: str) -> str:
    """Return the name in a Host header, without its port, in lower case."""
    name = host.strip().lower()
    if name.startswith("["):
        return name[1:].partition("]")[0]
    return name.partition(":")[0].removesuffix(".")


def is_local(name: str) -> bool:
    """Tell whether a name can only mean the machine on which it is spoken."""
    if name in _LOCAL_NAMES or name.endswith(".localhost"):
        return True
    number = _number(name)
    return number is not None and number.is_loopback


def _number(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(name)
    except ValueError:
        return None
