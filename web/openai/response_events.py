"""A response in OpenAI's form: whole, and as the events of a stream.

Not here: its request (responses_body.py), the stream itself (streaming.py). Threads: the event loop.
Source: OpenAI's API reference of Responses and of their streaming events.
"""

from typing import Any

import msgspec

from omi_actors.clients.model import ModelAnswer
from web.openai.streaming import event


class ResponseForm:
    """The form of one response. Its items have ids that are made of its own."""

    def __init__(self, response_id: str, model: str, created_s: float, echo: dict[str, Any]) -> None:
        self._id = response_id
        self._key = response_id.removeprefix("resp_")
        self._common = {"id": response_id, "object": "response", "created_at": int(created_s), "model": model, **echo}

    def under_way(self) -> dict[str, Any]:
        """Return the response while the model works."""
        return self._build("in_progress", [], None)

    def whole(self, answer: ModelAnswer) -> dict[str, Any]:
        """Return the whole response."""
        status = "incomplete" if answer.is_cut else "completed"
        return self._build(status, self.items(answer), _usage_form(answer))

    def failed(self, error: dict[str, Any]) -> dict[str, Any]:
        """Return the response that failed with an error of OpenAI's form."""
        told = {"code": error.get("code") or "server_error", "message": error.get("message", "")}
        return {**self._build("failed", [], None), "error": told}

    def items(self, answer: ModelAnswer) -> list[dict[str, Any]]:
        """Return the output: the message, if there is a text, and the calls of tools."""
        message = [self.message(answer.text, is_cut=answer.is_cut)] if answer.text else []
        return [*message, *(self.call(at, call) for at, call in enumerate(answer.calls))]

    def message(self, text: str | None, *, is_cut: bool = False) -> dict[str, Any]:
        """Return the message; without a text it is under way."""
        status = "in_progress" if text is None else "incomplete" if is_cut else "completed"
        content = [] if text is None else [text_part(text)]
        return {
            "id": f"msg_{self._key}",
            "type": "message",
            "status": status,
            "role": "assistant",
            "content": content,
        }

    def call(self, at: int, call: Any, *, is_whole: bool = True) -> dict[str, Any]:
        """Return a call of a tool; before it is whole it has no arguments."""
        function = call["function"]
        return {
            "id": f"fc_{self._key}_{at}",
            "type": "function_call",
            "status": "completed" if is_whole else "in_progress",
            "call_id": call["id"],
            "name": function["name"],
            "arguments": function["arguments"] if is_whole else "",
        }

    def _build(self, status: str, output: list[dict[str, Any]], usage: dict[str, Any] | None) -> dict[str, Any]:
        is_cut = status == "incomplete"
        return {
            **self._common,
            "status": status,
            "error": None,
            "incomplete_details": {"reason": "max_output_tokens"} if is_cut else None,
            "output": output,
            "usage": usage,
        }


class ResponseEvents:
    """The events of one response, numbered in their order."""

    def __init__(self, form: ResponseForm) -> None:
        self._form = form
        self._number = -1
        self._text: list[str] = []

    def begin(self) -> bytes:
        """Return the events before the first piece."""
        response = self._form.under_way()
        return self._event("response.created", response=response) + self._event(
            "response.in_progress", response=response
        )

    def piece(self, text: str) -> bytes:
        """Return the event of a piece; before the first one also those that begin the message."""
        opening = b"" if self._text else self._open_message()
        self._text.append(text)
        return opening + self._event("response.output_text.delta", **self._at_text(), delta=text, logprobs=[])

    def end(self, answer: ModelAnswer) -> bytes:
        """Return the events that end the message, those of the calls of tools, and the end."""
        first = 1 if answer.text else 0
        calls = (self._call(first + at, at, call) for at, call in enumerate(answer.calls))
        closing = self._close_message(answer) if answer.text else b""
        kind = "response.incomplete" if answer.is_cut else "response.completed"
        return b"".join((closing, *calls, self._event(kind, response=self._form.whole(answer))))

    def fail(self, error: bytes) -> bytes:
        """Return the event of a failure."""
        return self._event("response.failed", response=self._form.failed(msgspec.json.decode(error)["error"]))

    def _open_message(self) -> bytes:
        item, part = self._form.message(None), text_part("")
        return self._event("response.output_item.added", output_index=0, item=item) + self._event(
            "response.content_part.added", **self._at_text(), part=part
        )

    def _close_message(self, answer: ModelAnswer) -> bytes:
        item, text = self._form.message(answer.text, is_cut=answer.is_cut), answer.text
        return b"".join(
            (
                self._event("response.output_text.done", **self._at_text(), text=text, logprobs=[]),
                self._event("response.content_part.done", **self._at_text(), part=text_part(text)),
                self._event("response.output_item.done", output_index=0, item=item),
            )
        )

    def _call(self, index: int, at: int, call: Any) -> bytes:
        item = self._form.call(at, call)
        place = {"output_index": index, "item_id": item["id"]}
        arguments, kind = item["arguments"], "response.function_call_arguments"
        opened = self._form.call(at, call, is_whole=False)
        return b"".join(
            (
                self._event("response.output_item.added", output_index=index, item=opened),
                self._event(f"{kind}.delta", **place, delta=arguments),
                self._event(f"{kind}.done", **place, name=item["name"], arguments=arguments),
                self._event("response.output_item.done", output_index=index, item=item),
            )
        )

    def _at_text(self) -> dict[str, Any]:
        return {"item_id": self._form.message(None)["id"], "output_index": 0, "content_index": 0}

    def _event(self, kind: str, **fields: Any) -> bytes:
        self._number += 1
        return event(msgspec.json.encode({"type": kind, "sequence_number": self._number, **fields}), kind)


def text_part(text: str) -> dict[str, Any]:
    """Return a text as a part of a message."""
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


def _usage_form(answer: ModelAnswer) -> dict[str, Any]:
    """Return the tokens as the model's server has counted them, else an estimate."""
    question, told = answer.counts
    return {
        "input_tokens": question,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": told,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": question + told,
    }
