"""The spelling of TRUST_PROXY: a number of proxies in a row, or the addresses that they have.

Not here: what is made of it (web/edge/addresses.py). Threads: none, pure.
"""

import ipaddress
from dataclasses import dataclass
from typing import Any

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_NAMED = {
    "loopback": ("127.0.0.0/8", "::1/128"),
    "private": ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"),
}
_MAX_HOPS = 10


@dataclass(frozen=True, slots=True)
class TrustedProxies:
    """Whose `X-Forwarded-…` headers count: those of `hops` proxies in a row, or of the proxies in `networks`."""

    hops: int = 0
    networks: tuple[Network, ...] = ()

    def __str__(self) -> str:
        return str(self.hops) if self.hops else ",".join(map(str, self.networks))

    def __bool__(self) -> bool:
        return bool(self.hops or self.networks)


NOBODY = TrustedProxies()


def parse_trusted(value: Any) -> Any:
    """Return whom a value of TRUST_PROXY trusts; anything but a string or a number as it is.

    Raises:
        ValueError: it trusts everybody, or is neither a number of proxies nor a list of addresses.
    """
    if isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str | int):
        return value
    word = str(value).strip().lower()
    if word in ("", "0", "false", "no", "off"):
        return NOBODY
    if word in ("true", "yes", "on"):
        raise ValueError(
            "must not be true: that would believe everybody's X-Forwarded-For, so nobody's address could be trusted. "
            "Say how many proxies stand before this server (1), or their addresses (127.0.0.1,10.0.0.0/8; or loopback)"
        )
    if word.isascii() and word.isdigit():
        return _hops(int(word))
    parts = [part.strip() for part in word.split(",") if part.strip()]
    networks = [text for part in parts for text in _NAMED.get(part, (part,))]
    try:
        return TrustedProxies(networks=tuple(ipaddress.ip_network(text) for text in networks))
    except ValueError:
        raise ValueError(
            "must be a number of proxies, or addresses such as 127.0.0.1,10.0.0.0/8, loopback, private"
        ) from None


def _hops(number: int) -> TrustedProxies:
    if number > _MAX_HOPS:
        raise ValueError(f"must not be more than {_MAX_HOPS} proxies in a row")
    return TrustedProxies(hops=number)
