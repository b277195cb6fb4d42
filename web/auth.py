"""Authentication: webhooks by signature or token, chats by token or secret. Detection of repeated signed webhooks.

Not here: answers to refused requests (problems.py), the operator's sessions (edge/operator_sessions.py).
Threads: any, frozen after construction; `Replays`: the event loop.
Source: Omi's webhook signature v1: hex HMAC-SHA256(secret, "<t>.<uid>." + raw body), uid as decoded from the query.
"""

import base64
import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from config.settings import Settings
from omi_actors.clock import Clock
from omi_actors.domain.sessions.keys import wearable_in
from omi_actors.errors import BadRequestError, RepeatedError, SignatureMismatchError
from web.edge.addresses import is_local_host
from web.requests import header

# Omi's own tolerance for the time in a signature, both ways.
_TOLERANCE_S = 300
# Unix seconds have 10 digits until the year 2286.
_TIME_DIGITS = 12


class WebhookAuth:
    """Checks that a webhook comes from Omi: by signature if there are signing secrets, else by token."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._clock = clock
        self._secrets = tuple(secret.get_secret_value().encode() for secret in settings.omi_signing_secrets)
        token = settings.webhook_token
        self._token = token.get_secret_value().encode() if token is not None else b""
        # Only programs on this machine reach a development server on loopback.
        self._is_open = settings.app_env == "development" and settings.is_loopback

    @property
    def needs_signature(self) -> bool:
        """Return True if the caller must use `check_signature`, with the whole body, instead of `check_token`."""
        return bool(self._secrets)

    def check_token(self, from_query: str | None, headers: Mapping[str, str]) -> None:
        """Check the webhook's token, from the query or the `Authorization: Bearer` header.

        Raises:
            SignatureMismatchError: the token is wrong, or a needed token is missing.
        """
        bearer = bearer_token(header(headers, "Authorization"))
        if from_query is None and bearer is None:
            if not self._is_open or _is_from_outside(headers):
                raise SignatureMismatchError("This webhook needs its token in its URL, as the parameter named token.")
        elif not any(is_same(given, self._token) for given in (from_query, bearer)):
            raise SignatureMismatchError("The webhook's token is wrong.")

    def check_signature(self, header: str | None, uid: str | None, body: bytes) -> str:
        """Check that one of the secrets signed exactly this body for this uid, within 300 s of now.

        Returns the seal, which identifies the webhook: the first secret's signature of time, uid and body. While Omi
        rotates its secret, a repeat may have the other secret's signature; its seal stays equal. Takes 5 ms per 10 MB;
        releases the GIL meanwhile.

        Raises:
            SignatureMismatchError: the signature is missing, malformed, too old or wrong.
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


def _is_from_outside(headers: Mapping[str, str]) -> bool:
    """Return True if a request to a loopback server does not come from a local program.

    A page in a local browser can send requests, too, but with its origin. A tunnel or proxy sends its own host name.
    """
    if "Origin" in headers or "Sec-Fetch-Site" in headers or "X-Forwarded-For" in headers:
        return True
    host = header(headers, "Host")
    return host is not None and not is_local_host(host)


def bearer_token(authorization: str | None) -> str | None:
    """Return the token of an `Authorization: Bearer …` header, or None."""
    scheme, _, token = (authorization or "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def is_same(given: str | None, secret: bytes) -> bool:
    """Compare in constant time. An empty secret is equal to no value."""
    return given is not None and bool(secret) and hmac.compare_digest(given.encode(errors="replace"), secret)


def _parse_signature(header: str) -> tuple[str, list[bytes]]:
    """Parse `t=<unix>,v1=<hex>[,v1=<hex>]`; return the time and the v1 signatures."""
    parts = [part.strip().partition("=") for part in header.split(",")]
    times = [value for name, _, value in parts if name == "t"]
    given = [value.encode() for name, _, value in parts if name == "v1"]
    if len(times) != 1 or not given or not (times[0].isascii() and times[0].isdigit()) or len(times[0]) > _TIME_DIGITS:
        raise SignatureMismatchError("The signature's header is not of the form t=…,v1=….")
    return times[0], given


DEFAULT_LABEL = "default"
# Labels are safe in headers, addresses and logs.
_LABEL = re.compile(r"[A-Za-z0-9_.@-]{1,128}")
# Omi's own rule for a uid.
UID = re.compile(r"[A-Za-z0-9_-]{1,128}")
# A chat's secret: 32 signs of 192 random bits, and 11 signs of our seal on them.
_SECRET = re.compile(r"([A-Za-z0-9_-]{32})([A-Za-z0-9_-]{11})")
_SECRET_BYTES, _SEAL_BYTES = 24, 8


@dataclass(frozen=True, slots=True)
class Owner:
    """The owner of chat sessions.

    `prefix` is the start of their keys. Send `new_secret` to the client, unless it is "".

    A session's key contains its owner. So a guessed label never leads to a session of another owner.
    """

    prefix: str
    is_operator: bool = False
    new_secret: str = ""

    def session_key(self, label: str) -> str:
        """Return the key of this owner's session `label`. The operator may also name a wearable's session.

        Raises:
            BadRequestError: the label has a wrong length or a character that is not allowed.
        """
        uid = wearable_in(label)
        if self.is_operator and uid is not None:
            if not UID.fullmatch(uid):
                raise BadRequestError("`session_id` has characters that no uid of Omi has.")
            return label
        if not _LABEL.fullmatch(label):
            raise BadRequestError("`session_id` must have 1 to 128 characters: letters, digits, `-`, `_`, `.`, `@`.")
        return f"{self.prefix}:{label}"


OPERATOR = Owner("chat:operator", is_operator=True)


class ChatSecrets:
    """Issues the secrets of anonymous chats, and recognises them by their seal.

    A secret that a client has chosen is not accepted: others could guess it. `secret` is SESSION_SECRET, or ADMIN_TOKEN
    without it. Nodes with the same one accept each other's secrets; another one ends them all.
    """

    def __init__(self, secret: bytes) -> None:
        self._key = _derive_key(secret or secrets.token_bytes(32))

    def issue(self) -> str:
        """Return a new secret."""
        chosen = secrets.token_urlsafe(_SECRET_BYTES)
        return chosen + self._seal(chosen)

    def is_ours(self, secret: str) -> bool:
        """Return True if a server with our key has issued this secret."""
        parts = _SECRET.fullmatch(secret)
        return parts is not None and hmac.compare_digest(self._seal(parts[1]), parts[2])

    def _seal(self, chosen: str) -> str:
        seal = hmac.digest(self._key, chosen.encode(), "sha256")[:_SEAL_BYTES]
        return base64.urlsafe_b64encode(seal).decode().rstrip("=")


@lru_cache(maxsize=4)
def _derive_key(secret: bytes) -> bytes:
    """Return the key of the seals. Slow on purpose (25 ms): a chat's secret lets its owner test guesses of ours."""
    return hashlib.scrypt(secret, salt=b"secrets of chats", n=2**11, r=8, p=1, dklen=32)


class ChatGuard:
    """Finds the owner of a chat: the operator, or an anonymous client with a secret from this server."""

    def __init__(self, settings: Settings) -> None:
        self._admin_token = settings.admin_token.get_secret_value().encode() if settings.admin_token else b""
        # Only programs on this machine reach a development server on loopback.
        is_private = settings.app_env == "development" and settings.is_loopback
        # True if anybody may chat without an account.
        self.is_open = settings.allow_anonymous_chat or is_private
        session_secret = settings.session_secret.get_secret_value() if settings.session_secret else ""
        self._secrets = ChatSecrets(session_secret.encode() or self._admin_token)

    def find_owner(self, bearer: str | None, secret: str | None) -> Owner:
        """Return the owner. If anonymous chats are allowed, a new client becomes an anonymous owner with a new secret.

        `bearer` is a token, `secret` an anonymous secret that the client sent back; each may be None. A secret that no
        server of ours has issued counts as none.

        Raises:
            SignatureMismatchError: the token is wrong, or a needed token is missing.
        """
        if bearer is not None:
            if not is_same(bearer, self._admin_token):
                raise SignatureMismatchError("The token is neither the operator's ADMIN_TOKEN nor a person's.")
            return OPERATOR
        if not self.is_open:
            raise SignatureMismatchError(
                "Chat needs `Authorization: Bearer` with ADMIN_TOKEN here; ALLOW_ANONYMOUS_CHAT=true would open it."
            )
        if secret is not None and self._secrets.is_ours(secret):
            return _anonymous(secret)
        issued = self._secrets.issue()
        return Owner(_anonymous(issued).prefix, new_secret=issued)


def _anonymous(secret: str) -> Owner:
    """Return the owner with this secret. The stored prefix is a digest, so that it does not reveal the secret."""
    return Owner(f"anon:{hashlib.sha256(secret.encode()).hexdigest()}")


# A signature may be dated 300 s ahead, and is good until 300 s after its date.
REMEMBERED_S = 600.0
# About 30 MB. Above 300 signed webhooks a second the oldest are forgotten early.
_MAX_KEPT = 200_000


class Replays:
    """Remembers the signatures of webhooks, so that each signed webhook is handled once.

    An attacker could send a recorded webhook again while its time is valid. The reply could carry the wearer's next
    answer, and the webhook would count against the wearer's limit.
    Not here: cases that this memory misses (docs/security.md).
    """

    def __init__(self, clock: Clock, *, most: int = _MAX_KEPT) -> None:
        self._clock = clock
        self._most = most
        self._under_way: set[str] = set()
        # Oldest first, with the monotonic second until which each is remembered.
        self._kept: dict[str, float] = {}

    def begin(self, seal: str) -> bool:
        """Begin to handle a webhook; return False if it is stored already. Call `keep` or `forget` afterwards.

        Raises:
            RepeatedError: the same webhook is being handled now, and its outcome is unknown.
        """
        now_s = self._clock.mono_s()
        while self._kept and next(iter(self._kept.values())) <= now_s:
            del self._kept[next(iter(self._kept))]
        if seal in self._kept:
            return False
        if seal in self._under_way:
            raise RepeatedError("This signed webhook is under way already.")
        self._under_way.add(seal)
        return True

    def keep(self, seal: str) -> None:
        """Record the webhook as stored."""
        self._under_way.discard(seal)
        while len(self._kept) >= self._most:
            del self._kept[next(iter(self._kept))]
        self._kept[seal] = self._clock.mono_s() + REMEMBERED_S

    def forget(self, seal: str) -> None:
        """Forget a webhook if nothing of it was stored. Then a repeat counts as new."""
        self._under_way.discard(seal)
