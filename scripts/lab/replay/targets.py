"""Targets: which server the load goes to, and a guard against sending it to somebody else's.

Not here: the connection (http.py). Threads: none, pure.
"""

from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit

from config.values import is_loopback


class ForeignTargetError(ValueError):
    """The target is not on this machine, and nobody said that it is ours."""


@dataclass(frozen=True, slots=True)
class Target:
    """A server. `token` goes into the query of webhooks, `admin_token` into the header of reads; "" for none."""

    host: str
    port: int
    token: str = ""
    admin_token: str = ""

    @property
    def operator_headers(self) -> dict[str, str]:
        """What a request has to carry to be the operator's; nothing without `admin_token`."""
        return {"Authorization": f"Bearer {self.admin_token}"} if self.admin_token else {}

    def webhook_path(self, path: str, query: dict[str, str]) -> str:
        """Return path and query of a webhook, with the token."""
        full = {**query, "token": self.token} if self.token else query
        return f"{path}?{urlencode(full)}" if full else path


def parse_target(url: str, *, token: str = "", admin_token: str = "", is_ours: bool = False) -> Target:
    """Parse `http://host:port`.

    Raises: ForeignTargetError for a host other than loopback unless `is_ours`; ValueError for an odd URL.
    """
    parts = urlsplit(url)
    if parts.scheme != "http" or not parts.hostname or parts.path not in {"", "/"}:
        raise ValueError(f"a target looks like http://127.0.0.1:3000, not {url!r}")
    if not is_ours and not is_loopback(parts.hostname):
        raise ForeignTargetError(f"{parts.hostname} is not this machine; --i-own-this-server allows it")
    return Target(parts.hostname, parts.port or 80, token, admin_token)
