"""Who may speak: Omi's signature or our token for the webhook, the operator's token for the rest.

Not here: what happens to those who may not (problems.py). Threads: any, frozen after construction.
Source: Omi's webhook signature v1: hex HMAC-SHA256(secret, "<t>.<uid>." + raw body), uid as decoded from the query.
"""

import hashlib
import hmac

from tornado.httputil import HTTPHeaders

from config.settings import Settings
from omi_actors.clock import Clock
from omi_actors.errors import SignatureMismatchError
from web.edge.hosts import is_local_host
from web.requests import header

# Omi's own tolerance for the time in a signature, both ways.
_TOLERANCE_S = 300
# Unix seconds have 10 digits until the year 2286.
_TIME_DIGITS = 12


class WebhookAuth:
    """Decides whether a webhook comes from Omi. With signing secrets only a valid signature counts, else the token."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._clock = clock
        self._secrets = tuple(secret.get_secret_value().encode() for secret in settings.omi_signing_secrets)
        token = settings.webhook_token
        self._token = token.get_secret_value().encode() if token is not None else b""
        # Only programs on this machine reach a development server on loopback.
        self._open = settings.app_env == "development" and settings.is_loopback

    @property
    def needs_signature(self) -> bool:
        """Whether `check_signature` is to be called, with the whole body; else `check_token`."""
        return bool(self._secrets)

    def check_token(self, from_query: str | None, headers: HTTPHeaders) -> None:
        """Accept the right token, from the query or as Bearer.

        Raises:
            SignatureMismatchError: a token is wrong, or missing where one is needed.
        """
        bearer = bearer_token(header(headers, "Authorization"))
        if from_query is None and bearer is None:
            if not self._open or _is_from_outside(headers):
                raise SignatureMismatchError("This webhook needs its token in its URL, as the parameter named token.")
        elif not any(is_same(given, self._token) for given in (from_query, bearer)):
            raise SignatureMismatchError("The webhook's token is wrong.")

    def check_signature(self, header: str | None, uid: str | None, body: bytes) -> str:
        """Accept a signature by one of the secrets over exactly this body, for this uid, made within 300 s of now.

        Returns what time, uid and body make of it by the first secret: the same whichever secret it was signed with,
        since a webhook that is signed twice, while Omi rotates its secret, could come again with either signature.
        Takes 5 ms per 10 MB; releases the GIL meanwhile.

        Raises:
            SignatureMismatchError: there is none like that.
        """
        if header is None or not uid:
            raise SignatureMismatchError("This webhook needs Omi's signature, and the uid in its query.")
        signed_at, given = _parse_signature(header)
        if abs(self._clock.now_s() - int(signed_at)) > _TOLERANCE_S:
            raise SignatureMismatchError("The signature's time is more than 300 s from this server's.")
        prefix = f"{signed_at}.{uid}.".encode()
        seal = ""
        for secret in self._secrets:
            digest = hmac.new(secret, prefix, hashlib.sha256)
            digest.update(body)
            expected = digest.hexdigest()
            seal = seal or expected
            if any(hmac.compare_digest(expected.encode(), candidate) for candidate in given):
                return seal
        raise SignatureMismatchError("The signature does not match.")


def _is_from_outside(headers: HTTPHeaders) -> bool:
    """Tell whether a request to a server on loopback was not made by a program on this machine.

    A page in a browser here can post, too, and names itself; a tunnel or a proxy brings the name that it was asked for.
    """
    if "Origin" in headers or "Sec-Fetch-Site" in headers or "X-Forwarded-For" in headers:
        return True
    host = header(headers, "Host")
    return host is not None and not is_local_host(host)


def bearer_token(authorization: str | None) -> str | None:
    """Return the token of an `Authorization: Bearer …` header; None without one."""
    scheme, _, token = (authorization or "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def is_same(given: str | None, secret: bytes) -> bool:
    """Compare in constant time. An empty secret equals nothing."""
    return given is not None and bool(secret) and hmac.compare_digest(given.encode(errors="replace"), secret)


def _parse_signature(header: str) -> tuple[str, list[bytes]]:
    """Return the time and the v1 signatures of `t=<unix>,v1=<hex>[,v1=<hex>]`."""
    parts = [part.strip().partition("=") for part in header.split(",")]
    times = [value for name, _, value in parts if name == "t"]
    given = [value.encode() for name, _, value in parts if name == "v1"]
    if len(times) != 1 or not given or not (times[0].isascii() and times[0].isdigit()) or len(times[0]) > _TIME_DIGITS:
        raise SignatureMismatchError("The signature's header is not of the form t=…,v1=….")
    return times[0], given
