"""A person's memories: list, search, create, edit, delete, and import from Omi.

Not here: rules of texts (omi_actors/domain/people/memories.py), rows (omi_actors/store/people/memories.py).
Threads: the event loop.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NotRequired, TypedDict

from omi_actors.domain.people.conversations import NEWEST, Position
from omi_actors.domain.people.memories import MAX_CHARS, Memory, NewMemory, clean_text, read_omi_memory
from omi_actors.errors import BadRequestError, ConflictError, NotFoundError, UpstreamError
from omi_actors.instruments import metrics
from omi_actors.store.people import memories
from omi_actors.store.people.memories import Kept, MemoryPage
from web.declare import Id, Time, declare, ok
from web.parameters import Field, Number, Text
from web.people.base import PersonHandler
from web.people.forms import cursor_of
from web.people.paging import CURSOR, page_limit
from web.problems import iso_time
from web.site import ImportPlace

_TEXT = Field("text", max_chars=MAX_CHARS, about="The memory's words.", example="I like green tea", is_needed=True)
_LIMIT = page_limit(50, 200)
_SEARCH = Text("search", "Keeps the memories that hold it.", max_chars=200, example="tea")
_OFFSET = Number("offset", "The first row; the page then also has `total` and `memories`.", high=1_000_000_000)


class MemoryForm(TypedDict):
    """A text that is kept for the person's answers."""

    id: Id
    text: str
    createdAt: Time


_ONE = ok(memory=MemoryForm)
_COUNTS = {"total": int, "limit": int, "offset": int, "hasMore": bool}
_PAGE = ok(
    items=list[MemoryForm],
    nextCursor=NotRequired[str | None],
    memories=NotRequired[list[MemoryForm]],
    **{name: NotRequired[kind] for name, kind in _COUNTS.items()},
)


def memory_form(memory: Memory) -> MemoryForm:
    """Return a memory as clients know it."""
    return {"id": memory.memory_id, "text": memory.text, "createdAt": iso_time(memory.created_at)}


class _TextHandler(PersonHandler):
    """Base of the handlers that take a memory's text."""

    def read_text(self) -> str:
        """Return the body's text.

        Raises:
            BadRequestError: it is missing or blank.
        """
        text = clean_text(self.read_fields().get("text", ""))
        if not text:
            raise BadRequestError("text is required", hint="Send the memory's words as `text`.")
        return text


class MemoriesHandler(_TextHandler):
    """The person's memories, the newest first."""

    route = "/memories"

    @declare(_PAGE, query=(_LIMIT, CURSOR, _OFFSET, _SEARCH))
    async def get(self) -> None:
        """List memories; a page begins at `offset`, or after `cursor`."""
        limit, search = _LIMIT.read(self), _SEARCH.read(self)
        offset = _OFFSET.read(self) if _OFFSET.is_given(self) else None
        before = CURSOR.read(self) if offset is None else NEWEST
        page = await self.store.read_cold_apart(
            memories.list_memories, self.me.account_id, limit=limit, search=search, before=before, offset=offset
        )
        self.send_ok(_page_form(page, limit, offset))

    @declare({201: _ONE, 200: ok(memory=MemoryForm, deduped=bool)}, body=(_TEXT,))
    async def post(self) -> None:
        """Keep a text: 201, or 200 with the memory that has it already, from the last twelve hours."""
        kept = await keep_memory(self, self.read_text())
        repeated = {} if kept.is_new else {"deduped": True}
        self.send_ok({"memory": memory_form(kept.memory), **repeated}, 201 if kept.is_new else 200)


class MemoryHandler(_TextHandler):
    """One memory."""

    route = "/memories/:id"

    @declare(_ONE, body=(_TEXT,))
    async def patch(self, memory_id: str) -> None:
        """Change the text."""
        changed = await self.store.write_alone(memories.edit_memory, self.me.account_id, memory_id, self.read_text())
        if changed is None:
            raise NotFoundError("Not found", hint="You have no memory with this id.")
        self.site.system.words_deleted()
        self.send_ok({"memory": memory_form(changed)})

    @declare(ok(message=str))
    async def delete(self, memory_id: str) -> None:
        """Delete the memory."""
        if not await self.store.write_alone(memories.delete_memory, self.me.account_id, memory_id):
            raise NotFoundError("Not found", hint="You have no memory with this id.")
        self.site.system.words_deleted()
        self.send_ok({"message": "Memory deleted successfully"})


async def keep_memory(handler: PersonHandler, text: str) -> Kept:
    """Keep a text of the person, and return the memory: the one that has it already, from the last twelve hours."""
    kept = await handler.store.write_alone(memories.add_memory, handler.me.account_id, NewMemory(text=text))
    metrics.MEMORIES.labels("typed" if kept.is_new else "skipped").inc()
    return kept


def _place_of(memory: Memory) -> Position:
    return Position(memory.created_at, memory.memory_id)


def _page_form(page: MemoryPage, limit: int, offset: int | None) -> dict[str, Any]:
    """Return a page in the form that was asked for: with the next cursor, or with the total."""
    items = [memory_form(one) for one in page.memories]
    if offset is None:
        return {"items": items, "nextCursor": cursor_of(_place_of(page.memories[-1])) if page.has_more else None}
    more = {"total": page.total, "limit": limit, "offset": offset, "hasMore": page.has_more}
    return {"items": items, "memories": items, **more}


# Memories in a page of Omi's API, pages of one wearer, and memories in all.
_OMI_PAGE, _OMI_PAGES, _OMI_MAX = 1_000, 100, 100_000
# Memories that are stored at a time: others' writes wait so long.
_BATCH = 50
# Share of a request's time after which an import begins no other page: one takes seconds if Omi is slow.
_TIME_SHARE = 0.5


_IMPORT = (
    Field("limit", int, about="Memories in a page of Omi's.", form={"minimum": 1, "maximum": _OMI_PAGE}),
    Field("max_total", int, about="Memories that are read; 0 means all.", form={"minimum": 0, "maximum": _OMI_MAX}),
)


@dataclass(frozen=True, slots=True)
class _Page:
    """A page of a wearable's memories at Omi. `place` is behind it; with `is_last` there is nothing behind it."""

    uid: str
    memories: Sequence[NewMemory]
    place: ImportPlace
    is_last: bool


class ImportHandler(PersonHandler):
    """Imports the memories of the person's wearables from Omi. What is known, or was deleted here, is skipped."""

    route = "/memories/import/omi"

    @declare(ok(imported=int, skipped=int, hasMore=NotRequired[bool]), body=_IMPORT, errors=(404, 409))
    async def post(self) -> None:
        """Answer the numbers of imported and skipped memories.

        `max_total` limits the memories that are read, 0 means all. `limit` is the size of Omi's pages, unless all fit
        into one. Within a minute of an import as large nothing is read again. With `hasMore` they were too many for one
        request: the same request goes on with the others.
        """
        fields = self.read_fields()
        limit, most = fields.get("limit", _OMI_PAGE), fields.get("max_total") or _OMI_MAX
        account_id, clock = self.me.account_id, self.site.clock
        uids = await self.store.read_cold(memories.load_verified_uids, account_id)
        if not uids:
            raise NotFoundError("No verified OMI link found", hint="Link your Omi first: POST /link/omi/start.")
        recent = self.site.imports.find(account_id, uids, most, clock.mono_s())
        if recent is not None:
            self.send_ok({"imported": 0, "skipped": recent})
            return
        begin = self.site.imports.find_place(account_id, uids, most, clock.mono_s())
        imported, page = 0, _Page("", (), begin, is_last=False)
        while not page.is_last:
            page = await self._read(uids, most if most <= _OMI_PAGE else limit, most, page.place)
            imported += await self._keep(account_id, page.uid, page.memories)
            if self.seconds >= _TIME_SHARE * self.site.times.request_s:
                break
        is_cut, skipped = not page.is_last, page.place.taken - begin.taken - imported
        self.site.imports.note(account_id, uids, most, page.place, clock.mono_s(), is_cut=is_cut)
        metrics.MEMORIES.labels("imported").inc(imported)
        self.send_ok({"imported": imported, "skipped": skipped, **({"hasMore": True} if is_cut else {})})

    async def _read(self, uids: Sequence[str], size: int, most: int, place: ImportPlace) -> _Page:
        """Read the page that begins at `place`."""
        uid, count = uids[place.wearable], min(size, most - place.read)
        items = (await self._read_page(uid, count, place.offset))[:count]
        some = [memory for item in items if (memory := read_omi_memory(item, uid)) is not None]
        read, taken, offset = place.read + len(items), place.taken + len(some), place.offset + len(items)
        if len(items) == count and offset < _OMI_PAGES * size:
            behind = ImportPlace(place.wearable, offset, read, taken)
        else:
            behind = ImportPlace(place.wearable + 1, 0, read, taken)
        return _Page(uid, some, behind, is_last=read >= most or behind.wearable == len(uids))

    async def _read_page(self, uid: str, size: int, offset: int) -> list[Any]:
        if self.site.system.omi is None:
            raise ConflictError(
                "Omi cannot be asked.", hint="The operator must set OMI_APP_ID and OMI_APP_SECRET for its API."
            )
        try:
            return await self.site.system.omi.read_memories(uid, limit=size, offset=offset)
        except UpstreamError as exc:
            raise BadRequestError(f"OMI read failed: {exc}", hint="Nothing is lost; try again later.") from exc

    async def _keep(self, account_id: str, uid: str, page: Sequence[NewMemory]) -> int:
        """Store what is new of a page, and return its number. A page that is known costs one read."""
        count = 0
        for start in range(0, len(page), _BATCH):
            some = page[start : start + _BATCH]
            if await self.store.read_cold(memories.has_unknown, account_id, some):
                count += await self.store.write_alone(memories.import_memories, account_id, uid, some)
        return count


ROUTES = (
    (r"/memories/?", MemoriesHandler),
    (r"/memories/import/omi/?", ImportHandler),
    (r"/memories/([^/%]+)/?", MemoryHandler),
)
