"""The pages of one-time links: make an account, or set a new password. They are plain forms and need no JavaScript.

Not here: issuing links (admin.py), their HTML (web/pages/key_form.html). Threads: the event loop.
"""

from typing import Any, ClassVar

from omi_actors.domain.people.accounts import (
    MAX_NAME_CHARS,
    Account,
    KeyPurpose,
    Role,
    check_password,
    clean_email,
    clean_name,
    digest_of,
)
from omi_actors.errors import BadRequestError, DuplicateError, NotFoundError, NotPermittedError
from omi_actors.ids import new_id
from omi_actors.store.people import accounts
from web.declare import PAGE, declare
from web.edge.browsers import PAGE_POLICY
from web.pages.render import render_key_form, render_message
from web.parameters import Field, Text
from web.people.auth import SigningHandler

_PATHS = {KeyPurpose.SET_UP: "/auth/set-up", KeyPurpose.RESET: "/auth/reset"}

_KEY = Text("key", "The key of the link.", needed=True)
_BODY = (
    Field("key", is_needed=True),
    Field("password", about="At least 8 characters.", is_needed=True),
    Field("email", about="For a new account."),
    Field("display_name", max_chars=MAX_NAME_CHARS, about="For a new account."),
)


def path_of(purpose: KeyPurpose, key: str) -> str:
    """Return the path of a link's page. It must not be logged."""
    return f"{_PATHS[purpose]}?key={key}"


class KeyHandler(SigningHandler):
    """Base of the pages: GET shows the form, POST uses the key up. A key that is over is refused."""

    content_policy = PAGE_POLICY
    purpose: ClassVar[KeyPurpose]
    title: ClassVar[str]

    @declare(PAGE, query=(_KEY,), errors=(403, 404))
    async def get(self) -> None:
        """Show the form, if the key is valid."""
        key = _KEY.read(self)
        await self._check(key)
        self._show(key)

    @declare({200: PAGE, 400: PAGE}, body=_BODY, style="form", errors=(404,))
    async def post(self) -> None:
        """Use the key. If a field is wrong, show the form again with the reason; the key stays valid."""
        key = self.get_body_argument("key", "")
        await self._check(key)
        try:
            done = await self.use(digest_of(key), self.get_body_argument("password", "", strip=False))
        except BadRequestError as exc:
            self.set_status(400)
            self._show(key, problem=f"{exc}. {exc.hint}".strip())
            return
        if not done:
            raise _over()
        self.send_page(render_message(done, ("You can sign in with it now.",)))

    async def _check(self, key: str) -> None:
        """Refuse a key that is over, before a password is hashed for it."""
        if not await self.store.read_cold(accounts.has_key, digest_of(key), self.purpose, now_s=self.now_s):
            raise _over()

    async def use(self, key_digest: str, password: str) -> str:
        """Do what the key is for, and return the sentence that says so; "" if the key is over.

        Raises:
            BadRequestError: a field is wrong; nothing is changed.
        """
        raise NotImplementedError

    def _show(self, key: str, problem: str = "") -> None:
        given = {name: self.get_body_argument(name, "") for name in ("email", "display_name")}
        is_set_up = self.purpose is KeyPurpose.SET_UP
        values: dict[str, Any] = {"title": self.title, "path": _PATHS[self.purpose], "key": key, "given": given}
        self.send_page(render_key_form(**values, problem=problem, is_set_up=is_set_up))


class SetUpPage(KeyHandler):
    """Makes an account with the role of the key."""

    route = _PATHS[KeyPurpose.SET_UP]
    purpose = KeyPurpose.SET_UP
    title = "Make your account"

    def admit(self) -> None:
        """Refuse everybody while registration is closed.

        Raises:
            NotPermittedError: it is closed. FeatureOffError: there are no accounts.
        """
        super().admit()
        if self.site.people.registration == "closed":
            raise NotPermittedError("Registration is closed.", hint="The operator makes accounts here.")

    async def use(self, key_digest: str, password: str) -> str:
        """Store the account."""
        check_password(password)
        email, name = clean_email(self.get_body_argument("email", "")), self.get_body_argument("display_name", "")
        if email is None:
            raise BadRequestError("Invalid email format", hint="It must be like ada@example.com.")
        if len(name) > MAX_NAME_CHARS:
            raise BadRequestError("The name is too long", hint=f"At most {MAX_NAME_CHARS} characters.")
        now_s = self.now_s
        account = Account(new_id(), email, clean_name(name), Role.PERSON, now_s, now_s)
        password_hash = await self.site.system.passwords.hash(password)
        try:
            made = await self.store.write_alone(
                accounts.create_account, account, password_hash, None, key_digest=key_digest
            )
        except DuplicateError as exc:
            raise BadRequestError("User with this email already exists", hint="Choose another email.") from exc
        return f"Your account {made.email} is made." if made else ""


class ResetPage(KeyHandler):
    """Sets a new password, and ends all sessions of the account."""

    route = _PATHS[KeyPurpose.RESET]
    purpose = KeyPurpose.RESET
    title = "Set a new password"

    async def use(self, key_digest: str, password: str) -> str:
        """Store the password."""
        check_password(password)
        password_hash = await self.site.system.passwords.hash(password)
        ended = await self.store.write_alone(accounts.reset_password, key_digest, password_hash, now_s=self.now_s)
        self.forget_tokens(ended or ())
        return "" if ended is None else "Your new password is set."


def _over() -> NotFoundError:
    return NotFoundError("This link was used already, or is too old.", hint="Ask the operator for another one.")
