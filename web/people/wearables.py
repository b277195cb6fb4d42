"""Linking wearables: ask for a code, confirm it, list, unlink, undo.

Only the wearer's phone shows the code, so the code proves that the wearable is this person's. A verified link makes the
person the owner of the wearable's session; nobody takes it over while it stands.
Not here: the rules of codes (omi_actors/domain/people/linking.py), rows (omi_actors/store/people/linking.py).
Threads: the event loop.
"""

from typing import Any, NotRequired, TypedDict

from omi_actors.backplane.counters import Hit
from omi_actors.domain.people import linking as rules
from omi_actors.domain.people.accounts import digest_of
from omi_actors.domain.people.linking import Confirm, Link, Start
from omi_actors.domain.sessions.keys import wearable_in, wearable_key
from omi_actors.errors import (
    BadRequestError,
    ConflictError,
    DuplicateError,
    NotFoundError,
    RateLimitedError,
    SignatureMismatchError,
    UpstreamError,
)
from omi_actors.ids import new_secret
from omi_actors.instruments.logs import get_logger
from omi_actors.store.people import linking
from web.auth import UID
from web.declare import PAGE, Time, declare, ok
from web.edge.browsers import PAGE_POLICY
from web.handlers.base import BaseHandler
from web.handlers.caller import Access
from web.pages.render import render_message, render_undo_link
from web.parameters import Field, Text
from web.people.base import PersonHandler
from web.problems import iso_time

_log = get_logger(__name__)

_UID = Field(
    "omi_user_id",
    max_chars=128,
    about="The user id that the Omi app shows.",
    example="vT5mQ2rJx8NnPzK4eWcLh7sYb1D3",
    is_needed=True,
)
_CODE = Field("code", max_chars=20, about="The code of the notification.", example="123456", is_needed=True)
_SESSION = Field("omi_session_id", max_chars=256, may_be_null=True, about="Not needed; the original's clients send it.")
_KEY = Text("key", "The key of the notification.", needed=True)
_SENT = ok(omi_user_id=str, dev_code=NotRequired[str], already_linked=NotRequired[bool])


class LinkForm(TypedDict):
    """A linked wearable; not verified until its code was confirmed."""

    omiUserId: str
    isVerified: bool
    verifiedAt: Time | None
    createdAt: Time


class LinkedSessionForm(TypedDict):
    """A wearable's session."""

    id: str
    linked: bool
    hasConversations: bool


_HOUR_S = 3_600.0
_UNDO = "/link/omi/undo"
# Memories that one step of an undoing deletes: a few milliseconds.
_STEP_ROWS = 200


class LinkHandler(PersonHandler):
    """Base of the handlers that name a wearable by `omi_user_id`."""

    limit_kind = "link"

    def check_uid(self, uid: str | None) -> str:
        """Return a wearable's uid.

        Raises:
            BadRequestError: it is missing, or no uid of Omi.
        """
        if not uid:
            raise BadRequestError("omi_user_id is required", hint="The Omi app shows it as the user id.")
        if not UID.fullmatch(uid):
            raise BadRequestError("`omi_user_id` has characters that no uid of Omi has.")
        return uid

    async def send_code(self, uid: str) -> dict[str, Any]:
        """Store a new code and send it to the wearable. Return the reply's fields.

        Raises:
            ConflictError: the wearable is another account's. RateLimitedError: too many codes, or wrong ones.
            UpstreamError: the notification was not sent; the code is stored, and another one can be asked for.
        """
        code = rules.make_code()
        me = self.me.account_id
        hit = self._count_code(uid)
        digest = rules.digest_of_code(me, uid, code) if hit.is_allowed else None
        started = await self.store.write_alone(linking.start_link, me, uid, code_digest=digest, now_s=self.now_s)
        if started is Start.ALREADY_LINKED:
            return {"omi_user_id": uid, "already_linked": True}
        if started is Start.TAKEN:
            raise taken()
        if started is Start.RESTING:
            raise RateLimitedError("Too many attempts", retry_after_s=rules.REST_S)
        if started is Start.LIMITED:
            raise RateLimitedError(
                f"At most {rules.CODES_PER_HOUR} codes an hour are sent to a wearable.", retry_after_s=hit.reset_s
            )
        is_sent = await self.site.system.notify(uid, rules.code_text(code))
        shown = {"dev_code": code} if self.site.environment == "development" else {}
        if not is_sent and not shown:
            raise ConflictError(
                "No code can be sent.", hint="The operator must set OMI_APP_ID and OMI_APP_SECRET for notifications."
            )
        return {"omi_user_id": uid, **shown}

    def _count_code(self, uid: str) -> Hit:
        """Count a code of this wearable, over all accounts and nodes: each is a notification to its wearer."""
        key = f"link:{digest_of(uid)}"
        return self.site.system.counters.hit(key, limit=rules.CODES_PER_HOUR, window_s=_HOUR_S)


class StartHandler(LinkHandler):
    """Sends a code to a wearable."""

    route = "/link/omi/start"

    @declare(_SENT, body=(_UID,), errors=(409, 502))
    async def post(self) -> None:
        """Send a code to a wearable. In development the reply shows it as `dev_code`."""
        fields = self.read_fields()
        self.send_ok(await self.send_code(self.check_uid(fields.get("omi_user_id"))))


class ResendHandler(LinkHandler):
    """Sends another code; wrong attempts stay counted."""

    route = "/link/omi/resend"

    @declare(_SENT, body=(_UID,), errors=(409, 502))
    async def post(self) -> None:
        """Send another code."""
        uid = self.check_uid(self.read_fields().get("omi_user_id"))
        mine = {link.omi_uid: link for link in await self.store.read_cold(linking.list_links, self.me.account_id)}
        if uid not in mine:
            raise NotFoundError("Link not found", hint="Begin with POST /link/omi/start.")
        if mine[uid].is_verified:
            raise BadRequestError("Already verified", hint="This wearable is linked; there is nothing to do.")
        self.send_ok(await self.send_code(uid))


class ConfirmHandler(LinkHandler):
    """Verifies a link by the code that the wearer got."""

    route = "/link/omi/confirm"

    @declare(ok(already_verified=NotRequired[bool]), body=(_UID, _CODE, _SESSION), errors=(409,))
    async def post(self) -> None:
        """Link the wearable by its code, and tell its wearer."""
        fields = self.read_fields()
        if not fields.get("omi_user_id") or not fields.get("code"):
            raise BadRequestError("omi_user_id and code are required", hint="The notification shows the code.")
        uid, undo = self.check_uid(fields["omi_user_id"]), new_secret()
        me = self.me.account_id
        try:
            outcome = await self.store.write_alone(
                linking.confirm_link,
                me,
                uid,
                code_digest=rules.digest_of_code(me, uid, fields["code"].strip()),
                undo_digest=digest_of(undo),
                now_s=self.now_s,
            )
        except DuplicateError as exc:
            raise taken() from exc
        _refuse(outcome)
        if outcome is Confirm.ALREADY_LINKED:
            self.send_ok({"already_verified": True})
            return
        self.site.system.preferences_changed((wearable_key(uid),))
        self.site.people.feeds.look(me)
        await self._tell(uid, undo)
        self.send_ok()

    async def _tell(self, uid: str, undo: str) -> None:
        """Tell the wearer of the link. It stands also if that fails: the wearer has just read the code."""
        origin = f"{'https' if self.client.is_https else 'http'}://{self.request.host}"
        account = await self.load_me()
        try:
            await self.site.system.notify(uid, rules.linked_text(account.email, f"{origin}{_UNDO}?key={undo}"))
        except UpstreamError as exc:
            _log.warning("link_not_told", error=type(exc).__name__)


class LinksHandler(PersonHandler):
    """Lists the person's wearables."""

    route = "/link/omi"

    @declare(ok(items=list[LinkForm]))
    async def get(self) -> None:
        """List the person's wearables."""
        links = await self.store.read_cold(linking.list_links, self.me.account_id)
        self.send_ok({"items": [link_form(link) for link in links]})


class UnlinkHandler(LinkHandler):
    """Removes the link that the body names. The wearable's conversations are then nobody's."""

    route = "/link/omi/unlink"

    @declare(ok(), body=(_UID,))
    async def delete(self) -> None:
        """Remove the link that the body names."""
        await self.unlink(self.check_uid(self.read_fields().get("omi_user_id")))

    async def unlink(self, uid: str) -> None:
        """Remove a link, and answer."""
        if not await self.store.write_alone(linking.unlink, self.me.account_id, uid):
            raise NotFoundError("Link not found")
        self.site.system.preferences_changed((wearable_key(uid),))
        self.send_ok()


class UnlinkOneHandler(UnlinkHandler):
    """Removes the link that the path names."""

    route = "/link/omi/unlink/:omi_user_id"

    @declare(ok())
    async def delete(self, uid: str) -> None:  # type: ignore[override]
        """Remove the link that the address names."""
        await self.unlink(self.check_uid(uid))


class SyncHandler(PersonHandler):
    """Attaches the sessions of linked wearables. A link does so by itself, so there is rarely one left."""

    route = "/link/omi/sync-conversations"

    @declare(ok(message=str, synced=int))
    async def post(self) -> None:
        """Answer with the number of sessions that were attached."""
        self.read_fields()
        me = self.me.account_id
        links = [link for link in await self.store.read_cold(linking.list_links, me) if link.is_verified]
        counts = [await self.store.write_alone(linking.attach_session, me, link.omi_uid) for link in links]
        self.send_ok({"message": f"Synced {sum(counts)} sessions", "synced": sum(counts)})


class SessionLinkHandler(PersonHandler):
    """Tells whether a wearable's session is the person's.

    It changes nothing: only a verified link makes the session the person's.
    """

    route = "/sessions/link"

    @declare(ok(session=LinkedSessionForm), body=(Field("session_id", max_chars=256, is_needed=True),))
    async def post(self) -> None:
        """Tell whether a wearable's session is the person's; 404 for one that is not."""
        session_id = self.read_fields().get("session_id")
        if not session_id:
            raise BadRequestError("Validation failed", hint="`session_id` is missing.")
        uid = wearable_in(session_id) or session_id
        has_conversations = await self.store.read_cold(linking.find_session, self.me.account_id, uid)
        if has_conversations is None:
            raise NotFoundError("Session not found", hint="Link its wearable first: POST /link/omi/start.")
        self.send_ok({"session": {"id": session_id, "linked": True, "hasConversations": has_conversations}})


class UndoHandler(BaseHandler):
    """The page by which a wearer undoes a link that a stranger made. The link to it is in the notification."""

    route = _UNDO
    # Its key is checked by the handler.
    access = Access.ANYBODY
    limit_kind = "link"
    content_policy = PAGE_POLICY

    def set_default_headers(self) -> None:
        """Send the referrer to this server only, since the address holds a key."""
        super().set_default_headers()
        self.set_header("Referrer-Policy", "same-origin")

    @declare(PAGE, query=(_KEY,), errors=(404,))
    async def get(self) -> None:
        """Ask the wearer whether to undo the link; a look-ahead by a phone changes nothing."""
        key = _KEY.read(self)
        store = self.site.system.store
        if not await store.read_cold(linking.can_undo, digest_of(key), now_s=self.site.clock.now_s()):
            raise _undo_is_over()
        self.send_page(render_undo_link(_UNDO, key))

    @declare(PAGE, body=(Field("key", is_needed=True),), style="form", errors=(404,))
    async def post(self) -> None:
        """Delete what the account has from the wearable, then remove the link. A repetition goes on."""
        digest = digest_of(self.get_body_argument("key", ""))
        store, now_s = self.site.system.store, self.site.clock.now_s()
        while True:
            undoing = await store.write_alone(linking.undo_link, digest, now_s=now_s, limit=_STEP_ROWS)
            if undoing is None:
                raise _undo_is_over()
            if not undoing.has_more:
                break
        self.site.system.preferences_changed((wearable_key(undoing.omi_uid),))
        self.site.system.words_deleted()
        self.send_page(
            render_message("The link is undone", ("Your conversations and memories are not in that account any more.",))
        )


ROUTES = (
    (r"/link/omi/start/?", StartHandler),
    (r"/link/omi/resend/?", ResendHandler),
    (r"/link/omi/confirm/?", ConfirmHandler),
    (r"/link/omi/?", LinksHandler),
    (r"/link/omi/unlink/?", UnlinkHandler),
    (r"/link/omi/unlink/([^/]+)/?", UnlinkOneHandler),
    (r"/link/omi/sync-conversations/?", SyncHandler),
    (r"/link/omi/undo/?", UndoHandler),
    (r"/sessions/link/?", SessionLinkHandler),
)


def link_form(link: Link) -> LinkForm:
    """Return a link as clients know it."""
    return {
        "omiUserId": link.omi_uid,
        "isVerified": link.is_verified,
        "verifiedAt": None if link.verified_at is None else iso_time(link.verified_at),
        "createdAt": iso_time(link.created_at),
    }


def taken() -> ConflictError:
    """Return the refusal of a wearable that another account has linked."""
    return ConflictError(
        "This OMI device is already linked to another account", hint="Its owner can unlink it, or undo the link."
    )


def _refuse(outcome: Confirm) -> None:
    """Raise the error of an outcome that links nothing."""
    match outcome:
        case Confirm.NOT_STARTED:
            raise NotFoundError("Link request not found", hint="Begin with POST /link/omi/start.")
        case Confirm.TAKEN:
            raise taken()
        case Confirm.RESTING:
            raise RateLimitedError("Too many attempts", retry_after_s=rules.REST_S)
        case Confirm.EXPIRED:
            raise BadRequestError("Verification code expired, please restart", hint="Ask for another code.")
        case Confirm.WRONG:
            raise SignatureMismatchError("Invalid code", hint="Use the code of the latest notification.")


def _undo_is_over() -> NotFoundError:
    return NotFoundError("This link was used already, or is too old.", hint="The account can unlink the wearable.")
