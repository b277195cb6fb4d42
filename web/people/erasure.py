"""Deleting an account: `DELETE /account`, the address that shows how far it is, and the operator's way.

Not here: the end of the account (omi_actors/system.py), its rows (omi_actors/actors/maintenance/eraser.py).
Threads: the event loop.
"""

from typing import Any, Literal

from omi_actors.domain.people.accounts import MAX_EMAIL_CHARS, MAX_PASSWORD_CHARS, clean_email, digest_of
from omi_actors.errors import BadRequestError, NotFoundError, SignatureMismatchError
from omi_actors.ids import new_secret
from omi_actors.store.people import accounts, erasure
from web.declare import Time, declare, ok
from web.handlers.base import BaseHandler
from web.handlers.caller import Access
from web.parameters import Field, Text
from web.people.account import ConfirmedHandler
from web.people.admin import AdminHandler
from web.people.auth import LIMIT_KIND
from web.people.base import PersonHandler
from web.problems import iso_time

_STATUS = "/account/erasure"
_CURRENT = Field("current_password", max_chars=4 * MAX_PASSWORD_CHARS, is_needed=True)
_EMAIL = Field("email", max_chars=4 * MAX_EMAIL_CHARS, example="ada@example.com", is_needed=True)
_KEY = Text("key", "The key of the deletion's reply.", needed=True)
_BEGUN = ok(status=Literal["erasing"], statusPath=str)


async def erase(handler: PersonHandler, account_id: str, *, verified_hash: str | None = None) -> dict[str, Any] | None:
    """End an account and begin to erase it. Return the reply's form; None if it is gone, or its password changed.

    The form has the address that shows the erasure's end: nobody can sign in and ask any more.
    """
    key = new_secret()
    begun = await handler.site.system.erase_account(account_id, key_digest=digest_of(key), verified_hash=verified_hash)
    if begun is None:
        return None
    handler.forget_tokens(begun.digests)
    return {"status": "erasing", "statusPath": f"{_STATUS}?key={key}"}


class AccountHandler(ConfirmedHandler):
    """Deletes the account of the signed-in person."""

    route = "/account"
    limit_kind = LIMIT_KIND

    @declare({202: _BEGUN}, body=(_CURRENT,))
    async def delete(self) -> None:
        """End the account at once, and begin to delete its rows."""
        password = self.read_fields().get("current_password")
        if not password:
            raise BadRequestError("current_password is required", hint="Send it as `current_password`.")
        known = await self.confirm(password)
        form = await erase(self, known.account.account_id, verified_hash=known.password_hash)
        if form is None:
            raise SignatureMismatchError("Invalid session", hint="The password was changed meanwhile. Sign in again.")
        self.clear_token_cookies()
        self.send_ok(form, 202)


class ErasureHandler(BaseHandler):
    """Shows by the key that the deletion's reply gave whether an account is erased."""

    route = _STATUS
    access = Access.ANYBODY

    @declare(ok(status=Literal["erasing", "erased"], beganAt=Time, endedAt=Time | None), query=(_KEY,), errors=(404,))
    async def get(self) -> None:
        """Show whether an account is erased."""
        key = _KEY.read(self)
        times = await self.site.system.store.read(erasure.load_times, digest_of(key)) if key else None
        if times is None:
            raise NotFoundError("No such erasure", hint="The key is of no erasure of the last 30 days.")
        began_at, ended_at = times
        self.send_json(
            {
                "ok": True,
                "status": "erasing" if ended_at is None else "erased",
                "beganAt": iso_time(began_at),
                "endedAt": None if ended_at is None else iso_time(ended_at),
            }
        )


class DeleteAccountHandler(AdminHandler):
    """Deletes the account with an email, for the operator."""

    route = "/operator/accounts/delete"

    @declare({202: _BEGUN}, body=(_EMAIL,), errors=(404,))
    async def post(self) -> None:
        """End an account at once, and begin to delete its rows."""
        email = clean_email(self.read_fields().get("email", "")) or ""
        known = await self.store.read(accounts.load_credentials, email=email) if email else None
        form = await erase(self, known.account.account_id) if known else None
        if known is None or form is None:
            raise NotFoundError("No account has this email.", hint="`omi-actors user list` shows all.")
        await self.store.write_alone(erasure.record_erasure, known.account.account_id, by=self.requester)
        self.send_ok(form, 202)


ROUTES = (
    (r"/account/?", AccountHandler),
    (r"/account/erasure/?", ErasureHandler),
    (r"/operator/accounts/delete", DeleteAccountHandler),
)
