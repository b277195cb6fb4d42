"""`POST /messages/send`: what a person types goes to its conversation's session as a question.

Clients give up after 15 s. So after MESSAGE_REPLY_DEADLINE_MS the reply says that the answer will come. That sentence
is not stored; the answer appears among the conversation's messages.
Not here: chats by secret or ADMIN_TOKEN (web/handlers/chat.py). Threads: the event loop.
"""

import asyncio
from dataclasses import replace
from typing import Any

from omi_actors.actors.session.messages import AskQuestion, ChatAnswered, ReplySent
from omi_actors.domain.answers.language import guess_language
from omi_actors.domain.answers.sentences import SENTENCES
from omi_actors.domain.people.conversations import Conversation
from omi_actors.domain.people.preferences import read_preferences
from omi_actors.errors import BadRequestError, NotFoundError, StoreError
from omi_actors.ids import new_id
from omi_actors.instruments.logs import LogContext, bound_context, get_logger
from omi_actors.kit.errors import ActorUnavailableError, ExpectedError
from omi_actors.store.people import conversations, preferences, recall, windows
from web.edge.tolerant_json import short_key
from web.people.base import PersonHandler
from web.people.bodies import Field
from web.people.conversations import no_conversation
from web.people.windows import WindowHandler
from web.requests import header
from web.sources import sources_form

_log = get_logger(__name__)

_ID_CHARS = 64


class SourcesHandler(PersonHandler):
    """Shows the person's own texts that were in the prompt of an answer."""

    route = "/messages/:id/sources"

    async def get(self, message_id: str) -> None:
        """Answer with the sources, the best first; without any for a question, and for an answer that needed none."""
        sources = await self.store.read(recall.load_sources_of_message, self.me.account_id, message_id)
        if sources is None:
            raise NotFoundError("Not found", hint="You have no message with this id.")
        self.send_ok({"items": sources_form(sources)})


class SendHandler(WindowHandler):
    """Sends one message. It is answered also when the client leaves, since clients read the stored messages."""

    route = "/messages/send"
    limit_kind = "chat"
    is_slow_by_nature = True
    # Its deadline is MESSAGE_REPLY_DEADLINE_MS.
    has_own_deadline = True

    async def post(self) -> None:
        """Reply with the answer, or the reason why there is none; `pending` if the answer will come later."""
        max_chars = self.site.max_message_chars
        fields = self.read_fields(
            Field("text", max_chars=max_chars),
            Field("conversation_id", max_chars=_ID_CHARS, may_be_null=True),
            Field("slot", int, may_be_null=True),
        )
        text = fields.get("text", "").strip()
        if not text:
            raise BadRequestError("text is required", hint="`text` must not be blank.")
        self._preferences = await self.store.read(preferences.load_preferences, self.me.account_id)
        conversation = await self._find_conversation(fields.get("conversation_id"), fields.get("slot"))
        question = self._build_question(conversation, text)
        asking = asyncio.ensure_future(self._ask(question))
        # Kept by the site, since the answer may come after the reply.
        self.site.people.under_way.add(asking)
        asking.add_done_callback(self.site.people.under_way.discard)
        asking.add_done_callback(lambda done: self._report(question, done))
        done, _ = await asyncio.wait({asking}, timeout=self.site.times.message_s)
        if not done:
            language = read_preferences(self._preferences.entered).language or guess_language(text)
            late = SENTENCES[language].working
            self._reply(conversation, ChatAnswered(late), pending=True)
            return
        try:
            await self._reply_with_sources(conversation, await asking)
        except StoreError as exc:
            if await self.store.read(conversations.find_conversation, self.me.account_id, question.conversation_id):
                raise
            raise no_conversation() from exc  # it was deleted meanwhile

    async def _reply_with_sources(self, conversation: Conversation, answered: ChatAnswered) -> None:
        sources = await self.site.system.load_sources(answered.job_id) if answered.job_id else ()
        self._reply(conversation, answered, **({"sources": sources_form(sources)} if sources else {}))

    def _reply(self, conversation: Conversation, answered: ChatAnswered, **more: Any) -> None:
        form = {"conversation_id": conversation.conversation_id, "assistant_text": answered.text}
        if answered.is_failure:
            more["failed"] = True
        if answered.is_duplicate:
            more["duplicate"] = True
        self.send_ok({**form, "message": answered.text, **more})

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
        given = header(self.request.headers, "Idempotency-Key")
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
