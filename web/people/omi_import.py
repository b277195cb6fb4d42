"""`/omi/import/*`: write conversations and memories to a wearer's Omi, and read them there, as Omi has them.

A person may name their verified wearables only, the operator any. The app's secret stays here.
Not here: the import of memories into this server (memories.py), the call (omi_actors/clients/omi_api.py).
Threads: the event loop.
"""

from typing import Any, ClassVar

from omi_actors.errors import BadRequestError, ConflictError, NotFoundError, UpstreamError
from omi_actors.store.people.memories import load_verified_uids
from web.auth import UID
from web.declare import declare, ok
from web.handlers.caller import Access
from web.parameters import Choice, Field, Number, Text
from web.people.base import PersonHandler

# Characters of a conversation's text, and of one memory.
_TEXT_CHARS, _MEMORY_CHARS = 100_000, 10_000
_MAX_MEMORIES = 100
_SOURCE = (
    Field("text_source", max_chars=100, about="The kind of the text, as Omi has it.", example="other_text"),
    Field("text_source_spec", max_chars=200, about="More about its source."),
)
_UID = Field(
    "uid", max_chars=128, about="The wearer's user id.", example="vT5mQ2rJx8NnPzK4eWcLh7sYb1D3", is_needed=True
)
_TEXT = Field("text", max_chars=_TEXT_CHARS, about="What was said or written.", example="We met and planned a trip.")
_CONVERSATION = (
    _UID,
    _TEXT,
    Field("started_at", max_chars=64, about="When it began, ISO 8601."),
    Field("finished_at", max_chars=64, about="When it ended."),
    Field("language", max_chars=16, example="en"),
    Field("geolocation", dict, about="Where it was, as Omi has it."),
    *_SOURCE,
)
_MEMORIES = (
    _UID,
    _TEXT,
    Field(
        "memories",
        list,
        max_chars=_MEMORY_CHARS * _MAX_MEMORIES,
        about="Texts, or objects with `content` and `tags`.",
        form={"maxItems": _MAX_MEMORIES},
    ),
    *_SOURCE,
)
_OF = Text("uid", "The wearer's user id.", max_chars=128, example="vT5mQ2rJx8NnPzK4eWcLh7sYb1D3", needed=True)
_LIMIT = Number("limit", "Rows of the page.", default=100, low=1, high=1_000)
_OFFSET = Number("offset", "The first row.", high=1_000_000_000)
_DISCARDED = Choice("include_discarded", "Whether Omi shall list those that it has discarded.", words=("false", "true"))
_STATUSES = Text("statuses", "Statuses of Omi's, with commas between.", max_chars=200, pattern="^[A-Za-z0-9_,]*$")
# A refusal of Omi's is 400, as the original's clients know it.
_ERRORS = (404, 409)


class _OmiHandler(PersonHandler):
    """Base of these addresses."""

    access = Access.OWNER
    limit_kind = "link"
    # The address in Omi's integration API.
    path: ClassVar[str]

    async def check_uid(self, uid: str) -> str:
        """Return the wearer's uid.

        Raises:
            BadRequestError: it is missing, or no uid of Omi. NotFoundError: it is no verified wearable of this person.
        """
        if not uid:
            raise BadRequestError("uid is required", hint="Name the wearer, as the Omi app shows the user id.")
        if not UID.fullmatch(uid):
            raise BadRequestError("`uid` has characters that no uid of Omi has.")
        if not self.is_operator and uid not in await self.store.read_cold(load_verified_uids, self.me.account_id):
            raise NotFoundError("No verified OMI link found", hint="Link this wearable first: POST /link/omi/start.")
        return uid

    async def call_omi(self, method: str, params: dict[str, Any], body: Any = None) -> Any:
        """Call Omi's API.

        Raises:
            BadRequestError: Omi did not do it. ConflictError: the operator has not set up Omi's API.
        """
        if self.site.system.omi is None:
            raise ConflictError(
                "Omi cannot be asked.", hint="The operator must set OMI_APP_ID and OMI_APP_SECRET for its API."
            )
        try:
            return await self.site.system.omi.exchange(method, self.path, params=params, body=body)
        except UpstreamError as exc:
            done = "read" if method == "GET" else "write"
            raise BadRequestError(
                f"OMI {done} failed: {exc}", hint="Correct what it says, or try again later."
            ) from exc


class _ListHandler(_OmiHandler):
    """Base of the handlers that read a page."""

    async def read_page(self, **more: str | None) -> None:
        """Answer with Omi's JSON."""
        uid = await self.check_uid(_OF.read(self))
        params = {"uid": uid, "limit": _LIMIT.read(self), "offset": _OFFSET.read(self)}
        found = await self.call_omi("GET", params | more)
        self.send_ok(found if isinstance(found, dict) else {"items": found})


class ConversationsHandler(_ListHandler):
    """A page of a wearer's conversations at Omi."""

    route = "/omi/import/conversations"
    path = "conversations"

    @declare(dict[str, Any], query=(_OF, _LIMIT, _OFFSET, _DISCARDED, _STATUSES), errors=_ERRORS)
    async def get(self) -> None:
        """Answer with the page, as Omi sends it, and `ok`."""
        discarded, statuses = _DISCARDED.read(self), _STATUSES.read(self)
        if not all(name.replace("_", "").isalnum() and name.isascii() for name in statuses.split(",") if statuses):
            raise BadRequestError("`statuses` must be words with commas between.")
        await self.read_page(include_discarded=discarded, statuses=statuses or None)


class MemoriesHandler(_ListHandler):
    """Reads a page of a wearer's memories at Omi, and writes new ones there."""

    route = "/omi/import/memories"
    path = "memories"

    @declare(dict[str, Any], query=(_OF, _LIMIT, _OFFSET), errors=_ERRORS)
    async def get(self) -> None:
        """Answer with the page, as Omi sends it, and `ok`."""
        await self.read_page()

    @declare(ok(result=Any), body=_MEMORIES, errors=_ERRORS)
    async def post(self) -> None:
        """Give Omi a `text` from which it makes memories, or `memories` as they are; answer with Omi's `result`."""
        fields = self.read_fields()
        uid = await self.check_uid(fields.pop("uid", ""))
        if fields.get("memories"):
            fields["memories"] = [_memory(one) for one in fields["memories"][: _MAX_MEMORIES + 1]]
        if len(fields.get("memories", ())) > _MAX_MEMORIES:
            raise BadRequestError(f"`memories` must have at most {_MAX_MEMORIES} members.")
        if not fields.get("text", "").strip() and not fields.get("memories"):
            raise BadRequestError("text or memories is required", hint="Give Omi what it shall keep.")
        self.path = "user/memories"  # type: ignore[misc]  # reading has another path at Omi than writing
        self.send_ok({"result": await self.call_omi("POST", {"uid": uid}, fields)})


def _memory(value: Any) -> dict[str, Any]:
    """Return a memory as Omi takes it: its text as `content`, with its tags.

    Raises:
        BadRequestError: it is no text, and has none.
    """
    content = value if isinstance(value, str) else value.get("content") if isinstance(value, dict) else None
    if not isinstance(content, str) or not content.strip() or len(content) > _MEMORY_CHARS:
        raise BadRequestError(
            "`memories` must be texts, or objects with a `content`.",
            hint=f"Each has at most {_MEMORY_CHARS} characters.",
        )
    tags = value.get("tags") if isinstance(value, dict) else None
    is_tagged = isinstance(tags, list) and all(isinstance(tag, str) for tag in tags)
    return {"content": content} | ({"tags": tags} if is_tagged else {})


class ConversationHandler(_OmiHandler):
    """Writes a conversation to a wearer's Omi."""

    route = "/omi/import/conversation"
    path = "user/conversations"

    @declare(ok(result=Any), body=_CONVERSATION, errors=_ERRORS)
    async def post(self) -> None:
        """Answer with Omi's `result`."""
        fields = self.read_fields()
        uid = await self.check_uid(fields.pop("uid", ""))
        if not fields.get("text", "").strip():
            raise BadRequestError("text is required", hint="`text` must not be blank.")
        self.send_ok({"result": await self.call_omi("POST", {"uid": uid}, fields)})


ROUTES = (
    (r"/omi/import/conversation/?", ConversationHandler),
    (r"/omi/import/conversations/?", ConversationsHandler),
    (r"/omi/import/memories/?", MemoriesHandler),
)
