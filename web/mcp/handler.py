"""The address `/mcp`: one message in, one JSON reply out. A notification is answered with 202.

Not here: reading a message (protocol.py), the tools (tools.py). Threads: the event loop.
"""

import re
from typing import Any

import msgspec

from omi_actors import __version__
from omi_actors.domain.people.memories import MAX_CHARS
from omi_actors.errors import TooLargeError
from omi_actors.instruments.requests import REQUESTS
from omi_actors.kit.errors import ExpectedError
from web.declare import declare
from web.mcp.protocol import (
    CALL,
    INITIALIZE,
    INVALID_PARAMS,
    LEGACY,
    MODERN,
    NO_METHOD,
    REVISIONS,
    Call,
    Named,
    RpcError,
    RpcMessage,
    RpcRefusal,
    RpcReply,
    read_call,
)
from web.mcp.tools import TOOLS, Tool, ToolHandler
from web.parameters import Header
from web.problems import api_problem

# Bytes of a body around its longest text, each character of which may be two escapes: clients send icons of themselves.
_FRAME_BYTES, _CHAR_BYTES = 65_536, 12
# Milliseconds for which a client may keep the list of tools: it changes with the server's version alone.
_FRESH_MS = 300_000
_SERVER = {"name": "omi-actors", "title": "Omi Actors", "version": __version__}
_ABILITIES: dict[str, Any] = {"tools": {}}
_INSTRUCTIONS = (
    "The person's own Omi: a wearable that hears their conversations, with an assistant that remembers them. Use recall"
    " to look something up, ask for an answer of the assistant, remember only what the person wants kept."
)
_TOOL_FORMS = [tool.form() for tool in TOOLS.values()]
# Which of them are needed depends on the message.
_HEADERS = (
    Header("MCP-Protocol-Version", "The revision; all messages but `initialize` need it.", example=MODERN),
    Header("Mcp-Method", "The body's method, needed by 2026-07-28.", example="tools/call"),
    Header("Mcp-Name", "The tool of `tools/call`, needed by 2026-07-28.", example="recall"),
)
_EXAMPLE = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": CALL,
    "params": {
        "name": "recall",
        "arguments": {"question": "What did I promise Carmen?"},
        "_meta": {
            "io.modelcontextprotocol/protocolVersion": MODERN,
            "io.modelcontextprotocol/clientCapabilities": {},
        },
    },
}
# Characters that no store can hold; JSON allows no half of a surrogate pair here.
_NO_TEXT = re.compile("\0")


class McpHandler(ToolHandler):
    """One message of a chat program, an editor or an agent of the person's."""

    route = "/mcp"
    is_slow_by_nature = True
    # A question's deadline is CHAT_REPLY_DEADLINE_MS; all else has those of the store.
    has_own_deadline = True

    @declare(
        {200: RpcReply, 202: None, 400: RpcRefusal, 404: RpcRefusal}, query=_HEADERS, body=RpcMessage, example=_EXAMPLE
    )
    async def post(self) -> None:
        """Answer one message of the Model Context Protocol: JSON, or 202 for a notification.

        Revision 2026-07-28, and `initialize` of 2025-11-25 and 2025-06-18. Methods: `server/discover`, `tools/list`,
        `tools/call`.
        """
        call: Call | None = None
        named = Named(*(one.find(self) for one in _HEADERS))
        try:
            call = read_call(self._bounded_body(), named)
            if call is None or call.rpc_id is None:
                self.set_status(202)
                self.clear_header("Content-Type")
                self.finish()
                return
            self.cancels_when_left = call.is_modern
            result = await self._answer(call)
        except RpcError as error:
            self._refuse(error, call)
            return
        if call.is_modern:
            result |= {"resultType": "complete", "_meta": {"io.modelcontextprotocol/serverInfo": _SERVER}}
        self.send_json({"jsonrpc": "2.0", "id": call.rpc_id, "result": result})

    def _bounded_body(self) -> bytes:
        """Return the body.

        Raises:
            TooLargeError: it is longer than any message of use.
        """
        most = _FRAME_BYTES + _CHAR_BYTES * max(MAX_CHARS, self.site.max_message_chars)
        if len(self.request.body) > most:
            raise TooLargeError(f"The body has more than {most} bytes.")
        return self.request.body

    def _refuse(self, error: RpcError, call: Call | None) -> None:
        if call is not None:
            error.rpc_id = call.rpc_id
        # The older revisions leave the statuses of errors to the transport.
        is_read = call is not None and not call.is_modern
        self.send_json(error.form(), 200 if is_read else error.status)

    async def _answer(self, call: Call) -> dict[str, Any]:
        """Return the result of a request.

        Raises:
            RpcError: the protocol has no such method at this revision, or its parameters are wrong.
        """
        match call.method:
            case "tools/list":
                return self._list_tools(call)
            case method if method == CALL:
                return await self._call_tool(call)
            case "server/discover" if call.is_modern:
                return {"supportedVersions": list(REVISIONS), **_introduction(), **_cacheable()}
            case method if method == INITIALIZE and not call.is_modern:
                return _initialized(call.params)
            case "ping" if not call.is_modern:
                return {}
            case _:
                raise RpcError(NO_METHOD, "This server has no such method.")

    def _list_tools(self, call: Call) -> dict[str, Any]:
        if "cursor" in call.params:
            raise RpcError(INVALID_PARAMS, "The list of tools has one page: leave `cursor` out.")
        return {"tools": _TOOL_FORMS} | (_cacheable() if call.is_modern else {})

    async def _call_tool(self, call: Call) -> dict[str, Any]:
        name, given = call.params.get("name"), call.params.get("arguments") or {}
        tool = TOOLS.get(name) if isinstance(name, str) else None
        if tool is None:
            raise RpcError(INVALID_PARAMS, "This server has no such tool; tools/list names them.")
        if not isinstance(given, dict):
            raise RpcError(INVALID_PARAMS, "`arguments` must be an object.")
        REQUESTS.note(tool.name)
        try:
            made = msgspec.to_builtins(await tool.run(self, _read_given(tool, given)))
        except msgspec.ValidationError as error:
            return _failed(f"{error}. The tool's inputSchema says what it takes.")
        except ExpectedError as error:
            problem = api_problem(error)
            if not self.is_gone:
                self._count_error(error, problem)
            return _failed(f"{problem.error} {problem.hint}")
        return {"content": _text(msgspec.json.encode(made).decode()), "structuredContent": made, "isError": False}


def _read_given(tool: Tool, given: dict[str, Any]) -> Any:
    """Return a tool's arguments.

    Raises:
        ValidationError: they do not fit.
    """
    for name, value in given.items():
        if isinstance(value, str) and _NO_TEXT.search(value):
            raise msgspec.ValidationError(f"A NUL is no text - at `$.{name}`")
    return msgspec.convert(given, tool.given)


def _text(text: str) -> list[dict[str, str]]:
    return [{"type": "text", "text": text}]


def _failed(sentence: str) -> dict[str, Any]:
    """Return the result of a tool that could not do its work: a model reads the sentence, and can do better."""
    return {"content": _text(sentence), "isError": True}


def _introduction() -> dict[str, Any]:
    return {"capabilities": _ABILITIES, "instructions": _INSTRUCTIONS}


def _cacheable() -> dict[str, Any]:
    return {"ttlMs": _FRESH_MS, "cacheScope": "private"}


def _initialized(params: dict[str, Any]) -> dict[str, Any]:
    """Return the reply to `initialize`: the client's revision if it is one of ours that begins so, else our newest."""
    asked = params.get("protocolVersion")
    if not isinstance(asked, str):
        raise RpcError(INVALID_PARAMS, "`params.protocolVersion` must be a string.")
    return {"protocolVersion": asked if asked in LEGACY else LEGACY[0], "serverInfo": _SERVER, **_introduction()}


ROUTES = ((r"/mcp/?", McpHandler),)
