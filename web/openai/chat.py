"""`POST /v1/chat/completions`: a program's conversation goes on, whole or as chunks.

Not here: the request (chat_body.py), the stream (streaming.py). Threads: the event loop; bodies over 8 kB are read in a
thread. Source: OpenAI's API reference of Chat Completions.
"""

from dataclasses import replace
from functools import partial
from typing import Any

import msgspec

from omi_actors.clients.model import ModelAnswer
from omi_actors.domain.answers.completions import Keeping
from omi_actors.ids import new_id
from web.declare import Media, declare
from web.edge.limits import LARGE_BODY_BYTES
from web.openai.base import CompletionHandler, model_name, usage_form
from web.openai.chat_body import ChatBody, read_chat
from web.openai.forms import ERRORS, ChatCompletion, ChatCompletionChunk
from web.openai.streaming import CompletionStream, event


class ChatCompletionsHandler(CompletionHandler):
    """One completion. A client that leaves stops the model."""

    route = "/v1/chat/completions"

    @declare(
        {200: (ChatCompletion, Media("text/event-stream", ChatCompletionChunk)), **ERRORS},
        body=ChatBody,
        example={"model": "omi", "messages": [{"role": "user", "content": "What is due today?"}]},
    )
    async def post(self) -> None:
        """Reply with the completion, or with its chunks."""
        size, read = len(self.request.body), partial(read_chat, self.request.body)
        body, asked = read() if size <= LARGE_BODY_BYTES else await self.site.readers.read(size, read)
        completion_id = new_id()
        if body.store:
            asked = replace(asked, keeping=Keeping(message_id=completion_id))
        frame = Frame(f"chatcmpl-{completion_id}", model_name(asked.space), int(self.now_s))
        if body.stream:
            await CompletionStream(self, Chunks(frame, body)).run(asked)
            return
        self.send_json(frame.whole(await self.complete(asked)))


class Frame:
    """Common fields of all objects of one completion."""

    def __init__(self, completion_id: str, model: str, created_s: int) -> None:
        self._common = {"id": completion_id, "created": created_s, "model": model}

    def whole(self, answer: ModelAnswer) -> dict[str, Any]:
        """Return the whole completion."""
        message: dict[str, Any] = {"role": "assistant", "content": answer.text or None, "refusal": None}
        if answer.calls:
            message["tool_calls"] = list(answer.calls)
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": finish_reason(answer)}
        return {**self._common, "object": "chat.completion", "choices": [choice], "usage": usage_form(answer)}

    def chunk(self, choices: list[dict[str, Any]], **more: Any) -> bytes:
        """Return a chunk as an event."""
        form = {**self._common, "object": "chat.completion.chunk", "choices": choices, **more}
        return event(msgspec.json.encode(form))


class Chunks:
    """The chunks of one completion."""

    def __init__(self, frame: Frame, body: ChatBody) -> None:
        self._frame = frame
        self._includes_usage = body.includes_usage

    def begin(self) -> bytes:
        """Return the chunk with the role."""
        return self._delta({"role": "assistant", "content": "", "refusal": None})

    def piece(self, text: str) -> bytes:
        """Return the chunk of a piece."""
        return self._delta({"content": text})

    def end(self, answer: ModelAnswer) -> bytes:
        """Return the chunks of the calls of tools, of the end, and of the count of tokens if the program wants it."""
        calls = [self._delta({"tool_calls": [{"index": at, **call}]}) for at, call in enumerate(answer.calls)]
        last = [self._frame.chunk([], usage=usage_form(answer))] if self._includes_usage else []
        return b"".join((*calls, self._delta({}, finish_reason(answer)), *last, event(b"[DONE]")))

    def fail(self, error: bytes) -> bytes:
        """Return the error as the last event; there is no `[DONE]`."""
        return event(error)

    def _delta(self, delta: dict[str, Any], reason: str | None = None) -> bytes:
        more = {"usage": None} if self._includes_usage else {}
        return self._frame.chunk([{"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}], **more)


def finish_reason(answer: ModelAnswer) -> str:
    """Return the reason for which the answer ended, in OpenAI's words."""
    return "length" if answer.is_cut else "tool_calls" if answer.calls else "stop"
