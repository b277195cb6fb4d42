"""The operator's view of accounts: list them, make one, and issue one-time links.

Not here: the pages that the links open (links.py), the command (omi_actors/cli/user.py). Threads: the event loop.
"""

from omi_actors.domain.people.accounts import (
    INVITE_LIFETIME_S,
    MAX_EMAIL_CHARS,
    MAX_NAME_CHARS,
    MAX_PASSWORD_CHARS,
    RESET_LIFETIME_S,
    Account,
    OneTimeKey,
    Role,
    check_password,
    clean_email,
    clean_name,
    digest_of,
)
from omi_actors.errors import (
    BadRequestError,
    ConflictError,
    DuplicateError,
    FeatureOffError,
    NotFoundError,
    NotPermittedError,
)
from omi_actors.ids import new_id, new_secret
from omi_actors.store.people import accounts, erasure
from web.declare import declare, ok
from web.handlers.caller import Access
from web.parameters import PASSWORD_FORM, Field, Number, Text
from web.people.base import AccountForm, PersonHandler, account_form
from web.people.links import path_of

_EMAIL = Field("email", max_chars=4 * MAX_EMAIL_CHARS, example="ada@example.com", is_needed=True)
_ROLE = Field(
    "role",
    max_chars=40,
    about="Capitals do not matter.",
    form={"enum": [role.wire for role in Role]},
    example="USER",
)
_NEW = (
    _EMAIL,
    _ROLE,
    Field("display_name", max_chars=MAX_NAME_CHARS, may_be_null=True, example="Ada"),
    Field(
        "password",
        max_chars=4 * MAX_PASSWORD_CHARS,
        about="Without it the reply has a link that sets one.",
        form=PASSWORD_FORM,
    ),
)
_MAX_LIMIT = 500
_LIMIT = Number("limit", "Rows of the page.", 100, low=1, high=_MAX_LIMIT)
_AFTER = Text("after", "`nextAfter` of the page before.")
_LINK = ok(path=str, expiresInS=int)


class ListedForm(AccountForm):
    """An account; `isErasing` while its rows are being deleted."""

    isErasing: bool


class AdminHandler(PersonHandler):
    """Base of the operator's addresses about accounts."""

    access = Access.OPERATOR
    limit_kind = "api"

    def admit(self) -> None:
        """Let the operator in, while there are accounts.

        Raises:
            FeatureOffError: there are none.
        """
        super().admit()
        if self.site.identities is None:
            raise FeatureOffError("ENABLE_USER_SYSTEM is off")

    async def issue_link(self, role: Role = Role.PERSON, account: Account | None = None, *, life_s: float) -> str:
        """Store a one-time key and return the path of its page."""
        secret, now_s = new_secret(), self.now_s
        key = OneTimeKey(
            digest=digest_of(secret),
            role=role,
            account_id=account.account_id if account else None,
            created_at=now_s,
            expires_at=now_s + life_s,
        )
        await self.store.write_alone(accounts.add_key, key, by=self.requester)
        return path_of(key.purpose, secret)


class AccountsHandler(AdminHandler):
    """Lists accounts, or makes one."""

    route = "/operator/accounts"

    @declare(ok(items=list[ListedForm], nextAfter=str | None), query=(_LIMIT, _AFTER))
    async def get(self) -> None:
        """List accounts by email; `nextAfter` is null on the last page."""
        limit, after = _LIMIT.read(self), _AFTER.read(self)
        page = await self.store.read_cold(accounts.list_accounts, after=after, limit=limit)
        next_after = page[-1].email if len(page) == limit else None
        erasing = {one.account_id for one in await self.store.read(erasure.list_open, limit=_MAX_LIMIT)}
        items = [{**account_form(one), "isErasing": one.account_id in erasing} for one in page]
        self.send_ok({"items": items, "nextAfter": next_after})

    @declare({201: ok(user=AccountForm, path=str | None)}, body=_NEW, errors=(409,))
    async def post(self) -> None:
        """Make an account; without `password` the reply has the link by which its person sets one."""
        fields = self.read_fields()
        email, password, now_s = clean_email(fields.get("email", "")), fields.get("password"), self.now_s
        if email is None:
            raise BadRequestError("Invalid email format", hint="`email` must be like ada@example.com.")
        password_hash = accounts.NO_PASSWORD
        if password is not None:
            check_password(password)
            password_hash = await self.site.system.passwords.hash(password)
        account = Account(
            new_id(), email, clean_name(fields.get("display_name")), read_role(fields.get("role")), now_s, now_s
        )
        try:
            await self.store.write_alone(accounts.create_account, account, password_hash, None, by=self.requester)
        except DuplicateError as exc:
            raise ConflictError("User with this email already exists", hint="Choose another `email`.") from exc
        path = None if password else await self.issue_link(account=account, life_s=INVITE_LIFETIME_S)
        self.send_ok({"user": account_form(account), "path": path}, 201)


class InviteHandler(AdminHandler):
    """Issues a link by which somebody makes an account."""

    route = "/operator/accounts/invite"

    @declare({201: _LINK}, body=(_ROLE,))
    async def post(self) -> None:
        """Issue a link by which somebody makes an account."""
        role = read_role(self.read_fields().get("role"))
        if self.site.people.registration == "closed":
            raise NotPermittedError("Registration is closed.", hint="Set REGISTRATION=link, or make the account.")
        path = await self.issue_link(role, life_s=INVITE_LIFETIME_S)
        self.send_ok({"path": path, "expiresInS": int(INVITE_LIFETIME_S)}, 201)


class ResetHandler(AdminHandler):
    """Issues a link by which a person sets a new password."""

    route = "/operator/accounts/reset"

    @declare({201: _LINK}, body=(_EMAIL,), errors=(404,))
    async def post(self) -> None:
        """Issue a link by which a person sets a new password."""
        email = clean_email(self.read_fields().get("email", ""))
        if email is None:
            raise BadRequestError("Invalid email format", hint="`email` must be like ada@example.com.")
        known = await self.store.read(accounts.load_credentials, email=email)
        if known is None:
            raise NotFoundError("No account has this email.", hint="`omi-actors user list` shows all.")
        path = await self.issue_link(account=known.account, life_s=RESET_LIFETIME_S)
        self.send_ok({"path": path, "expiresInS": int(RESET_LIFETIME_S)}, 201)


def read_role(word: str | None) -> Role:
    """Return the role of a word as clients write it, in capitals or not.

    Raises:
        BadRequestError: there is no such role.
    """
    try:
        return Role((word or Role.PERSON).lower())
    except ValueError:
        raise BadRequestError(
            "`role` is unknown.", hint=f"It must be one of {', '.join(role.wire for role in Role)}."
        ) from None
