"""Settings of the edge: host names, proxies, browsers, connection limits, rate limits.

Not here: the address to listen on, tokens (groups/server.py). Threads: frozen, any.
"""

import re
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field

from config.values import DAY_MS, NO_PROXY, OnOff, Seconds, TrustedProxies, parse_list, parse_size, parse_trusted

_ORIGIN = re.compile(r"https?://(\*\.)?[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:\d{1,5})?|https?://\[[0-9a-f:.]+\](:\d{1,5})?")


def _check_origins(origins: tuple[str, ...]) -> tuple[str, ...]:
    """Return origins in lower case, without a slash at the end.

    Raises:
        ValueError: an entry of the list is not an origin.
    """
    cleaned = tuple(origin.lower().rstrip("/") for origin in origins)
    if "*" in cleaned:
        raise ValueError("must not contain *: any page could then act for its visitor. Name the pages' origins")
    wrong = next((origin for origin in cleaned if not _ORIGIN.fullmatch(origin)), None)
    if wrong is not None:
        raise ValueError("must be origins such as https://app.example.com or https://*.example.com, without a path")
    return cleaned


def _lower(hosts: Any) -> Any:
    return tuple(host.lower() for host in hosts)


class EdgeSettings(BaseModel):
    """The edge: host names, proxies, browsers, connection limits and rate limits."""

    allowed_hosts: Annotated[tuple[str, ...], BeforeValidator(parse_list), AfterValidator(_lower)] = Field(
        (),
        validation_alias="ALLOWED_HOSTS",
        description=(
            "Host names of this server, separated by commas; *.example.com stands for every name below example.com. "
            "Default: every name in production; in development the names and addresses of this machine."
        ),
    )
    trust_proxy: Annotated[TrustedProxies, BeforeValidator(parse_trusted)] = Field(
        NO_PROXY,
        validation_alias="TRUST_PROXY",
        description=(
            "Proxies with trusted X-Forwarded-For and -Proto: how many stand before this server, or their addresses "
            "(127.0.0.1,10.0.0.0/8, loopback, private). Default: none."
        ),
    )
    cors_origins: Annotated[tuple[str, ...], BeforeValidator(parse_list), AfterValidator(_check_origins)] = Field(
        (),
        validation_alias="CORS_ORIGINS",
        description=(
            "Origins of other sites' pages that may use this server, separated by commas; https://*.example.com stands "
            "for every name below it. Default: none."
        ),
    )
    cors_max_age_s: int = Field(
        86_400,
        validation_alias="CORS_MAX_AGE",
        ge=0,
        le=86_400,
        description="Seconds that a browser may remember the permissions of CORS_ORIGINS.",
    )
    enable_compression: OnOff = Field(
        default=True,
        validation_alias="ENABLE_COMPRESSION",
        description="Compresses replies from 1 kB (gzip) for clients that accept it; never event streams.",
    )
    enable_helmet: OnOff = Field(
        default=True,
        validation_alias="ENABLE_HELMET",
        description="Adds security headers for browsers to replies, including a strict Content-Security-Policy.",
    )
    max_connections: int = Field(
        10_000,
        validation_alias="MAX_CONNECTIONS",
        ge=1,
        le=1_000_000,
        description="Maximum of open connections; lower if the system allows fewer open files. More are refused.",
    )
    max_connections_per_address: int = Field(
        1_000,
        validation_alias="MAX_CONNECTIONS_PER_ADDRESS",
        ge=1,
        le=1_000_000,
        description="Maximum of open connections of one address, except a proxy in TRUST_PROXY. More are refused.",
    )
    max_buffered_bodies: Annotated[int, BeforeValidator(parse_size)] = Field(
        64 * 1024 * 1024,
        validation_alias="MAX_BUFFERED_BODIES",
        ge=64 * 1024,
        le=1024**4,
        description=(
            "Memory for all request bodies above 64 kB together, at least one MAX_REQUEST_SIZE. More requests are "
            "refused and may retry. Default: 64mb."
        ),
    )
    request_timeout_ms: int = Field(
        30_000,
        validation_alias="REQUEST_TIMEOUT",
        ge=100,
        le=DAY_MS,
        description="Milliseconds after which a request other than a chat is answered 504 and its work cancelled.",
    )
    enable_rate_limit: OnOff = Field(
        default=True,
        validation_alias="ENABLE_RATE_LIMIT",
        description="Limits the rate of requests: per address, and for webhooks per wearable.",
    )
    rate_limit_window_ms: int = Field(
        60_000,
        validation_alias="RATE_LIMIT_WINDOW",
        ge=1_000,
        le=DAY_MS,
        description="Milliseconds in which requests are counted; rounded down to whole seconds.",
    )
    rate_limit_max_requests: int = Field(
        100,
        validation_alias="RATE_LIMIT_MAX_REQUESTS",
        ge=1,
        le=1_000_000_000,
        description=(
            "Requests per window, address and kind of route; of webhooks only those without the right token or "
            "signature count. Health, metrics and the operator have no limit."
        ),
    )
    rate_limit_max_webhooks: int = Field(
        600,
        validation_alias="RATE_LIMIT_MAX_WEBHOOKS",
        ge=1,
        le=1_000_000_000,
        description="Webhooks per window and wearable. Omi sends one or two a second during speech.",
    )
    rate_limit_skip_successful: OnOff = Field(
        default=False,
        validation_alias="RATE_LIMIT_SKIP_SUCCESSFUL",
        description="true counts only failed requests; accepted webhooks then have no limit.",
    )

    request_timeout_s = Seconds("request_timeout_ms")

    @property
    def rate_limit_window_s(self) -> int:
        """Seconds in which requests are counted, at least 1."""
        return self.rate_limit_window_ms // 1000
