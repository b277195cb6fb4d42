"""A person's own account: profile, password, and the devices that are signed in.

Not here: sign-in (auth.py), export and deletion. Threads: the event loop.
"""

from typing import Any, TypedDict

from omi_actors.domain.people.accounts import (
    MAX_EMAIL_CHARS,
    MAX_NAME_CHARS,
    MAX_PASSWORD_CHARS,
    Credentials,
    TokenRecord,
    check_password,
    clean_email,
    clean_name,
    digest_of,
)
from omi_actors.errors import BadRequestError, DuplicateError, NotFoundError, SignatureMismatchError
from omi_actors.store.people import accounts
from web.declare import Time, declare, ok
from web.parameters import PASSWORD_FORM, Field
from web.people.auth import LIMIT_KIND
from web.people.base import AccountForm, PersonHandler, account_form
from web.problems import iso_time

_PROFILE = (
    Field("display_name", max_chars=MAX_NAME_CHARS, may_be_null=True, example="Ada"),
    Field("email", max_chars=4 * MAX_EMAIL_CHARS),
    Field("current_password", max_chars=4 * MAX_PASSWORD_CHARS, about="Needed for a new `email`."),
)
_PASSWORDS = tuple(
    Field(name, max_chars=4 * MAX_PASSWORD_CHARS, form=form, is_needed=True)
    for name, form in (("current_password", None), ("new_password", PASSWORD_FORM))
)
_REVOKE = (
    Field("id", max_chars=100, about="The session's `id`, or else:"),
    Field("session_token", max_chars=200, about="its whole token."),
)


class ProfileForm(AccountForm):
    """An account with the time of its last change."""

    updatedAt: Time


class DeviceForm(TypedDict):
    """A signed-in device."""

    id: str
    session_token_masked: str
    createdAt: Time
    expiresAt: Time
    is_current: bool


_PROFILE_REPLY = ok(user=ProfileForm)


class ConfirmedHandler(PersonHandler):
    """Base of requests that a person confirms by the password."""

    async def confirm(self, password: str) -> Credentials:
        """Verify the person's password, and return what it was verified against.

        Raises:
            SignatureMismatchError: it is wrong. RateLimitedError: too many were wrong.
        """
        known = await self.store.read(accounts.load_credentials, account_id=self.me.account_id)
        email = known.account.email if known else ""
        verdict = await self.verify_password(password, known, email=email)
        if known is None or not verdict.is_right:
            raise SignatureMismatchError("Invalid current password", hint="`current_password` is wrong.")
        return known


class ProfileHandler(ConfirmedHandler):
    """Shows or changes name and email."""

    route = "/account/profile"

    @declare(_PROFILE_REPLY)
    async def get(self) -> None:
        """Show the account."""
        account = await self.load_me()
        self.send_ok({"user": {**account_form(account), "updatedAt": iso_time(account.updated_at)}})

    @declare(_PROFILE_REPLY, body=_PROFILE)
    async def patch(self) -> None:
        """Change the name, the email, or both; a new email needs the password."""
        fields = self.read_fields()
        changes: dict[str, Any] = {}
        if "display_name" in fields:
            changes["display_name"] = clean_name(fields["display_name"])
        verified_hash = None
        if "email" in fields:
            changes["email"] = _read_email(fields["email"])
            if not fields.get("current_password"):
                raise BadRequestError(
                    "current_password is required to change email", hint="Send it as `current_password`."
                )
            verified_hash = (await self.confirm(fields["current_password"])).password_hash
        if not changes:
            raise BadRequestError("No changes provided", hint="Send `display_name` or `email`.")
        await self._change(changes, verified_hash)
        await self.get()

    async def _change(self, changes: dict[str, Any], verified_hash: str | None) -> None:
        try:
            is_changed = await self.store.write_alone(
                accounts.change_account, self.me.account_id, changes, verified_hash=verified_hash, now_s=self.now_s
            )
        except DuplicateError as exc:
            raise BadRequestError("Email already in use", hint="Choose another `email`.") from exc
        if not is_changed:
            raise _changed_meanwhile()


class PasswordHandler(ConfirmedHandler):
    """Changes the password."""

    route = "/account/password"
    limit_kind = LIMIT_KIND

    @declare(ok(), body=_PASSWORDS)
    async def post(self) -> None:
        """Set a new password, and end all other sessions."""
        fields = self.read_fields()
        missing = [name for name in ("current_password", "new_password") if not fields.get(name)]
        if missing:
            raise BadRequestError("current_password and new_password are required", hint=f"`{missing[0]}` is missing.")
        check_password(fields["new_password"])
        known = await self.confirm(fields["current_password"])
        ended = await self.store.write_alone(
            accounts.change_password,
            self.me.account_id,
            await self.site.system.passwords.hash(fields["new_password"]),
            verified_hash=known.password_hash,
            keep_digest=self.me.digest,
            now_s=self.now_s,
        )
        if ended is None:
            raise _changed_meanwhile()
        self.forget_tokens(ended)
        self.send_ok()


class SessionsHandler(PersonHandler):
    """Lists the devices that are signed in."""

    route = "/account/sessions"

    @declare(ok(sessions=list[DeviceForm], items=list[DeviceForm]))
    async def get(self) -> None:
        """List the signed-in devices, newest first."""
        records = await self.store.read_cold(accounts.list_sessions, self.me.account_id, now_s=self.now_s)
        items = [_session_form(record, is_current=record.digest == self.me.digest) for record in records]
        self.send_ok({"sessions": items, "items": items})


class RevokeHandler(PersonHandler):
    """Ends one session, named by its `id` or its whole token."""

    route = "/account/sessions/revoke"

    @declare(ok(), body=_REVOKE)
    async def post(self) -> None:
        """End one session; 404 if the person has no such session."""
        fields = self.read_fields()
        session_id, token = fields.get("id", ""), fields.get("session_token", "")
        if bool(session_id) == bool(token):
            raise BadRequestError("session_token is required", hint="Send `id` or `session_token`, one of them.")
        ended = await self.store.write_alone(
            accounts.revoke_session,
            self.me.account_id,
            session_id=session_id,
            digest=digest_of(token) if token else "",
        )
        if ended is None:
            raise NotFoundError("Session not found", hint="GET /account/sessions lists your sessions.")
        self.forget_tokens((ended,))
        if ended == self.me.digest:
            self.clear_token_cookies()
        self.send_ok()


class RevokeOthersHandler(PersonHandler):
    """Ends all sessions except the present one."""

    route = "/account/sessions/revoke-others"

    @declare(ok(revoked=int))
    async def post(self) -> None:
        """End all other sessions, and count them."""
        ended = await self.store.write_alone(accounts.revoke_others, self.me.account_id, keep_digest=self.me.digest)
        self.forget_tokens(ended)
        self.send_ok({"revoked": len(ended)})


def _session_form(record: TokenRecord, *, is_current: bool) -> DeviceForm:
    return {
        "id": record.session_id,
        "session_token_masked": record.hint,
        "createdAt": iso_time(record.created_at),
        "expiresAt": iso_time(record.expires_at),
        "is_current": is_current,
    }


def _read_email(text: str) -> str:
    if not text.strip():
        raise BadRequestError("Email cannot be empty", hint="Send an `email`, or leave the field out.")
    email = clean_email(text)
    if email is None:
        raise BadRequestError("Invalid email format", hint="`email` must be like ada@example.com.")
    return email


def _changed_meanwhile() -> SignatureMismatchError:
    return SignatureMismatchError("Invalid session", hint="The password was changed meanwhile. Sign in again.")
