"""Settings of the backplane: Redis, by which several nodes send each other hints.

Not here: loading and checking (config/settings.py). Threads: frozen, any.
"""

from typing import Annotated
from urllib.parse import parse_qsl, urlsplit

from pydantic import BaseModel, Field

from config.values import Seconds, Secret, checked_secret, find_odd_spelling

_SCHEMES = ("redis", "rediss", "unix")
# Accepted options of a query. Others would change time limits, encodings or certificates that the program relies on.
_OPTIONS = {"redis": {"db"}, "rediss": {"db", "ssl_ca_certs"}, "unix": {"db"}}


def _find_problem(url: str) -> str:
    """Return why the URL names no Redis; "" if it names one. The URL is never quoted: it may hold a password."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return "has a host or port that cannot be read; write special characters of a password as %XX"
    if parts.scheme not in _SCHEMES:
        return "must begin with redis://, rediss:// (TLS) or unix://"
    if port == 0:
        return "must not have the port 0"
    if parts.scheme == "unix":
        if host or not parts.path.startswith("/"):
            return "must name the socket's path: unix:///run/redis.sock"
    elif not host:
        return "must name a host: redis://host:6379/0"
    elif parts.path.strip("/") and not parts.path.strip("/").isdecimal():
        return "must end in the database's number: redis://host:6379/0"
    return _find_odd_option(parts.scheme, parts.query, parts.fragment)


def _find_odd_option(scheme: str, query: str, fragment: str) -> str:
    if fragment:
        return "must not hold a #; write it as %23 in a password"
    options = dict(parse_qsl(query, keep_blank_values=True))
    if options.keys() - _OPTIONS[scheme]:
        return f"has an option that is not taken; it may have {' and '.join(sorted(_OPTIONS[scheme]))}"
    return "" if options.get("db", "0").isdecimal() else "must have the database's number after db="


class BackplaneSettings(BaseModel):
    """The backplane: Redis, by which several nodes send each other hints."""

    redis_url: Annotated[Secret, checked_secret(find_odd_spelling, _find_problem)] = Field(
        None,
        validation_alias="REDIS_URL",
        description=(
            "Redis of all nodes: redis://user:password@host:6379/0, rediss://… (TLS) or unix:///path. Empty: none."
        ),
    )
    redis_timeout_ms: int = Field(
        500,
        validation_alias="REDIS_TIMEOUT_MS",
        ge=10,
        le=60_000,
        description="Milliseconds after which a command to Redis fails; the node then continues without Redis.",
    )
    redis_key_prefix: str = Field(
        "omi",
        validation_alias="REDIS_KEY_PREFIX",
        pattern=r"^[A-Za-z0-9._-]{1,64}$",
        description="Prefix of all keys and channels at Redis: the same on every node of one installation.",
    )

    redis_timeout_s = Seconds("redis_timeout_ms")
