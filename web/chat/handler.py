"""`POST /chat`: a typed question and its answer, as one JSON object or, if that is accepted, as a stream of events.

Not here: whose chat it is (owned.py), bodies (chat_body.py), the stream (chat_stream.py).
Threads: the event loop; bodies over 8 kB are read in a thread.
"""

from dataclasses import replace
from functools import partial

from omi_actors.actors.chat_messages import AskerLeft, AskQuestion, ChatAnswered
from omi_actors.actors.session.messages import ReplySent
from omi_actors.errors import ActorUnavailableError, AskTimeoutError, OmiError
from omi_actors.ids import new_id
from omi_actors.instruments.logs import LogContext, bound_context
from omi_actors.kit.future import Future
from web.body_readers import LARGE_BODY_BYTES
from web.chat.body import ChatBody, read_chat
from web.chat.owned import OwnedHandler
from web.chat_replies import answer_form, failure_problem
from web.handlers.chat_stream import EventStream
from web.requests import header
from web.segments import short_key


class ChatHandler(OwnedHandler):
    """One question. When its asker leaves, it is called off; while the server drains, the asker is not who left."""

    route = "/chat"
    is_slow_by_nature = True
    limit_kind = "chat"
    # CHAT_REPLY_DEADLINE_MS.
    has_own_deadline = True

    _waiting: Future[ChatAnswered] | None = None
    _question: AskQuestion | None = None

    async def post(self) -> None:
        """Answer with the answer; 502 with the sentence that says why there is none, 504 when it is late."""
        owner = self.find_owner()
        body = await self._read_body()
        question = self._build_question(owner.session_key(body.label), body)
        if "text/event-stream" in self.request.headers.get("Accept", ""):
            await EventStream(self).run(lambda on_delta: self._ask(replace(question, on_delta=on_delta)), body.label)
            return
        try:
            answered = await self._ask(question)
        except OmiError:
            if not self.is_gone:
                raise
            self.finish()
            return
        if answered.is_failure:
            self.send_problem(failure_problem(answered))
        else:
            self.send_json(answer_form(answered, label=body.label, seconds=self.seconds))
        await self.report(answered)

    async def report(self, answered: ChatAnswered) -> None:
        """Tell what became of an answer, once it has left this machine or cannot any more."""
        if answered.delivery_id is None or self._question is None:
            return
        reached = await self.has_left()
        sent = ReplySent(self._question.session_key, answered.delivery_id, reached=reached, is_spoken=False)
        self.site.system.reply_sent(sent)

    def on_connection_close(self) -> None:
        """Call the question off, unless it is this server that closes."""
        super().on_connection_close()
        question, waiting = self._question, self._waiting
        if question is None or waiting is None or waiting.done or self.site.traffic.is_draining:
            return
        # What has not begun never will; what has is ended by the session.
        waiting.try_fail(AskTimeoutError("its asker has left"))
        self.site.system.asker_left(AskerLeft(question.session_key, question.asker_id))

    async def _read_body(self) -> ChatBody:
        read = partial(read_chat, self.request.body, max_chars=self.site.max_message_chars)
        if len(self.request.body) <= LARGE_BODY_BYTES:
            return read()
        return await self.site.readers.read(len(self.request.body), read)

    def _build_question(self, session_key: str, body: ChatBody) -> AskQuestion:
        given = header(self.request.headers, "Idempotency-Key")
        return AskQuestion(
            session_key=session_key,
            asker_id=new_id(),
            key=f"given:{short_key(given)}" if given else f"made:{new_id()}",
            text=body.message,
            context=body.context,
            may_be_known=bool(given),
        )

    async def _ask(self, question: AskQuestion) -> ChatAnswered:
        try:
            return await self._send(question)
        except ActorUnavailableError:
            # Its session ended over it. Asked once more, the question is known by its key if it was stored.
            return await self._send(replace(question, may_be_known=True))

    async def _send(self, question: AskQuestion) -> ChatAnswered:
        if self.is_gone:
            raise AskTimeoutError("its asker left before it was asked")
        self._question = question
        with bound_context(LogContext(self.request_id, question.session_key)):
            self._waiting = self.site.system.ask_question(question, timeout_s=self.site.times.chat_s)
        return await self._waiting
