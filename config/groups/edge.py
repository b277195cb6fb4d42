"""The door: who may come from where, how much, how often, and what browsers are told.

Not here: the address to listen on, tokens (groups/server.py). Threads: frozen, any.
"""

import re
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field

from config.proxies import NOBODY, TrustedProxies, parse_trusted
from config.values import DAY_MS, OnOff, parse_list, parse_size

_ORIGIN = re.compile(r"https?://(\*\.)?[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:\d{1,5})?|https?://\[[0-9a-f:.]+\](:\d{1,5})?")


def _check_origins(origins: tuple[str, ...]) -> tuple[str, ...]:
    """Return origins in lower case, without the slash that people add.

    Raises:
        ValueError: one is none.
    """
    cleaned = tuple(origin.lower().rstrip("/") for origin in origins)
    if "*" in cleaned:
        raise ValueError("must not contain *: any page could then speak for its visitor. Name the pages' origins")
    wrong = next((origin for origin in cleaned if not _ORIGIN.fullmatch(origin)), None)
    if wrong is not None:
        raise ValueError("must be origins such as https://app.example.com or https://*.example.com, without a path")
    return cleaned


def _lower(hosts: Any) -> Any:
    return tuple(host.lower() for host in hosts)


class EdgeSettings(BaseModel):
    """See the module."""

    allowed_hosts: Annotated[tuple[str, ...], BeforeValidator(parse_list), AfterValidator(_lower)] = Field(
        (),
        validation_alias="ALLOWED_HOSTS",
        description=(
            "Names under which this server may be asked for, separated by commas; *.example.com stands for every name "
            "below. Default: every name in production; in development the names and addresses of this machine."
        ),
    )
    trust_proxy: Annotated[TrustedProxies, BeforeValidator(parse_trusted)] = Field(
        NOBODY,
        validation_alias="TRUST_PROXY",
        description=(
            "Whose X-Forwarded-For and -Proto count: the number of proxies before this server, or their addresses "
            "(127.0.0.1,10.0.0.0/8, loopback, private). Default: nobody's."
        ),
    )
    cors_origins: Annotated[tuple[str, ...], BeforeValidator(parse_list), AfterValidator(_check_origins)] = Field(
        (),
        validation_alias="CORS_ORIGINS",
        description=(
            "Origins of other sites' pages that may use this server, by commas; https://*.example.com stands "
            "for every name below. Default: none."
        ),
    )
    cors_max_age_s: int = Field(
        86_400,
        validation_alias="CORS_MAX_AGE",
        ge=0,
        le=86_400,
        description="Seconds for which a browser may remember what CORS_ORIGINS allows.",
    )
    enable_compression: OnOff = Field(
        default=True,
        validation_alias="ENABLE_COMPRESSION",
        description="Answers from 1 kB on are sent gzipped to whoever takes that; event streams never.",
    )
    enable_helmet: OnOff = Field(
        default=True,
        validation_alias="ENABLE_HELMET",
        description="Answers carry security headers for browsers, a strict Content-Security-Policy among them.",
    )
    max_connections: int = Field(
        10_000,
        validation_alias="MAX_CONNECTIONS",
        ge=1,
        le=1_000_000,
        description="Open connections; less if the system allows the process fewer open files. More are refused.",
    )
    max_connections_per_address: int = Field(
        1_000,
        validation_alias="MAX_CONNECTIONS_PER_ADDRESS",
        ge=1,
        le=1_000_000,
        description="Open connections from one address, unless it is a proxy that TRUST_PROXY names. More are refused.",
    )
    max_buffered_bodies: Annotated[int, BeforeValidator(parse_size)] = Field(
        64 * 1024 * 1024,
        validation_alias="MAX_BUFFERED_BODIES",
        ge=64 * 1024,
        le=1024**4,
        description=(
            "Memory for all request bodies above 64 kB together, and never less than one MAX_REQUEST_SIZE. Requests "
            "that find no room are told to come again. Default: 64mb."
        ),
    )
    request_timeout_ms: int = Field(
        30_000,
        validation_alias="REQUEST_TIMEOUT",
        ge=100,
        le=DAY_MS,
        description="ms after which a request, other than a chat, is answered 504 and its work cancelled.",
    )
    enable_rate_limit: OnOff = Field(
        default=True,
        validation_alias="ENABLE_RATE_LIMIT",
        description="Requests are limited in number, per address and for webhooks per wearable.",
    )
    rate_limit_window_ms: int = Field(
        60_000,
        validation_alias="RATE_LIMIT_WINDOW",
        ge=1_000,
        le=DAY_MS,
        description="ms over which requests are counted; whole seconds.",
    )
    rate_limit_max_requests: int = Field(
        100,
        validation_alias="RATE_LIMIT_MAX_REQUESTS",
        ge=1,
        le=1_000_000_000,
        description="Requests per window, address and kind of route. Health, metrics and the operator are not limited.",
    )
    rate_limit_max_webhooks: int = Field(
        600,
        validation_alias="RATE_LIMIT_MAX_WEBHOOKS",
        ge=1,
        le=1_000_000_000,
        description="Webhooks per window and wearable. Omi sends one or two a second while somebody speaks.",
    )
    rate_limit_skip_successful: OnOff = Field(
        default=False,
        validation_alias="RATE_LIMIT_SKIP_SUCCESSFUL",
        description="true counts only requests that fail; webhooks that are kept are then never limited.",
    )

    @property
    def request_timeout_s(self) -> float:
        """Seconds after which a request that is not answered yet is cut."""
        return self.request_timeout_ms / 1000

    @property
    def rate_limit_window_s(self) -> int:
        """Seconds over which requests are counted, ≥ 1."""
        return self.rate_limit_window_ms // 1000
