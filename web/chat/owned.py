"""The base of handlers whose sessions have an owner: whose request it is, by token, cookie or header.

Not here: who may (chat_owner.py). Threads: the event loop.
"""

from web.auth import bearer_token
from web.chat.owner import OPERATOR, Owner
from web.handlers.base import BaseHandler
from web.requests import header

COOKIE = "omi_chat"
# The same secret for clients that keep no cookies: issued once in a reply, then sent with every request.
SECRET_HEADER = "X-Chat-Secret"  # noqa: S105 (a name)
# Seconds. As long as a browser keeps a cookie.
_COOKIE_AGE_S = 365 * 86_400


class OwnedHandler(BaseHandler):
    """A request to somebody's sessions."""

    def find_owner(self) -> Owner:
        """Return whose request it is; a stranger's reply issues them a secret.

        Raises:
            SignatureMismatchError: a token is wrong, or needed.
        """
        if self.is_operator:
            return OPERATOR
        headers = self.request.headers
        secret = header(headers, SECRET_HEADER) or self.get_cookie(COOKIE)
        owner = self.site.chat_door.find_owner(bearer_token(header(headers, "Authorization")), secret)
        if owner.new_secret and self.request.method == "POST":
            self._issue(owner.new_secret)
        return owner

    def _issue(self, secret: str) -> None:
        self.set_header(SECRET_HEADER, secret)
        self.set_cookie(
            COOKIE,
            secret,
            max_age=_COOKIE_AGE_S,
            path="/",
            httponly=True,
            samesite="Strict",
            secure=self.client.is_https,
        )
