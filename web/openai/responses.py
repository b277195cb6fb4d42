"""`/v1/responses`: an answer as a response that is kept and can be gone on from; show and delete one.

Not here: the request (responses_body.py), its events (response_events.py), rows (omi_actors/store/people/
completions.py). Threads: the event loop; bodies over 8 kB are read in a thread.
Source: OpenAI's API reference of Responses.
"""

from functools import partial
from typing import Any

import msgspec

from omi_actors.clients.model import ModelAnswer
from omi_actors.domain.answers.completions import Completion, Keeping
from omi_actors.domain.answers.prompt import PromptMessage
from omi_actors.errors import NotFoundError
from omi_actors.ids import new_id
from omi_actors.store.people import completions
from omi_actors.store.people.completions import KeptResponse
from web.declare import Media, declare
from web.edge.limits import LARGE_BODY_BYTES
from web.openai.base import CompletionHandler, OpenAIHandler, ParameterError, find_space, model_name
from web.openai.forms import ERRORS, ResponseDeleted, ResponseEvent, ResponseObject
from web.openai.response_events import ResponseEvents, ResponseForm
from web.openai.responses_body import Request, ResponseBody, read_response_request
from web.openai.streaming import CompletionStream

_PREFIX = "resp_"
# Responses that one goes on from: more than a prompt holds.
_CHAIN = 100
# Bytes of what is kept of one response: more than a conversation of text that fits into a prompt.
_MAX_RECORD_BYTES = 1_000_000


class Record(msgspec.Struct):
    """The part of a response that is kept as JSON."""

    model: str
    echo: dict[str, Any]
    messages: list[PromptMessage]
    answer: ModelAnswer

    @property
    def turns(self) -> list[PromptMessage]:
        """Return its messages, and its answer as one."""
        calls: dict[str, Any] = {"tool_calls": list(self.answer.calls)} if self.answer.calls else {}
        if calls and not self.answer.text:
            calls["content"] = None
        turns = [one for one in self.messages if one.role != "system"]
        return [*turns, PromptMessage("assistant", self.answer.text, calls or None)]


class ResponsesHandler(CompletionHandler):
    """One response."""

    route = "/v1/responses"

    @declare(
        {200: (ResponseObject, Media("text/event-stream", ResponseEvent)), **ERRORS},
        body=ResponseBody,
        example={"model": "omi", "input": "What is due today?"},
    )
    async def post(self) -> None:
        """Reply with the response, or with its events. It is kept unless `store` is false."""
        size, read = len(self.request.body), partial(read_response_request, self.request.body)
        request = read() if size <= LARGE_BODY_BYTES else await self.site.readers.read(size, read)
        message_id, space = new_id(), find_space(request.body.model)
        asked = await self._build(request, message_id, space)
        form = ResponseForm(f"{_PREFIX}{message_id}", model_name(space), self.now_s, request.echo)
        if request.body.stream:
            await CompletionStream(self, ResponseEvents(form)).run(asked)
            return
        self.send_json(form.whole(await self.complete(asked)))

    async def _build(self, request: Request, message_id: str, space: str) -> Completion:
        body, messages = request.body, request.messages
        chain = await self._load_chain(body.previous_response_id)
        earlier = [turn for one in chain for turn in read_record(one).turns]
        theirs = [PromptMessage("system", body.instructions)] if body.instructions else []
        keeping = None
        if body.store is not False:
            keeping = Keeping(
                message_id=message_id,
                conversation_id=chain[-1].conversation_id if chain else "",
                previous_id=chain[-1].message_id if chain else "",
                record={"model": model_name(space), "echo": request.echo, "messages": messages},
            )
            if len(msgspec.json.encode(keeping.record)) > _MAX_RECORD_BYTES:
                raise ParameterError(
                    f"The request has more than {_MAX_RECORD_BYTES} bytes to keep. Send `store: false`.", param="input"
                )
        return Completion(
            space=space,
            messages=(*theirs, *earlier, *messages),
            options=request.options,
            max_tokens=body.max_output_tokens,
            keeping=keeping,
        )

    async def _load_chain(self, response_id: str | None) -> tuple[KeptResponse, ...]:
        if response_id is None:
            return ()
        chain = await load_responses(self, response_id, limit=_CHAIN)
        if not chain:
            raise ParameterError(
                f"Previous response with id '{response_id[:64]}' not found.",
                param="previous_response_id",
                code="previous_response_not_found",
            )
        return chain


class ResponseHandler(OpenAIHandler):
    """A kept response."""

    route = "/v1/responses/:id"

    @declare({200: ResponseObject, **ERRORS})
    async def get(self, response_id: str) -> None:
        """Answer with the response as it was first sent."""
        kept = await load_responses(self, response_id, limit=1)
        if not kept:
            raise _no_response(response_id)
        record = read_record(kept[0])
        form = ResponseForm(response_id, record.model, kept[0].created_at, record.echo)
        self.send_json(form.whole(record.answer))

    @declare({200: ResponseDeleted, **ERRORS})
    async def delete(self, response_id: str) -> None:
        """Delete it, with its question and answer in the person's conversation."""
        message_id = _message_id(response_id)
        is_known = message_id is not None and await self.store.write(
            completions.erase_response, self.me.account_id, message_id
        )
        if not is_known:
            raise _no_response(response_id)
        self.site.system.words_deleted()
        self.send_json({"id": response_id, "object": "response", "deleted": True})


async def load_responses(handler: OpenAIHandler, response_id: str, *, limit: int) -> tuple[KeptResponse, ...]:
    """Load a response of the person, and those it goes on from; none if it is not there."""
    message_id = _message_id(response_id)
    if message_id is None:
        return ()
    return await handler.store.read(completions.load_responses, handler.me.account_id, message_id, limit=limit)


def _message_id(response_id: str) -> str | None:
    """Return the id of a response's answer; None for a text that names no response, or that no store can look up."""
    is_named = response_id.startswith(_PREFIX) and "\0" not in response_id
    return response_id.removeprefix(_PREFIX) if is_named else None


def read_record(kept: KeptResponse) -> Record:
    """Return what is kept of a response."""
    return msgspec.json.decode(kept.body, type=Record)


def _no_response(response_id: str) -> NotFoundError:
    return NotFoundError(f"Response with id '{response_id[:64]}' not found.")
