"""`POST /chat`: a typed question; the client gets the answer as a JSON object or as an event stream.

Not here: owners of chats (web/auth.py), bodies (chat_body.py).
Threads: the event loop; bodies over 8 kB are read in a thread.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NotRequired, TypedDict

import msgspec
from tornado.iostream import StreamClosedError

from omi_actors.actors.session.messages import AskQuestion, ChatAnswered, OnDelta
from omi_actors.ids import new_id
from omi_actors.kit.errors import ExpectedError
from omi_actors.store.people.recall import RecalledText
from web.declare import Fields, Media, declare
from web.edge.limits import LARGE_BODY_BYTES
from web.edge.tolerant_json import short_key
from web.handlers.asking import AskingHandler, StreamedHandler
from web.handlers.base import BaseHandler
from web.handlers.caller import Access
from web.handlers.chat_body import ChatBody, read_chat
from web.handlers.event_stream import HEARTBEAT, set_stream_headers
from web.parameters import Field, Header
from web.problems import Problem, api_problem
from web.sources import SourceForm, sources_form

# Sessions whose keys begin so belong to no account: they have no sources.
_WITHOUT_PERSON = "chat:"
# Characters that wait for a slow reader. Beyond them no further piece is sent; the last event has the whole answer.
_MAX_CHARS = 65_536


_KEY = Header("Idempotency-Key", "Names the question: a repetition with the same key asks it once.")
_BODY = (
    Field("message", limit_of="max_message_chars", example="How high is the moon?", is_needed=True),
    Field(
        "session_id",
        may_be_null=True,
        about='The session\'s name; without it, "default".',
        form={"pattern": "^[A-Za-z0-9_.@:-]{0,200}$"},
        example="kitchen",
    ),
    Field("context", object, limit_of="max_message_chars", about="The client's own data: a string, or any JSON."),
)
_FORM = {
    "response": str,
    "session_id": str,
    "conversationId": NotRequired[str],
    "duration": int,
    "duplicate": NotRequired[bool],
    "sources": NotRequired[list[SourceForm]],
}


class DeltaForm(TypedDict):
    """The data of an event `delta`; that of `done` is the JSON reply, that of `error` is an error."""

    text: str
    restart: NotRequired[bool]


# The answer as events, for a client that accepts them.
EVENTS = Media("text/event-stream", DeltaForm)


@dataclass(frozen=True, slots=True)
class Delta:
    """A piece of an answer. If `is_anew`, it replaces all pieces before it."""

    text: str
    is_anew: bool


class DeltaBuffer:
    """Queue of an answer's pieces. Waiting pieces are joined into one."""

    def __init__(self, max_chars: int = _MAX_CHARS) -> None:
        self._max_chars = max_chars
        self._waiting: list[Delta] = []
        self._has_news = asyncio.Event()
        self._is_overrun = False
        self.is_ended = False

    def add(self, text: str, is_anew: bool) -> None:  # noqa: FBT001 (a session calls it by position)
        """Add a piece."""
        if is_anew:
            self._waiting.clear()
        elif self._waiting:
            last = self._waiting.pop()
            text, is_anew = last.text + text, last.is_anew
        self._is_overrun = self._is_overrun or len(text) > self._max_chars
        if not self._is_overrun:
            self._waiting.append(Delta(text, is_anew))
            self._has_news.set()

    def end(self) -> None:
        """End the pieces."""
        self.is_ended = True
        self._has_news.set()

    async def wait(self) -> None:
        """Wait for a piece or the end."""
        await self._has_news.wait()

    def take(self) -> list[Delta]:
        """Remove and return the waiting pieces."""
        waiting, self._waiting = self._waiting, []
        if not self.is_ended:
            self._has_news.clear()
        return waiting


def answer_form(
    answered: ChatAnswered, *, label: str, seconds: float, sources: Sequence[RecalledText] = ()
) -> dict[str, Any]:
    """Return an answer as JSON, with the person's own texts that were in its prompt."""
    form: dict[str, Any] = {"response": answered.text, "session_id": label}
    if answered.conversation_id:
        form["conversationId"] = answered.conversation_id
    form["duration"] = round(seconds * 1e3)
    if answered.is_duplicate:
        form["duplicate"] = True
    if sources:
        form["sources"] = sources_form(sources)
    return form


def failure_problem(answered: ChatAnswered) -> Problem:
    """Return the error reply for a failed question, with the text that a wearer would get."""
    return Problem(502, "no_answer", answered.text, "Ask again; the question counts as new.")


def delta_event(delta: Delta) -> bytes:
    """Return the event of a piece. The event `restart` means: discard all pieces before it."""
    return event("delta", msgspec.json.encode({"text": delta.text} | ({"restart": True} if delta.is_anew else {})))


def event(name: str, data: bytes) -> bytes:
    """Return one event; `data` is a line of JSON."""
    return b"event: " + name.encode() + b"\ndata: " + data + b"\n\n"


Ask = Callable[[OnDelta], Awaitable[ChatAnswered]]
# Makes the form of the last event.
Form = Callable[[ChatAnswered, Sequence[RecalledText]], dict[str, Any]]


def wants_stream(handler: BaseHandler) -> bool:
    """Return True if the client asks for an event stream."""
    return "text/event-stream" in handler.request.headers.get("Accept", "")


class EventStream:
    """One event stream. The headers are sent at once; later failures are sent as events."""

    def __init__(self, handler: StreamedHandler) -> None:
        self._handler = handler
        self._heartbeat_s = handler.site.times.heartbeat_s

    async def run(self, ask: Ask, form: Form) -> None:
        """Ask, forward the pieces, end the stream. If the client reads nothing until the deadline, disconnect it."""
        handler, deltas = self._handler, DeltaBuffer()
        set_stream_headers(handler)
        handler.flush()
        asking = asyncio.ensure_future(ask(deltas.add))
        asking.add_done_callback(lambda _: deltas.end())
        try:
            async with asyncio.timeout(handler.site.times.chat_s * 2):
                await self._pump(deltas)
        except (StreamClosedError, TimeoutError):
            handler.close()
        await self._end(asking, form)

    async def _pump(self, deltas: DeltaBuffer) -> None:
        while not deltas.is_ended:
            try:
                async with asyncio.timeout(self._heartbeat_s):
                    await deltas.wait()
            except TimeoutError:
                await self._write(HEARTBEAT)
            for delta in deltas.take():
                await self._write(delta_event(delta))

    async def _write(self, data: bytes) -> None:
        self._handler.write(data)
        await self._handler.flush()

    async def _end(self, asking: Awaitable[ChatAnswered], form: Form) -> None:
        handler = self._handler
        try:
            answered = await asking
        except ExpectedError as error:
            self._finish("error", handler.problem_json(api_problem(error)))
            return
        if answered.is_failure:
            self._finish("error", handler.problem_json(failure_problem(answered)))
        else:
            self._finish("done", msgspec.json.encode(form(answered, await handler.load_sources(answered))))
        await handler.report(answered)

    def _finish(self, name: str, data: bytes) -> None:
        self._handler.finish(event(name, data))


class ChatHandler(AskingHandler):
    """One question of an owner of chats."""

    route = "/chat"
    access = Access.CHATTER
    is_slow_by_nature = True
    limit_kind = "chat"
    # Its deadline is CHAT_REPLY_DEADLINE_MS.
    has_own_deadline = True

    @declare((Fields(_FORM), EVENTS), query=(_KEY,), body=_BODY, style="open", errors=(409, 422, 502))
    async def post(self) -> None:
        """Reply with the answer; 502 with a text if it failed, 504 if it is late."""
        owner = self.find_owner()
        body = await self._read_body()
        question = self._build_question(owner.session_key(body.label), body)
        if wants_stream(self):
            await EventStream(self).run(
                lambda on_delta: self.ask(replace(question, on_delta=on_delta)),
                partial(self._form, body.label),
            )
            return
        try:
            answered = await self.ask(question)
        except ExpectedError:
            if not self.is_gone:
                raise
            self.finish()
            return
        if answered.is_failure:
            self.send_problem(failure_problem(answered))
        else:
            self.send_json(self._form(body.label, answered, await self.load_sources(answered)))
        await self.report(answered)

    def _form(self, label: str, answered: ChatAnswered, sources: Sequence[RecalledText]) -> dict[str, Any]:
        return answer_form(answered, label=label, seconds=self.seconds, sources=sources)

    async def load_sources(self, answered: ChatAnswered) -> Sequence[RecalledText]:
        """Load the sources; a session that belongs to no account has none."""
        if self._question is None or self._question.session_key.startswith(_WITHOUT_PERSON):
            return ()
        return await super().load_sources(answered)

    async def _read_body(self) -> ChatBody:
        read = partial(read_chat, self.request.body, max_chars=self.site.max_message_chars)
        if len(self.request.body) <= LARGE_BODY_BYTES:
            return read()
        return await self.site.readers.read(len(self.request.body), read)

    def _build_question(self, session_key: str, body: ChatBody) -> AskQuestion:
        given = _KEY.find(self)
        return AskQuestion(
            session_key=session_key,
            asker_id=new_id(),
            key=f"given:{short_key(given)}" if given else f"made:{new_id()}",
            text=body.message,
            context=body.context,
            may_be_known=bool(given),
        )
