"""Names of this server, and addresses of its clients behind trusted proxies.

Only `X-Forwarded-For` and `X-Forwarded-Proto` of trusted proxies are used. `Forwarded` is not: a proxy that sets one
kind of header forwards the other kind unchanged from its client.
Not here: origins of pages (browsers.py), the proxies to trust (config/proxies.py). Threads: any, frozen after
construction.
"""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from config.settings import Settings
from config.values import TrustedProxies

_LOCAL_NAMES = frozenset(("localhost", "localhost.localdomain"))


class Hosts:
    """Checks by the Host header that a request is for this server.

    A foreign page can make its own host name point to this server (DNS rebinding). So names are checked; numeric
    addresses are safe.
    """

    def __init__(self, settings: Settings) -> None:
        self._allowed = frozenset(name for name in settings.allowed_hosts if not name.startswith("*."))
        self._suffixes = tuple(name[1:] for name in settings.allowed_hosts if name.startswith("*."))
        self._is_any = "*" in self._allowed or (settings.is_production and not settings.allowed_hosts)
        self._any_number = not settings.is_production and not settings.is_loopback

    def is_ours(self, host: str | None) -> bool:
        """Return True if a Host header names this server, or is missing: browsers always send one."""
        if self._is_any or host is None or is_local_host(host):
            return True
        name = host_name(host)
        if name in self._allowed or (self._suffixes and name.endswith(self._suffixes)):
            return True
        return self._any_number and _number(name) is not None


# Most requests use a few names; the cache is bounded against a sender of many.
@lru_cache(maxsize=256)
def is_local_host(host: str) -> bool:
    """Return True if a Host header always means the sender's own machine."""
    return is_local(host_name(host))


def host_name(host: str) -> str:
    """Return the name in a Host header, without its port, in lower case."""
    name = host.strip().lower()
    if name.startswith("["):
        return name[1:].partition("]")[0]
    return name.partition(":")[0].removesuffix(".")


def is_local(name: str) -> bool:
    """Return True if a name always means the machine that uses it."""
    if name in _LOCAL_NAMES or name.endswith(".localhost"):
        return True
    number = _number(name)
    return number is not None and number.is_loopback


def _number(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(name)
    except ValueError:
        return None


_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
# Bits. One household or machine has at least a network of this size.
_IPV6_PREFIX = 64


@dataclass(frozen=True, slots=True)
class Client:
    """A client: its address as text, and whether it used https to connect to this server or its proxy."""

    address: str
    is_https: bool = False

    @property
    def limit_key(self) -> str:
        """Return the key for rate limits: the IPv4 address, or the network of an IPv6 address."""
        address = _parse(self.address)
        if isinstance(address, ipaddress.IPv6Address):
            return str(ipaddress.ip_network((address, _IPV6_PREFIX), strict=False))
        return self.address


def find_client(peer: str, headers: Mapping[str, str], trusted: TrustedProxies) -> Client:
    """Return the client of a request that arrived from the address `peer`."""
    if not trusted or not is_proxy(peer, trusted):
        return Client(peer)
    chain = [peer, *reversed(_listed(headers, "X-Forwarded-For"))]
    protos = _listed(headers, "X-Forwarded-Proto")
    return Client(_client_of(chain, trusted), is_https=bool(protos) and protos[-1].lower() == "https")


def is_proxy(peer: str, trusted: TrustedProxies) -> bool:
    """Return True if `peer` is a trusted proxy. If TRUST_PROXY is a number, every peer is."""
    if trusted.hops:
        return True
    address = _parse(peer)
    return address is not None and any(address in network for network in trusted.networks)


def _client_of(chain: list[str], trusted: TrustedProxies) -> str:
    """Return the first address, from our end, that is not a trusted proxy. An invalid address ends the search."""
    last = chain[0]
    for hop, text in enumerate(chain):
        address = _parse(text)
        if address is None:
            return last
        last = str(address)
        is_trusted = hop < trusted.hops if trusted.hops else any(address in network for network in trusted.networks)
        if not is_trusted:
            return last
    return last


def _listed(headers: Mapping[str, str], name: str) -> list[str]:
    return [part.strip() for part in headers.get(name, "").split(",") if part.strip()]


def _parse(text: str) -> _Address | None:
    """Parse an address from a proxy's header, with or without a port. An IPv4-mapped IPv6 address becomes IPv4."""
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address
