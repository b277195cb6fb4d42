"""Conversations: list, search, read, messages, rename, delete, export, and the one that goes on.

Not here: sending a message (messages.py), windows (windows.py), the event stream (stream.py), statements
(omi_actors/store/people/conversations.py). Threads: the event loop.
"""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any, NotRequired

import msgspec
from tornado.iostream import StreamClosedError

from omi_actors.actors.session.messages import OpenConversation
from omi_actors.domain.hearing.segments import StoredSegment
from omi_actors.domain.people.conversations import (
    MAX_TITLE_CHARS,
    Conversation,
    Position,
    clean_title,
    position_of,
    write_heading,
    write_line,
)
from omi_actors.domain.sessions.keys import account_prefix
from omi_actors.domain.sessions.records import StoredMessage
from omi_actors.errors import BadRequestError, ConflictError, NotFoundError
from omi_actors.store.facade import Store
from omi_actors.store.people import conversations, recall
from web.declare import Media, declare, ok
from web.parameters import Choice, Field, Number, Text
from web.people.base import PersonHandler, PolledHandler
from web.people.forms import (
    ConversationForm,
    CountedForm,
    ExportForm,
    MessageForm,
    conversation_form,
    counted_form,
    cursor_of,
    entry_form,
    message_form,
)
from web.people.paging import CURSOR, page_limit
from web.sources import SourceForm, sources_form

# Messages of the conversation that goes on.
_CURRENT_MESSAGES = 20
_LIMIT, FOUND = page_limit(20, 100), page_limit(20, 50)
_MESSAGES, MAX_MESSAGES = 50, 200
_LATEST = page_limit(_MESSAGES, MAX_MESSAGES)
# Beyond it clients use cursors: a page at an offset reads all rows before it.
_OFFSET = Number("offset", "The first row; the page then also has `total` and `conversations`.", high=2_000)
WORDS = Text("q", "The words that are searched.", max_chars=500, example="garden", needed=True)
_FORMAT = Choice("format", "The kind of file.", ("md", "json"))
_TITLE = Field(
    "title", max_chars=MAX_TITLE_CHARS, may_be_null=True, about='Null or "" removes it.', example="The garden"
)
_ONE = ok(conversation=ConversationForm)


_COUNTS = {"total": int, "limit": int, "offset": int, "hasMore": bool}
_PAGE = ok(
    items=list[CountedForm],
    nextCursor=str | None,
    conversations=NotRequired[list[CountedForm]],
    **{name: NotRequired[kind] for name, kind in _COUNTS.items()},
)
# Rows of each kind that one step of an export or deletion takes: a few milliseconds.
_STEP_ROWS = 200


class OneConversationHandler(PersonHandler):
    """Base of the handlers of one conversation, which must be the person's own."""

    async def find_own(self, conversation_id: str) -> Conversation:
        """Return the conversation.

        Raises:
            NotFoundError: the person has no such conversation; another's is not told apart.
        """
        found = await self.store.read(conversations.find_conversation, self.me.account_id, conversation_id)
        if found is None:
            raise no_conversation()
        return found

    async def begin_conversation(self, message: OpenConversation) -> Conversation:
        """Begin a conversation in a session of the person's own, as the message says, and return it."""
        conversation_id = await self.site.system.open_conversation(message, timeout_s=self.site.times.turn_s)
        begun = await self.store.read(conversations.find_conversation, self.me.account_id, conversation_id)
        if begun is None:
            raise ConflictError("The conversation was deleted meanwhile.", hint="Send the request again.")
        return begun


class ConversationsHandler(OneConversationHandler):
    """Lists the person's conversations, newest first, and begins one."""

    route = "/conversations"

    @declare(_PAGE, query=(_LIMIT, CURSOR, _OFFSET))
    async def get(self) -> None:
        """List conversations: by `cursor`; with `offset`, even 0, also in the form that has counts."""
        limit = _LIMIT.read(self)
        if not _OFFSET.is_given(self):
            await self._send_page(limit)
            return
        offset = _OFFSET.read(self)
        total, page = await self.store.read_cold_apart(
            conversations.list_by_offset, self.me.account_id, offset=offset, limit=limit
        )
        forms = [counted_form(one) for one in page]
        has_more = offset + len(page) < total
        counts = {"total": total, "limit": limit, "offset": offset, "hasMore": has_more}
        self.send_ok({"items": forms, "conversations": forms, "nextCursor": None, **counts})

    @declare({201: _ONE}, body=(_TITLE,), errors=(409,))
    async def post(self) -> None:
        """Begin a conversation for typed messages, or return the latest one if nothing was said in it yet."""
        title = clean_title(self.read_fields().get("title"))
        me = self.me.account_id
        begun = await self.begin_conversation(OpenConversation(f"{account_prefix(me)}:page", anew=True))
        if title:
            await self.store.write(conversations.rename_conversation, me, begun.conversation_id, title)
        self.send_ok({"conversation": {**conversation_form(begun), **({"title": title} if title else {})}}, 201)

    async def _send_page(self, limit: int) -> None:
        page = await self.store.read_cold_apart(
            conversations.list_conversations, self.me.account_id, before=CURSOR.read(self), limit=limit + 1
        )
        last = page[limit - 1].position if len(page) > limit else None
        items = [conversation_form(one) for one in page[:limit]]
        self.send_ok({"items": items, "nextCursor": last and cursor_of(last)})


class SearchHandler(PersonHandler):
    """Searches all that was said and written in the person's conversations (docs/recall.md)."""

    route = "/conversations/search"

    @declare(ok(items=list[SourceForm]), query=(WORDS, FOUND))
    async def get(self) -> None:
        """Find what was said or written by its words, the best match first."""
        words = WORDS.read(self).strip()
        if not words:
            raise BadRequestError("`q` is missing.", hint="It holds the words that are searched.")
        limit = FOUND.read(self)
        found = await self.store.read_cold_apart(
            recall.find_texts, self.me.account_id, words, limit=limit, only_said=True
        )
        self.send_ok({"items": sources_form(found)})


class ConversationHandler(OneConversationHandler):
    """Shows, renames or deletes a conversation."""

    route = "/conversations/:id"

    @declare(_ONE)
    async def get(self, conversation_id: str) -> None:
        """Show one conversation."""
        self.send_ok({"conversation": conversation_form(await self.find_own(conversation_id))})

    @declare(_ONE, body=(replace(_TITLE, is_needed=True),))
    async def patch(self, conversation_id: str) -> None:
        """Set the title; null or "" removes it."""
        await self.find_own(conversation_id)
        fields = self.read_fields()
        if "title" not in fields:
            raise BadRequestError("title is required", hint="Send `title`; null removes it.")
        title = clean_title(fields["title"])
        await self.store.write(conversations.rename_conversation, self.me.account_id, conversation_id, title)
        self.send_ok({"conversation": conversation_form(await self.find_own(conversation_id))})

    @declare(ok())
    async def delete(self, conversation_id: str) -> None:
        """Delete the conversation with all that was said in it. When this was interrupted, a repetition goes on."""
        was_there = None
        while not was_there:
            was_there = await self.store.write(
                conversations.erase_conversation, self.me.account_id, conversation_id, limit=_STEP_ROWS
            )
            if was_there is None:
                raise no_conversation()
        self.site.system.words_deleted()
        self.send_ok()


class MessagesHandler(PolledHandler):
    """Lists the messages of a conversation, newest first."""

    route = "/conversations/:id/messages"
    page = _MESSAGES

    stamp, load = staticmethod(conversations.stamp_messages), staticmethod(conversations.list_messages)

    @declare(ok(items=list[MessageForm], nextCursor=str | None), query=(_LATEST, CURSOR))
    async def get(self, conversation_id: str) -> None:
        """List the messages of a conversation, newest first."""
        limit, before = _LATEST.read(self), CURSOR.read(self)
        page = await self.store.read(self.load, self.me.account_id, conversation_id, limit=limit + 1, before=before)
        if page is None:
            raise no_conversation()
        self.send_ok(self.show(page, limit + 1))

    @staticmethod
    def show(found: Any, limit: int) -> dict[str, Any]:
        """Return the page's form: all rows but the last of `limit`, which only says that there are more."""
        last = position_of(found[limit - 2]) if len(found) == limit else None
        return {"items": [message_form(one) for one in found[: limit - 1]], "nextCursor": last and cursor_of(last)}


class CurrentHandler(PolledHandler):
    """Shows the conversation of the session that was active last, with its latest messages."""

    route = "/conversations/current"
    page = _CURRENT_MESSAGES

    stamp, load = staticmethod(conversations.stamp_current), staticmethod(conversations.load_current)

    @declare(ok(conversation=ConversationForm | None, messages=list[MessageForm], sessionId=str | None))
    async def get(self) -> None:
        """Show the conversation that goes on, or null."""
        self.send_ok(self.show(await self.store.read(self.load, self.me.account_id, limit=self.page)))

    @staticmethod
    def show(found: Any, limit: int = 0) -> dict[str, Any]:
        """Return the form of the conversation, or of none."""
        del limit
        if found is None:
            return {"conversation": None, "messages": [], "sessionId": None}
        return {
            "conversation": conversation_form(found.conversation),
            "messages": [message_form(one) for one in found.messages],
            "sessionId": found.conversation.session_id,
        }


class ExportHandler(OneConversationHandler):
    """Sends a conversation as a file: what was heard and all messages, in the order of time."""

    route = "/conversations/:id/export"
    # Its duration depends on the client's reading.
    is_slow_by_nature = True

    @declare((Media("text/markdown"), ExportForm), query=(_FORMAT,))
    async def get(self, conversation_id: str) -> None:
        """Export a conversation as Markdown, or with `format=json` as JSON, part by part."""
        conversation = await self.find_own(conversation_id)
        kind = _FORMAT.read(self)
        self.set_header("Content-Type", "text/markdown; charset=utf-8" if kind == "md" else "application/json")
        self.set_header("Content-Disposition", f'attachment; filename="conversation-{conversation_id}.{kind}"')
        try:
            async for piece in self._pieces(conversation, kind):
                self.write(piece)
                await self.flush()
        except StreamClosedError:
            self.close()
            return
        self.finish()

    async def _pieces(self, conversation: Conversation, kind: str) -> AsyncIterator[str | bytes]:
        if kind == "md":
            yield write_heading(conversation)
            async for entries in walk_conversation(self.store, self.me.account_id, conversation):
                yield "".join(map(write_line, entries))
            return
        yield msgspec.json.encode(conversation_form(conversation))[:-1] + b',"entries":['
        separator = b""
        async for entries in walk_conversation(self.store, self.me.account_id, conversation):
            for entry in entries:
                yield separator + msgspec.json.encode(entry_form(entry))
                separator = b","
        yield b"]}"


async def walk_conversation(
    store: Store, account_id: str, conversation: Conversation
) -> AsyncIterator[list[StoredSegment | StoredMessage]]:
    """Yield all entries in the order of time. An entry waits until none before it can come any more."""
    after_seq, after = await store.read_cold(conversations.load_first_seq, conversation), Position(0.0, "")
    waiting: list[StoredSegment | StoredMessage] = []
    while True:
        part = await store.read_cold(
            conversations.load_part,
            account_id,
            conversation,
            after_seq=after_seq,
            after=after,
            limit=_STEP_ROWS,
        )
        full = [rows[-1].created_at for rows in (part.segments, part.messages) if len(rows) == _STEP_ROWS]
        waiting = sorted([*waiting, *part.segments, *part.messages], key=lambda one: one.created_at)
        if not full:
            yield waiting
            return
        after_seq = part.segments[-1].seq if part.segments else after_seq
        after = position_of(part.messages[-1]) if part.messages else after
        ready = [one for one in waiting if one.created_at <= min(full)]
        waiting = waiting[len(ready) :]
        yield ready


# An id needs no escapes; with them it could hold what no store takes.
ROUTES = (
    (r"/conversations/?", ConversationsHandler),
    (r"/conversations/current/?", CurrentHandler),
    (r"/conversations/search/?", SearchHandler),
    (r"/conversations/([^/%]+)/?", ConversationHandler),
    (r"/conversations/([^/%]+)/messages/?", MessagesHandler),
    (r"/conversations/([^/%]+)/export/?", ExportHandler),
)


def no_conversation() -> NotFoundError:
    """Return the refusal of a conversation that is not the person's, or does not exist."""
    return NotFoundError("Conversation not found", hint="GET /conversations lists yours.")
