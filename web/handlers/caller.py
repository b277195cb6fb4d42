"""The caller of a request: the operator, an admin or observer, a person, the owner of a chat; and who may come in.

Not here: the order of the checks, rate limits (guarded.py), the rules themselves (web/auth.py, web/identity.py).
Threads: the event loop.
"""

from enum import Enum
from functools import cached_property
from typing import ClassVar

from tornado.http1connection import HTTP1Connection
from tornado.web import RequestHandler

from omi_actors.domain.people.accounts import Role, SignedIn, is_token
from omi_actors.domain.sessions.keys import account_prefix
from omi_actors.errors import FeatureOffError, NotPermittedError, SignatureMismatchError
from web.auth import OPERATOR, Owner, bearer_token, is_same
from web.edge.addresses import Client, find_client
from web.edge.browsers import SAFE_METHODS, is_same_origin
from web.identity import COOKIE, SECURE_COOKIE, choose_cookie, cut_sid, is_foreign, token_in_header
from web.requests import header
from web.site import Site

# The operator's session in a browser. Over https the name has a prefix that only this host, over https, can set.
OPERATOR_COOKIE = "omi_operator"
SECURE_OPERATOR_COOKIE = "__Host-omi_operator"
# An anonymous chatter's secret; clients without cookies send it as a header, after one reply has issued it.
CHAT_COOKIE = "omi_chat"
CHAT_SECRET_HEADER = "X-Chat-Secret"  # noqa: S105 (a name)
# Seconds: the longest time that browsers keep a cookie.
_CHAT_COOKIE_AGE_S = 365 * 86_400


class Access(Enum):
    """The callers that may use an address. Every handler states one, which a test tries with every kind of caller."""

    ANYBODY = "anybody"
    PERSON = "a signed-in person, as the owner of what is read or changed"
    # An observer may only read.
    OPERATOR = "the operator and admins; observers may read"
    # Checked by the handlers, since a part of these callers has no account.
    # What is asked for must be named as the person's own; the handler checks it.
    OWNER = "a signed-in person, for what is theirs; the operator for all"
    SCRAPER = "METRICS_TOKEN, and as OPERATOR"
    CHATTER = "the operator, persons, and anonymous owners where they are allowed"
    OMI = "Omi, by signature or token"


class CallerHandler(RequestHandler):
    """One request with its caller. A subclass states who may come in."""

    access: ClassVar[Access]
    # True for the event stream alone: GET and HEAD take the token of a person as `?sid=`, too.
    takes_sid_in_url: ClassVar[bool] = False

    # The signed-in person, or None; set before the handler runs.
    person: SignedIn | None = None
    # The sentence for a request whose token opens nothing.
    _refusal = "No session token provided"
    # The `?sid=` that was cut from the address.
    _sid_in_url: str | None = None

    @property
    def site(self) -> Site:
        """The state that all handlers share."""
        site = self.settings["site"]
        assert isinstance(site, Site)  # noqa: S101 (app.py puts it there)
        return site

    def initialize(self) -> None:
        """Cut a token from the address before anything else sees it. Tornado does not call `prepare` for all."""
        self._sid_in_url = cut_sid(self.request)

    @property
    def connection(self) -> HTTP1Connection:
        """The connection on which the request came."""
        connection = self.request.connection
        assert isinstance(connection, HTTP1Connection)  # noqa: S101 (Tornado's server has no other)
        return connection

    @cached_property
    def client(self) -> Client:
        """The sender of the request. If a trusted proxy sent the request, the proxy's headers name the sender."""
        peer = getattr(self.connection.context, "remote_ip", "")
        return find_client(peer, self.request.headers, self.site.trusted_proxies)

    @cached_property
    def is_operator(self) -> bool:
        """Return True for ADMIN_TOKEN, for the operator's cookie sent by our own page, and for an admin's token."""
        if is_same(bearer_token(self.request.headers.get("Authorization")), self.site.admin_token):
            return True
        if self.person is not None and self.person.role is Role.ADMIN:
            return True
        token = self.get_cookie(SECURE_OPERATOR_COOKIE) or self.get_cookie(OPERATOR_COOKIE)
        return token is not None and is_same_origin(self.request.headers) and self.site.operators.is_open(token)

    @property
    def may_observe(self) -> bool:
        """Return True if the caller may read what the operator reads."""
        return self.is_operator or (self.person is not None and self.person.role is Role.OBSERVER)

    def find_token(self) -> str | None:
        """Return the token of a person that the request carries: in its `Authorization` header, else in its cookie."""
        headers, method = self.request.headers, self.request.method
        if method == "OPTIONS":
            return None
        token = token_in_header(headers)
        if token is None and not is_foreign(headers, self.site.cors.allows):
            secure, plain = self.get_cookie(SECURE_COOKIE), self.get_cookie(COOKIE)
            token = choose_cookie(headers, secure, plain, is_https=self.client.is_https)
        if token is None and self.takes_sid_in_url and self.site.people.stream_token_in_url and method in SAFE_METHODS:
            token = self._sid_in_url
        if token is not None:
            self._refusal = "Invalid session"
        return token if token is not None and is_token(token) else None

    def recognise(self, person: SignedIn) -> None:
        """Take a token's person as the caller, unless the token has expired."""
        if person.expires_at > self.site.clock.now_s():
            self.person = person
        else:
            self._refusal = "Session expired"

    def admit(self) -> None:
        """Let the caller in, by the `access` of the address.

        Raises:
            SignatureMismatchError, NotPermittedError, FeatureOffError: the caller may not come in.
        """
        if self.access is Access.PERSON or (self.access is Access.OWNER and not self.is_operator):
            self.require_person()
        elif self.access is Access.OPERATOR:
            self.require_operator()

    def require_operator(self) -> None:
        """Refuse the request unless it is the operator's, or an observer's that changes nothing.

        Raises:
            SignatureMismatchError: the caller is neither. NotPermittedError: an observer must not change this.
        """
        if not self.may_observe:
            raise SignatureMismatchError(
                "This is for the operator. Programs send ADMIN_TOKEN; browsers sign in by the link printed at start."
            )
        if not self.is_operator and self.request.method not in SAFE_METHODS:
            raise NotPermittedError("An observer may only read.")

    def require_person(self) -> SignedIn:
        """Return the signed-in person.

        Raises:
            FeatureOffError: there are no accounts here. SignatureMismatchError: the request has no valid token.
        """
        if self.site.identities is None:
            raise FeatureOffError("ENABLE_USER_SYSTEM is off")
        if self.person is None:
            raise SignatureMismatchError(
                self._refusal, hint="Sign in by POST /auth/login, and send its token as `Authorization: Bearer …`."
            )
        return self.person

    def find_owner(self) -> Owner:
        """Return the owner of the sessions in this request: the operator, a person, or an anonymous client.

        The reply to a new anonymous POST issues a secret.

        Raises:
            SignatureMismatchError: a token is wrong, or a needed token is missing.
        """
        if self.is_operator:
            return OPERATOR
        if self.person is not None:
            return Owner(account_prefix(self.person.account_id))
        headers = self.request.headers
        secret = header(headers, CHAT_SECRET_HEADER) or self.get_cookie(CHAT_COOKIE)
        owner = self.site.chat_guard.find_owner(bearer_token(header(headers, "Authorization")), secret)
        if owner.new_secret and self.request.method == "POST":
            self.set_header(CHAT_SECRET_HEADER, owner.new_secret)
            self.set_secret_cookie(CHAT_COOKIE, owner.new_secret, _CHAT_COOKIE_AGE_S)
        return owner

    def set_secret_cookie(self, name: str, value: str, max_age_s: int, *, samesite: str = "Strict") -> None:
        """Set a cookie that scripts cannot read, and that other sites cannot use."""
        is_https = self.client.is_https
        self.set_cookie(name, value, max_age=max_age_s, path="/", httponly=True, samesite=samesite, secure=is_https)
