"""Base of persons' addresses: only signed-in persons come in, and forms of what is shown of an account.

Not here: finding the person (web/handlers/guarded.py), fields of bodies (bodies.py). Threads: the event loop.

    class MemoryHandler(PersonHandler):
        route = "/memories/:id"

        async def get(self, memory_id: str) -> None:
            memory = await self.site.system.store.read_cold(memories.load, self.me.account_id, memory_id)
            if memory is None:
                raise NotFoundError("Not found")
            self.send_ok({"memory": memory_form(memory)})
"""

from collections.abc import Callable, Iterable
from typing import Any, ClassVar, TypedDict

from omi_actors.actors.passwords import Verdict
from omi_actors.domain.people.accounts import Account, Credentials, SignedIn
from omi_actors.errors import SignatureMismatchError
from omi_actors.store.facade import Store
from omi_actors.store.people.accounts import load_credentials
from omi_actors.store.people.conversations import Stamp
from web.declare import Id, Time, declared_by
from web.handlers.base import BaseHandler
from web.handlers.caller import Access
from web.identity import COOKIE, SECURE_COOKIE
from web.people.bodies import read_fields
from web.people.passwords import PasswordCheck
from web.problems import iso_time

# Addresses that clients poll have a rate limit of their own: 34 requests a minute for each open phone of an account.
POLLED = "polled"


class PersonHandler(BaseHandler):
    """A request of a signed-in person, `me`. Every statement for it gets `me.account_id`."""

    access = Access.PERSON
    limit_kind = "people"

    @property
    def me(self) -> SignedIn:
        """Return the signed-in person."""
        return self.require_person()

    @property
    def store(self) -> Store:
        """Return the store."""
        return self.site.system.store

    @property
    def now_s(self) -> float:
        """Return the time in UTC seconds."""
        return self.site.clock.now_s()

    def read_fields(self) -> dict[str, Any]:
        """Return the declared fields of the body by their snake_case names; see bodies.py for the errors."""
        return read_fields(self.request.body, *[field.at(self.site) for field in declared_by(self).fields])

    async def load_me(self) -> Account:
        """Return the account of the signed-in person.

        Raises:
            SignatureMismatchError: it was deleted meanwhile.
        """
        known = await self.store.read(load_credentials, account_id=self.me.account_id)
        if known is None:
            raise SignatureMismatchError("Invalid session", hint="The account does not exist any more.")
        return known.account

    async def verify_password(self, password: str, known: Credentials | None, *, email: str) -> Verdict:
        """Verify a given password; see passwords.py for the limits and errors."""
        check = PasswordCheck(self.site.system, self.site.people)
        return await check.verify(password, known, email=email, address=self.client.limit_key)

    def forget_tokens(self, digests: Iterable[str]) -> None:
        """Make tokens invalid on this node at once. Call it when their revocation is stored."""
        if self.site.identities is not None:
            self.site.identities.forget(digests)

    def send_ok(self, form: dict[str, Any] | None = None, status: int = 200) -> None:
        """Answer with `{"ok": true, …}`."""
        self.send_json({"ok": True, **(form or {})}, status)

    def set_token_cookie(self, token: str, max_age_s: float) -> None:
        """Set the cookie that signs a browser in."""
        name = SECURE_COOKIE if self.client.is_https else COOKIE
        self.set_secret_cookie(name, token, int(max_age_s), samesite="Lax")

    def clear_token_cookies(self) -> None:
        """Delete both cookies, if the browser has them."""
        for name in (COOKIE, SECURE_COOKIE):
            if self.get_cookie(name) is not None:
                self.clear_cookie(name, path="/", httponly=True, samesite="Lax", secure=name == SECURE_COOKIE)


class PolledHandler(PersonHandler):
    """An address that clients poll. The short way (polls.py) uses `stamp`, `load` and `show`, too."""

    limit_kind = POLLED
    # 34 a minute of each open phone would fill the log, and push other requests out of the request log.
    is_logged = is_kept = False
    # Rows of a page, unless the client asks for another number.
    page: ClassVar[int] = 0

    # Statements with the account's id, the ids of the address and `limit` rows: `load` reads what the newest page
    # shows, `stamp` a value that changes whenever that does. None: the person has no such thing.
    stamp: ClassVar[Callable[..., Stamp | None]]
    load: ClassVar[Callable[..., Any]]

    @staticmethod
    def show(found: Any, limit: int) -> dict[str, Any]:
        """Return what was read as clients know it."""
        raise NotImplementedError


class AccountForm(TypedDict):
    """An account. `role` is USER, OBSERVER or ADMIN."""

    id: Id
    email: str
    displayName: str | None
    role: str
    createdAt: Time


def account_form(account: Account) -> AccountForm:
    """Return an account as clients know it."""
    return {
        "id": account.account_id,
        "email": account.email,
        "displayName": account.display_name,
        "role": account.role.wire,
        "createdAt": iso_time(account.created_at),
    }
