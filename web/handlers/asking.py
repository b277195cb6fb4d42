"""Bases of the handlers whose reply is an answer: its sources, waiting for it, its delivery, a client that leaves.

Not here: event streams, POST /chat (chat.py), persons' messages (web/people/messages.py). Threads: the event loop.
"""

from collections.abc import Sequence
from dataclasses import replace

from omi_actors.actors.session.messages import AskerLeft, AskQuestion, ChatAnswered, ReplySent
from omi_actors.instruments.logs import LogContext, bound_context
from omi_actors.kit.errors import ActorUnavailableError, AskTimeoutError, ExpectedError
from omi_actors.kit.future import Future
from omi_actors.store.people.recall import RecalledText
from web.handlers.base import BaseHandler


class StreamedHandler(BaseHandler):
    """Base of the handlers whose answer may be an event stream."""

    async def load_sources(self, answered: ChatAnswered) -> Sequence[RecalledText]:
        """Load the person's texts that were in the answer's prompt; none if the store does not answer."""
        try:
            return await self.site.system.load_sources(answered.job_id) if answered.job_id else ()
        except ExpectedError:
            return ()

    async def report(self, answered: ChatAnswered) -> None:
        """Report to the system whether the answer has left this machine, as soon as this is known."""


class AskingHandler(StreamedHandler):
    """Base of the handlers that wait for an answer.

    A question is cancelled when its client disconnects, unless the server closed the connection to drain.
    """

    # False if the question goes on without its client.
    cancels_when_left: bool = True
    _waiting: Future[ChatAnswered] | None = None
    _question: AskQuestion | None = None

    async def ask(self, question: AskQuestion) -> ChatAnswered:
        """Ask, and return the answer.

        Raises:
            AnswerLateError: the question is stored, and its answer will be. ExpectedError: there is none.
        """
        try:
            return await self._send(question)
        except ActorUnavailableError:
            # The session stopped meanwhile. The second call finds the question by its key if it was stored.
            return await self._send(replace(question, may_be_known=True))

    async def _send(self, question: AskQuestion) -> ChatAnswered:
        if self.is_gone and self.cancels_when_left:
            raise AskTimeoutError("the client disconnected before the question was asked")
        self._question = question
        with bound_context(LogContext(self.request_id, question.session_key)):
            self._waiting = self.site.system.ask_question(question, timeout_s=self.site.times.chat_s)
        return await self._waiting

    async def report(self, answered: ChatAnswered) -> None:
        """Report to the system whether the answer has left this machine, as soon as this is known."""
        if answered.delivery_id is None or self._question is None:
            return
        reached = await self.has_left()
        sent = ReplySent(self._question.session_key, answered.delivery_id, reached=reached, is_spoken=False)
        self.site.system.reply_sent(sent)

    def on_connection_close(self) -> None:
        """Cancel the question, unless this server is closing the connection to drain."""
        super().on_connection_close()
        question, waiting = self._question, self._waiting
        if question is None or waiting is None or waiting.done or not self.cancels_when_left:
            return
        if self.site.traffic.is_draining:
            return
        # The failed future keeps a waiting question from starting; the session ends a running one.
        waiting.try_fail(AskTimeoutError("the client has disconnected"))
        self.site.system.asker_left(AskerLeft(question.session_key, question.asker_id))
