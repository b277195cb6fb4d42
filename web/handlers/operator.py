"""Sign-in of the operator by `/operator?key=…`, which sets a cookie; further links; sign-out.

Not here: keys and sessions (edge/operator_sessions.py), recognizing the operator (guarded.py).
Threads: the event loop.
"""

from omi_actors.errors import ForbiddenError, SignatureMismatchError
from web.declare import PAGE, Fields, declare
from web.edge.browsers import PAGE_POLICY
from web.edge.operator_sessions import KEY_LIFETIME_S, SESSION_LIFETIME_S
from web.handlers.base import BaseHandler
from web.handlers.caller import OPERATOR_COOKIE, SECURE_OPERATOR_COOKIE, Access
from web.handlers.pages import index_page
from web.pages.render import OPERATOR_PLACE as ROUTE
from web.pages.render import render_message, render_operator_door
from web.parameters import Text

# Sign-ins have a rate limit of their own, so that other requests do not use it up.
_LIMIT_KIND = "sign-in"
_KEY = Text("key", "The key of the link; it signs this browser in, once.", max_chars=2_000)


class OperatorHandler(BaseHandler):
    """Signs in by the address's key and redirects to the address without it. Without a key it shows a start page.

    Pages that are the operator's lead other browsers here; it says how to sign in.
    """

    route = ROUTE
    access = Access.ANYBODY
    limit_kind = _LIMIT_KIND
    content_policy = PAGE_POLICY

    def set_default_headers(self) -> None:
        """Send no referrer from an address with a key, even without ENABLE_HELMET."""
        super().set_default_headers()
        if self.request.query:
            self.set_header("Referrer-Policy", "no-referrer")

    @declare({200: PAGE, 303: None}, query=(_KEY,), errors=(401, 403))
    async def get(self) -> None:
        """Sign in, or show the page."""
        key = _KEY.read(self)
        if not key and self.wants_page and not self.may_observe:
            self.send_page(render_operator_door())
        elif not key:
            self.require_operator()
            self.send_page(index_page(self))
        else:
            await self._sign_in(key)

    async def _sign_in(self, key: str) -> None:
        if "Sec-Purpose" in self.request.headers or "Purpose" in self.request.headers:
            raise ForbiddenError("This link works once, so it must not be prefetched.")
        token = await self.site.operators.redeem(key)
        if token is None:
            raise SignatureMismatchError(
                "This link was used already or is older than ten minutes. `omi-actors operator-link` prints another."
            )
        name = SECURE_OPERATOR_COOKIE if self.client.is_https else OPERATOR_COOKIE
        self.set_secret_cookie(name, token, int(SESSION_LIFETIME_S))
        self.redirect(ROUTE, status=303)


class OperatorLinksHandler(BaseHandler):
    """Issues a link by which the operator signs in with another browser."""

    route = "/operator/links"
    access = Access.OPERATOR
    limit_kind = _LIMIT_KIND

    @declare({201: Fields({"path": str, "expiresInS": int})})
    def post(self) -> None:
        """Issue a sign-in path that works once."""
        self.send_json({"path": operator_path(self.site.operators.issue_key()), "expiresInS": int(KEY_LIFETIME_S)}, 201)


class SignOutHandler(BaseHandler):
    """Signs the browser out. This needs no rights, but must come from a page of this server."""

    route = "/operator/sign-out"
    access = Access.ANYBODY
    limit_kind = _LIMIT_KIND
    content_policy = PAGE_POLICY

    @declare(PAGE)
    async def post(self) -> None:
        """End the session and its cookie."""
        for name in (OPERATOR_COOKIE, SECURE_OPERATOR_COOKIE):
            token = self.get_cookie(name)
            if token is not None:
                await self.site.operators.end(token)
                self.clear_cookie(
                    name, path="/", httponly=True, samesite="Strict", secure=name == SECURE_OPERATOR_COOKIE
                )
        self.send_page(render_message("Signed out"))


def operator_path(key: str) -> str:
    """Return the path that signs in by this key."""
    return f"{ROUTE}?key={key}"
