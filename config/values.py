"""Spellings of values: sizes, lists, words.

Not here: which setting takes which (settings.py). Threads: none, pure.
"""

import ipaddress
import re
from collections.abc import Callable
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, SecretStr

# The longest time that a setting may say.
DAY_MS = 86_400_000

_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*(b|kb|kib|mb|mib|gb|gib)?")
_FACTORS = {None: 1, "b": 1, "kb": 1024, "kib": 1024, "mb": 1024**2, "mib": 1024**2, "gb": 1024**3, "gib": 1024**3}


def parse_size(value: Any) -> Any:
    """Return bytes of a size such as `10mb`, `512 kB` or `1048576`; anything but a string as it is.

    Raises:
        ValueError: the string is no size.
    """
    if not isinstance(value, str):
        return value
    match = _SIZE.fullmatch(value.strip().lower())
    if match is None:
        raise ValueError("must be a size such as 10mb, 512kb or 1048576")
    return int(float(match[1]) * _FACTORS[match[2]])


def parse_list(value: Any) -> Any:
    """Return the non-empty, trimmed parts of a comma-separated string; anything but a string as it is."""
    return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


def lower_word(value: Any) -> Any:
    """Return a word in lower case (and `warning` as `warn`); anything but a string as it is."""
    if not isinstance(value, str):
        return value
    word = value.strip().lower()
    return "warn" if word == "warning" else word


def upper_word(value: Any) -> Any:
    """Return a word in upper case; anything but a string as it is."""
    return value.strip().upper() if isinstance(value, str) else value


def trimmed(value: Any) -> Any:
    """Return a string without surrounding blanks, None for a blank one; anything but a string as it is."""
    return (value.strip() or None) if isinstance(value, str) else value


def is_loopback(host: str) -> bool:
    """Tell whether a host is this machine's loopback, by its literal name only: no look-up could be trusted."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


# A secret: never printed; a blank one is none.
Secret = Annotated[SecretStr | None, BeforeValidator(trimmed)]

_QUOTES = "\"'`“”‘’"
_BLANK = re.compile(r"[\s\x00-\x1f\x7f]")


def checked_secret(*find_problem: Callable[[str], str]) -> AfterValidator:
    """Return the rule of a secret that has a form; each `find_problem` says what is wrong, without quoting, or ""."""

    def check(secret: SecretStr | None) -> SecretStr | None:
        value = secret.get_secret_value() if secret is not None else ""
        problem = next(filter(None, (find(value) for find in find_problem if value)), None)
        if problem is not None:
            raise ValueError(problem)
        return secret

    return AfterValidator(check)


def find_odd_spelling(url: str) -> str:
    """Return what is wrong with the characters of a server's URL, "" if nothing is."""
    if url.startswith(tuple(_QUOTES)) or url.endswith(tuple(_QUOTES)):
        return "must not be in quotes"
    return "must not hold blanks or line ends; write a blank as %20" if _BLANK.search(url) else ""


_ON = ("true", "1", "yes", "on")
_OFF = ("false", "0", "no", "off")


def parse_on_off(value: Any) -> Any:
    """Return whether a word means on; anything but a string as it is.

    Raises:
        ValueError: the word means neither.
    """
    if not isinstance(value, str):
        return value
    word = value.strip().lower()
    if word in _ON:
        return True
    if word in _OFF:
        return False
    raise ValueError(f"must be on ({', '.join(_ON)}) or off ({', '.join(_OFF)})")


# A switch.
OnOff = Annotated[bool, BeforeValidator(parse_on_off)]
