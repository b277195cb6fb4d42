"""Calls of tools in a model's answer, put together from the pieces of a stream.

Not here: their meaning, which is the program's that gave the tools; the rest of an answer (completion_stream.py).
Threads: none, pure. Source: OpenAI's Chat Completions API.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from omi_actors.ids import new_id


@dataclass(slots=True)
class _Call:
    call_id: str = ""
    name: str = ""
    arguments: str = ""


class ToolCalls:
    """The calls of one answer, in their order. Servers number the pieces, or send whole calls without a number.

    Example:
        calls = ToolCalls()
        calls.take([{"index": 0, "id": "c1", "function": {"name": "light", "arguments": ""}}])
        calls.take([{"index": 0, "function": {"arguments": "{}"}}])
        calls.form()  # [{"id": "c1", "type": "function", "function": {"name": "light", "arguments": "{}"}}]
    """

    def __init__(self) -> None:
        self._calls: dict[object, _Call] = {}

    def __bool__(self) -> bool:
        return bool(self._calls)

    def take(self, pieces: Iterable[Mapping[str, Any]]) -> None:
        """Add the pieces of one chunk."""
        for piece in pieces:
            function = piece.get("function")
            if isinstance(function, Mapping):
                self._add(self._place_of(piece), piece.get("id"), function)

    def form(self) -> list[dict[str, Any]]:
        """Return the calls as OpenAI sends them whole. A call without an id gets one, since its result must name it."""
        return [
            {"id": call.call_id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
            for call in self._calls.values()
        ]

    def _place_of(self, piece: Mapping[str, Any]) -> object:
        index, call_id = piece.get("index"), piece.get("id")
        if index is not None:
            return index
        return call_id or len(self._calls)

    def _add(self, place: object, call_id: object, function: Mapping[str, Any]) -> None:
        call = self._calls.setdefault(place, _Call(str(call_id or f"call_{new_id()}")))
        call.name = call.name or str(function.get("name") or "")
        arguments = function.get("arguments")
        # Some servers send the arguments as an object.
        call.arguments += arguments if isinstance(arguments, str) else _as_json(arguments)


def _as_json(arguments: object) -> str:
    return "" if arguments is None else msgspec.json.encode(arguments).decode()
