"""Who speaks, when proxies speak for them: the address and scheme of a request's first sender.

Only `X-Forwarded-For` and `X-Forwarded-Proto` of trusted proxies are read. `Forwarded` never is: a proxy that sets the
one header lets its clients' other one pass.
Not here: whom to trust (config/values.py). Threads: none, pure.
"""

import ipaddress
from dataclasses import dataclass

from tornado.httputil import HTTPHeaders

from config.values import TrustedProxies

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
# One household or machine has at least this much of IPv6.
_IPV6_PREFIX = 64


@dataclass(frozen=True, slots=True)
class Client:
    """The address as text, and whether it came to us or to our proxy by https."""

    address: str
    is_https: bool = False

    @property
    def limit_key(self) -> str:
        """What requests of one sender have in common: the address; of IPv6 the network."""
        address = _parse(self.address)
        if isinstance(address, ipaddress.IPv6Address):
            return str(ipaddress.ip_network((address, _IPV6_PREFIX), strict=False))
        return self.address


def find_client(peer: str, headers: HTTPHeaders, trusted: TrustedProxies) -> Client:
    """Return who sent a request that came from the address `peer`."""
    if not trusted or not is_proxy(peer, trusted):
        return Client(peer)
    chain = [peer, *reversed(_listed(headers, "X-Forwarded-For"))]
    protos = _listed(headers, "X-Forwarded-Proto")
    return Client(_client_of(chain, trusted), is_https=bool(protos) and protos[-1].lower() == "https")


def is_proxy(peer: str, trusted: TrustedProxies) -> bool:
    """Tell whether a connection's other end is one of our proxies. With a number of proxies everybody is."""
    if trusted.hops:
        return True
    address = _parse(peer)
    return address is not None and any(address in network for network in trusted.networks)


def _client_of(chain: list[str], trusted: TrustedProxies) -> str:
    """Return the first address, from our end, that is no proxy's. What cannot be read ends the search."""
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


def _listed(headers: HTTPHeaders, name: str) -> list[str]:
    return [part.strip() for line in headers.get_list(name) for part in line.split(",") if part.strip()]


def _parse(text: str) -> _Address | None:
    """Return an address, maybe with a port, as proxies write it; an IPv4 one in IPv6's clothes as IPv4."""
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
