"""`POST /messages/send`: what a person types goes to its conversation's session as a question.

Clients give up after 15 s. So after MESSAGE_REPLY_DEADLINE_MS the reply says that the answer will come. That sentence
is not stored; the answer appears among the conversation's messages.
`DELETE /conversations/:id/messages/:message_id` deletes one entry of a conversation.
Not here: chats by secret or ADMIN_TOKEN (web/handlers/chat.py). Threads: the event loop.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any, NotRequired

from omi_actors.actors.session.messages import AskQuestion, ChatAnswered, ReplySent, StopQuestion
from omi_actors.domain.answers.sentences import SENTENCES
from omi_actors.domain.hearing.language import guess_language
from omi_actors.domain.people.conversations import NEWEST, Conversation
from omi_actors.domain.people.preferences import read_preferences
from omi_actors.errors import BadRequestError, NotFoundError, StoreError
from omi_actors.ids import new_id
from omi_actors.instruments.logs import LogContext, bound_context, get_logger
from omi_actors.kit.errors import ActorUnavailableError, ExpectedError
from omi_actors.store.people import conversations, entries, preferences, recall, windows
from omi_actors.store.people.recall import RecalledText
from web.declare import Fields, Id, declare, ok
from web.edge.tolerant_json import short_key
from web.handlers.asking import StreamedHandler
from web.handlers.chat import EVENTS, EventStream, wants_stream
from web.parameters import Field, Header
from web.people.base import PersonHandler
from web.people.conversations import OneConversationHandler, no_conversation
from web.people.windows import WindowHandler
from web.sources import SourceForm, sources_form

_log = get_logger(__name__)

_FLAGS = {"failed": "is_failure", "duplicate": "is_duplicate"}
_CONVERSATION = Field("conversation_id", max_chars=64, may_be_null=True)
_KEY = Header("Idempotency-Key", "Names the question: a repetition with the same key asks it once.")
_BODY = (
    Field("text", limit_of="max_message_chars", example="How high is the moon?", is_needed=True),
    _CONVERSATION,
    Field("slot", int, may_be_null=True, about="A window from 1 to 5, instead of the conversation.", example=1),
)
_DONE = {
    "ok": bool,
    "conversation_id": Id,
    "assistant_text": str,
    "message": str,
    "sources": NotRequired[list[SourceForm]],
} | dict.fromkeys(("pending", *_FLAGS), NotRequired[bool])
# Seconds between two looks for a question that is not stored yet, and messages that are looked at.
_LOOK_S = 0.1
_LATEST = 20


class SourcesHandler(PersonHandler):
    """Shows the person's own texts that were in the prompt of an answer."""

    route = "/messages/:id/sources"

    @declare(ok(items=list[SourceForm]))
    async def get(self, message_id: str) -> None:
        """Show the person's own texts that were in an answer's prompt, the best first."""
        sources = await self.store.read(recall.load_sources_of_message, self.me.account_id, message_id)
        if sources is None:
            raise NotFoundError("Not found", hint="You have no message with this id.")
        self.send_ok({"items": sources_form(sources)})


class EntryHandler(PersonHandler):
    """Deletes one entry of a conversation: a question, an answer, or what was said in a segment."""

    route = "/conversations/:id/messages/:message_id"

    @declare(ok())
    async def delete(self, conversation_id: str, entry_id: str) -> None:
        """Delete one entry; the rest of the conversation stays."""
        if not await self.store.write(entries.erase_entry, self.me.account_id, conversation_id, entry_id):
            raise NotFoundError("Not found", hint="You have no such entry in this conversation.")
        self.site.system.words_deleted()
        self.send_ok()


class StopHandler(OneConversationHandler):
    """Stops a question that has no answer yet."""

    route = "/messages/stop"

    @declare(ok(stopped=bool), query=(_KEY,), body=(replace(_CONVERSATION, is_needed=True),))
    async def post(self) -> None:
        """Stop a question; `stopped` is false if it has an answer already, or is not known."""
        conversation_id = self.read_fields().get("conversation_id", "")
        given = _KEY.find(self)
        if not given or not conversation_id:
            raise BadRequestError(
                "Idempotency-Key and conversation_id are required", hint="Send those of the question to stop."
            )
        conversation = await self.find_own(conversation_id)
        stop = StopQuestion(conversation.session_key, f"given:{short_key(given)}")
        self.send_ok({"stopped": await self.site.system.stop_question(stop, timeout_s=self.site.times.turn_s)})


class SendHandler(StreamedHandler, WindowHandler):
    """Sends one message. It is answered also when the client leaves, since clients read the stored messages.

    The answer may be an event stream, as that of a chat.
    """

    route = "/messages/send"
    limit_kind = "chat"
    is_slow_by_nature = True
    # Its deadline is MESSAGE_REPLY_DEADLINE_MS.
    has_own_deadline = True

    @declare((Fields(_DONE), EVENTS), query=(_KEY,), body=_BODY, errors=(409, 422, 502))
    async def post(self) -> None:
        """Reply with the answer, or the reason why there is none; `pending` if the answer will come later."""
        fields = self.read_fields()
        text = fields.get("text", "").strip()
        if not text:
            raise BadRequestError("text is required", hint="`text` must not be blank.")
        self._preferences = await self.store.read(preferences.load_preferences, self.me.account_id)
        conversation = await self._find_conversation(fields.get("conversation_id"), fields.get("slot"))
        question = self._build_question(conversation, text)
        if wants_stream(self):
            await EventStream(self).run(
                lambda on_delta: self._start_asking(replace(question, on_delta=on_delta)), partial(_form, conversation)
            )
            return
        await self._reply_when_done(self._start_asking(question), conversation, text)

    def _start_asking(self, question: AskQuestion) -> "asyncio.Future[ChatAnswered]":
        asking = asyncio.ensure_future(self._ask(question))
        # Kept by the site, since the answer may come after the reply.
        self.site.people.under_way.add(asking)
        asking.add_done_callback(self.site.people.under_way.discard)
        asking.add_done_callback(lambda done: self._report(question, done))
        return asking

    async def _reply_when_done(
        self, asking: "asyncio.Future[ChatAnswered]", conversation: Conversation, text: str
    ) -> None:
        done, _ = await asyncio.wait({asking}, timeout=self.site.times.message_s)
        # Only of a stored question it may be said that its answer will come.
        while not done and not await self._is_stored(conversation, text):
            done, _ = await asyncio.wait({asking}, timeout=_LOOK_S)
        if not done:
            language = read_preferences(self._preferences.entered).language or guess_language(text)
            late = SENTENCES[language].working
            self.send_json({**_form(conversation, ChatAnswered(late)), "pending": True})
            return
        try:
            await self._reply_with_sources(conversation, await asking)
        except StoreError as exc:
            if await self.store.read(conversations.find_conversation, self.me.account_id, conversation.conversation_id):
                raise
            raise no_conversation() from exc  # it was deleted meanwhile

    async def _is_stored(self, conversation: Conversation, text: str) -> bool:
        latest = await self.store.read(
            conversations.list_messages, self.me.account_id, conversation.conversation_id, before=NEWEST, limit=_LATEST
        )
        return latest is None or any(one.role == "user" and one.text == text for one in latest)

    async def _reply_with_sources(self, conversation: Conversation, answered: ChatAnswered) -> None:
        self.send_json(_form(conversation, answered, await self.load_sources(answered)))

    async def _find_conversation(self, conversation_id: str | None, slot: int | None) -> Conversation:
        """Return the person's conversation; a slot without one begins one. With neither it is the default conversation.

        Raises:
            BadRequestError: none of them is given, or both. NotFoundError: the person has no such conversation.
        """
        if not conversation_id and slot is None:
            conversation_id = self._preferences.default_conversation_id
        if (not conversation_id) == (slot is None):
            raise BadRequestError("Provide conversation_id or slot (1-5)", hint="Give one of them, not both.")
        me = self.me.account_id
        if slot is None:
            found = await self.store.read(conversations.find_conversation, me, conversation_id or "")
            if found is None:
                raise no_conversation()
            return found
        window = await self.store.read(windows.load_window, me, self.check_slot(slot))
        return await self.begin_window(slot) if window is None else window.conversation

    def _build_question(self, conversation: Conversation, text: str) -> AskQuestion:
        given = _KEY.find(self)
        return AskQuestion(
            session_key=conversation.session_key,
            asker_id=new_id(),
            key=f"given:{short_key(given)}" if given else f"made:{new_id()}",
            text=text,
            may_be_known=bool(given),
            conversation_id=conversation.conversation_id,
        )

    async def _ask(self, question: AskQuestion) -> ChatAnswered:
        with bound_context(LogContext(self.request_id, question.session_key)):
            try:
                return await self._send(question)
            except ActorUnavailableError:
                # The session stopped meanwhile. The second call finds the question by its key if it was stored.
                return await self._send(replace(question, may_be_known=True))

    async def _send(self, question: AskQuestion) -> ChatAnswered:
        return await self.site.system.ask_question(question, timeout_s=self.site.times.chat_s)

    def _report(self, question: AskQuestion, done: "asyncio.Future[ChatAnswered]") -> None:
        """Report the answer as delivered: it is stored, and clients read the stored messages."""
        if done.cancelled():
            return
        error = done.exception()
        if isinstance(error, ExpectedError):
            _log.info("message_not_answered_in_time", error=type(error).__name__)
            return
        delivery_id = done.result().delivery_id
        if delivery_id is not None:
            self.site.system.reply_sent(ReplySent(question.session_key, delivery_id, reached=True, is_spoken=False))


def _form(conversation: Conversation, answered: ChatAnswered, sources: Sequence[RecalledText] = ()) -> dict[str, Any]:
    """Return the reply to a message."""
    form: dict[str, Any] = {"ok": True, "conversation_id": conversation.conversation_id}
    form |= {"assistant_text": answered.text, "message": answered.text}
    form |= {name: True for name in ("failed", "duplicate") if getattr(answered, _FLAGS[name])}
    return form | ({"sources": sources_form(sources)} if sources else {})
