"""Sign-up and sign-in: `/auth/register`, `/auth/login`, `/auth/logout`, `/auth/me`, `/me`.

Not here: changes of an account (account.py), one-time links (links.py). Threads: the event loop.
"""

from typing import Any, TypedDict

from omi_actors.domain.people.accounts import (
    MAX_EMAIL_CHARS,
    MAX_NAME_CHARS,
    MAX_PASSWORD_CHARS,
    TOKEN_LIFETIME_S,
    Account,
    Role,
    check_password,
    clean_email,
    clean_name,
    digest_of,
    make_token,
)
from omi_actors.errors import (
    BadRequestError,
    ConflictError,
    DuplicateError,
    FeatureOffError,
    NotPermittedError,
    SignatureMismatchError,
)
from omi_actors.ids import new_id, new_secret
from omi_actors.store.people import accounts, linking
from omi_actors.store.people.preferences import load_preferences
from web.declare import declare, ok
from web.handlers.caller import Access
from web.parameters import PASSWORD_FORM, Field
from web.people.base import AccountForm, PersonHandler, account_form
from web.people.preferences import PREFERENCES, preferences_form
from web.people.wearables import LinkForm, link_form

# Longer than any valid one, so that the sentence about its form is the one that is sent.
_EMAIL = Field("email", max_chars=4 * MAX_EMAIL_CHARS, example="ada@example.com", is_needed=True)
_PASSWORD = Field(
    "password",
    max_chars=4 * MAX_PASSWORD_CHARS,
    form=PASSWORD_FORM,
    example="correct horse",
    is_needed=True,
)
_NEW = (
    _EMAIL,
    _PASSWORD,
    Field("display_name", max_chars=MAX_NAME_CHARS, may_be_null=True, example="Ada"),
    Field("name", max_chars=MAX_NAME_CHARS, may_be_null=True, about="Another name of `display_name`."),
    Field("setup_key", max_chars=200, about="The key of a set-up link, where registration needs one."),
)
_SIGNED_IN = ok(session_token=str, sid=str, user=AccountForm)


class BelongingsForm(TypedDict):
    """The number of what is stored."""

    memories: int
    conversations: int
    sessions: int


class PersonForm(AccountForm):
    """The signed-in person, with counts of what is stored."""

    preferences: PREFERENCES
    stats: BelongingsForm


_NEEDED = "Email and password are required"
# Registering and signing in share one rate limit; each costs a hash.
LIMIT_KIND = "sign-in"


class SigningHandler(PersonHandler):
    """Base of handlers that open a session: they are for everybody, while there are accounts."""

    access = Access.ANYBODY
    limit_kind = LIMIT_KIND

    def admit(self) -> None:
        """Refuse everybody while there are no accounts.

        Raises:
            FeatureOffError: there are none.
        """
        if self.site.identities is None:
            raise FeatureOffError("ENABLE_USER_SYSTEM is off")

    def read_needed(self) -> dict[str, Any]:
        """Return the body's fields; `email` and `password` are among them.

        Raises:
            BadRequestError: a field is missing or wrong.
        """
        fields = self.read_fields()
        missing = [name for name in ("email", "password") if not fields.get(name)]
        if missing:
            raise BadRequestError(_NEEDED, hint=f"`{missing[0]}` is missing.")
        return fields

    def send_signed_in(self, token: str, account: Account, status: int) -> None:
        """Answer with the token, in the body and as a cookie."""
        self.set_token_cookie(token, TOKEN_LIFETIME_S)
        self.send_ok({"session_token": token, "sid": token, "user": account_form(account)}, status)


class RegisterHandler(SigningHandler):
    """Makes an account, and signs its person in."""

    route = "/auth/register"

    @declare({201: _SIGNED_IN}, body=_NEW, errors=(409,))
    async def post(self) -> None:
        """Make an account, and sign in."""
        fields = self.read_needed()
        check_password(fields["password"])
        email = clean_email(fields["email"])
        if email is None:
            raise BadRequestError("Invalid email format", hint="`email` must be like ada@example.com.")
        name = clean_name(fields.get("display_name") or fields.get("name"))
        token, account = await self.register(email, fields["password"], name, fields.get("setup_key", ""))
        self.send_signed_in(token, account, 201)

    async def register(self, email: str, password: str, name: str | None, setup_key: str) -> tuple[str, Account]:
        """Store the account with its first session. Return its token and itself.

        Raises:
            NotPermittedError: the setting REGISTRATION, or the key, forbids it. ConflictError: the email is taken.
        """
        self._check_registration(setup_key)
        password_hash, now_s = await self.site.system.passwords.hash(password), self.now_s
        token, record = make_token(new_secret(), new_id(), now_s)
        account = Account(new_id(), email, name, Role.PERSON, now_s, now_s)
        key = digest_of(setup_key) if setup_key else ""
        try:
            made = await self.store.write_alone(accounts.create_account, account, password_hash, record, key_digest=key)
        except DuplicateError as exc:
            raise ConflictError(
                "User with this email already exists", hint="Sign in, or choose another `email`."
            ) from exc
        if made is None:
            raise NotPermittedError("This set-up link was used already or is too old.", hint="Ask for another one.")
        self.site.people.known_addresses.note(email, self.client.limit_key)
        return token, made

    def _check_registration(self, setup_key: str) -> None:
        if self.site.people.registration == "closed":
            raise NotPermittedError("Registration is closed.", hint="The operator makes accounts here.")
        if self.site.people.registration == "link" and not setup_key:
            raise NotPermittedError(
                "Registration needs a set-up link.", hint="Ask the operator for one: `omi-actors user invite`."
            )


class LoginHandler(SigningHandler):
    """Signs a person in."""

    route = "/auth/login"

    @declare(_SIGNED_IN, body=(_EMAIL, _PASSWORD), errors=(401,))
    async def post(self) -> None:
        """Sign in. An unknown email takes the same time as a wrong password."""
        fields = self.read_needed()
        email = clean_email(fields["email"]) or ""
        known = await self.store.read(accounts.load_credentials, email=email) if email else None
        verdict = await self.verify_password(fields["password"], known, email=email)
        if known is None or not verdict.is_right:
            raise _wrong()
        token, record = make_token(new_secret(), new_id(), self.now_s)
        is_open = await self.store.write_alone(
            accounts.open_session,
            known.account.account_id,
            record,
            verified_hash=known.password_hash,
            fresh_hash=verdict.fresh_hash,
        )
        if not is_open:
            raise _wrong()
        self.send_signed_in(token, known.account, 200)


class LogoutHandler(SigningHandler):
    """Signs out: ends the session of the token, if it has one, and deletes the cookies."""

    route = "/auth/logout"

    @declare(ok(message=str))
    async def post(self) -> None:
        """Sign out; 200 also without a valid token: then nobody is signed in already."""
        if self.person is not None:
            await self.store.write_alone(accounts.close_session, self.person.digest)
            self.forget_tokens((self.person.digest,))
        self.clear_token_cookies()
        self.send_ok({"message": "Logged out successfully"})


class AuthMeHandler(PersonHandler):
    """Shows the signed-in person with counts of what is stored."""

    route = "/auth/me"

    @declare(ok(user=PersonForm))
    async def get(self) -> None:
        """Show the signed-in person, with preferences and counts."""
        account = await self.load_me()
        counts = await self.store.read_cold(accounts.count_belongings, account.account_id, now_s=self.now_s)
        stored = await self.store.read(load_preferences, account.account_id)
        form = {"preferences": preferences_form(stored, self.site.people), "stats": dict(counts)}
        self.send_ok({"user": {**account_form(account), **form}})


class MeHandler(PersonHandler):
    """Shows the signed-in person with the linked wearables."""

    route = "/me"

    @declare(ok(user=AccountForm, omi_links=list[LinkForm]))
    async def get(self) -> None:
        """Show the signed-in person, with the linked wearables."""
        account = await self.load_me()
        links = await self.store.read_cold(linking.list_links, account.account_id)
        self.send_ok({"user": account_form(account), "omi_links": [link_form(link) for link in links]})


def _wrong() -> SignatureMismatchError:
    return SignatureMismatchError("Invalid credentials", hint="The email or the password is wrong.")
