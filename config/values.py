"""Parsers of values: sizes, lists, words, switches, secrets, trusted proxies; and milliseconds as seconds.

Not here: the fields that use them (groups/). Threads: any; pure.
"""

import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator, BeforeValidator, SecretStr

# The longest time that a setting takes.
DAY_MS = 86_400_000

_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*(b|kb|kib|mb|mib|gb|gib)?")
_FACTORS = {None: 1, "b": 1, "kb": 1024, "kib": 1024, "mb": 1024**2, "mib": 1024**2, "gb": 1024**3, "gib": 1024**3}


def parse_size(value: Any) -> Any:
    """Convert a size such as `10mb`, `512 kB` or `1048576` to bytes. Return a value that is not a string unchanged.

    Raises:
        ValueError: the string is not a size.
    """
    if not isinstance(value, str):
        return value
    match = _SIZE.fullmatch(value.strip().lower())
    if match is None:
        raise ValueError("must be a size such as 10mb, 512kb or 1048576")
    return int(float(match[1]) * _FACTORS[match[2]])


def parse_list(value: Any) -> Any:
    """Return the non-empty, trimmed parts of a comma-separated string; any other value unchanged."""
    return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


def lower_word(value: Any) -> Any:
    """Return a word in lower case (and `warning` as `warn`); return a value that is not a string unchanged."""
    if not isinstance(value, str):
        return value
    word = value.strip().lower()
    return "warn" if word == "warning" else word


def upper_word(value: Any) -> Any:
    """Return a word in upper case; return a value that is not a string unchanged."""
    return value.strip().upper() if isinstance(value, str) else value


def trimmed(value: Any) -> Any:
    """Return a string without surrounding blanks; None if it is blank. Return any other value unchanged."""
    return (value.strip() or None) if isinstance(value, str) else value


def is_loopback(host: str) -> bool:
    """Return True if `host` is written as `localhost` or as a loopback address.

    No name server is asked, since its answer could change.
    """
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


# A secret: never printed; a blank one counts as not given.
Secret = Annotated[SecretStr | None, BeforeValidator(trimmed)]

_QUOTES = "\"'`“”‘’"
_BLANK = re.compile(r"[\s\x00-\x1f\x7f]")


def checked_secret(*find_problem: Callable[[str], str]) -> AfterValidator:
    """Return the validator of a secret.

    Each `find_problem` looks for one problem. It returns a sentence that does not quote the value, or "" for none.
    """

    def check(secret: SecretStr | None) -> SecretStr | None:
        value = secret.get_secret_value() if secret is not None else ""
        problem = next(filter(None, (find(value) for find in find_problem if value)), None)
        if problem is not None:
            raise ValueError(problem)
        return secret

    return AfterValidator(check)


def find_odd_spelling(url: str) -> str:
    """Return a problem with the characters of a server's URL; "" if there is none."""
    if url.startswith(tuple(_QUOTES)) or url.endswith(tuple(_QUOTES)):
        return "must not be in quotes"
    return "must not hold blanks or line ends; write a blank as %20" if _BLANK.search(url) else ""


_ON = ("true", "1", "yes", "on")
_OFF = ("false", "0", "no", "off")


def parse_on_off(value: Any) -> Any:
    """Return True for a word that means on, False for a word that means off; any value that is not a string unchanged.

    Raises:
        ValueError: the word means neither on nor off.
    """
    if not isinstance(value, str):
        return value
    word = value.strip().lower()
    if word in _ON:
        return True
    if word in _OFF:
        return False
    raise ValueError(f"must be on ({', '.join(_ON)}) or off ({', '.join(_OFF)})")


# A switch: on or off.
OnOff = Annotated[bool, BeforeValidator(parse_on_off)]


class Seconds(property):
    """A field in milliseconds, read as seconds: `body_timeout_s = Seconds("body_timeout_ms")`."""

    def __init__(self, field: str) -> None:
        super().__init__(lambda settings: getattr(settings, field) / 1000)

    if TYPE_CHECKING:

        def __get__(self, instance: Any, owner: type | None = None, /) -> float: ...  # type: ignore[override] # only read from instances


Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_NAMED = {
    "loopback": ("127.0.0.0/8", "::1/128"),
    "private": ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"),
}
_MAX_HOPS = 10


@dataclass(frozen=True, slots=True)
class TrustedProxies:
    """Trusted proxies: `hops` proxies in a row, or all proxies with an address in `networks`."""

    hops: int = 0
    networks: tuple[Network, ...] = ()

    def __str__(self) -> str:
        return str(self.hops) if self.hops else ",".join(map(str, self.networks))

    def __bool__(self) -> bool:
        return bool(self.hops or self.networks)


NO_PROXY = TrustedProxies()


def parse_trusted(value: Any) -> Any:
    """Return the proxies that a value of TRUST_PROXY trusts. Return a value that is no string and no number unchanged.

    Raises:
        ValueError: the value trusts every sender, or is neither a number of proxies nor a list of addresses.
    """
    if isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str | int):
        return value
    word = str(value).strip().lower()
    if word in ("", "0", "false", "no", "off"):
        return NO_PROXY
    if word in ("true", "yes", "on"):
        raise ValueError(
            "must not be true: every sender could then claim any address by X-Forwarded-For. Give "
            "how many proxies stand before this server (1), or their addresses (127.0.0.1,10.0.0.0/8; or loopback)"
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
