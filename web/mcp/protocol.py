"""One message of the Model Context Protocol: its JSON-RPC, its revision, errors and their HTTP statuses.

A request of 2026-07-28 says its revision and capabilities itself, and headers repeat its method and tool. Clients of
2025-11-25 and 2025-06-18 say `initialize` first, and name the revision in a header afterwards.
Not here: tools (tools.py), replies (handler.py). Threads: any; pure.
Source: modelcontextprotocol.io/specification/2026-07-28, pages basic, basic/versioning, basic/transports.
"""

import base64
import binascii
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import msgspec
from tornado.httputil import HTTPHeaders

from web.requests import header

MODERN = "2026-07-28"
# Newest first.
LEGACY = ("2025-11-25", "2025-06-18")
REVISIONS = (MODERN, *LEGACY)

PARSE_ERROR, INVALID_REQUEST, NO_METHOD, INVALID_PARAMS = -32700, -32600, -32601, -32602
HEADER_MISMATCH, UNSUPPORTED_REVISION = -32020, -32022
_NOT_FOUND, _BAD_REQUEST, _OK = 404, 400, 200

INITIALIZE, CALL = "initialize", "tools/call"
_META = "io.modelcontextprotocol/"
_REVISION_HEADER = "MCP-Protocol-Version"
# A header that holds what no header may hold.
_ENCODED, _END = "=?base64?", "?="
# Characters of a client's revision that an error repeats.
_SHOWN_CHARS = 40

RpcId = Annotated[int, msgspec.Meta(ge=-(2**53), le=2**53)] | str


class RpcError(Exception):
    """Error of the protocol. The text says what the client did wrong."""

    def __init__(self, code: int, text: str, data: dict[str, Any] | None = None) -> None:
        super().__init__(text)
        self.code = code
        self.data = data
        # Of the request, once it is read.
        self.rpc_id: RpcId | None = None
        # 2025-11-25 and before take an error's status for the transport's own.
        self.status = _NOT_FOUND if code == NO_METHOD else _BAD_REQUEST

    def form(self) -> dict[str, Any]:
        """Return the reply. Its id is null if the request's could not be read."""
        error = {"code": self.code, "message": str(self)} | ({"data": self.data} if self.data else {})
        return {"jsonrpc": "2.0", "id": self.rpc_id, "error": error}


class _Message(msgspec.Struct, frozen=True):
    jsonrpc: Literal["2.0"]
    id: RpcId | msgspec.UnsetType = msgspec.UNSET
    method: str | msgspec.UnsetType = msgspec.UNSET
    params: dict[str, Any] = {}
    result: Any = msgspec.UNSET
    error: Any = msgspec.UNSET


@dataclass(frozen=True, slots=True)
class Call:
    """A request, or a notification if it has no id. `revision` is the one by which it is answered."""

    method: str
    params: dict[str, Any]
    rpc_id: RpcId | None
    revision: str

    @property
    def is_modern(self) -> bool:
        """Return True if the request speaks 2026-07-28."""
        return self.revision == MODERN


def read_call(body: bytes, headers: HTTPHeaders) -> Call | None:
    """Return the message of a body; None: it is a client's response, which needs no reply.

    Raises:
        RpcError: it is none, or not of this protocol.
    """
    value = _decode(body)
    try:
        message = _read_message(value)
        if message.method is msgspec.UNSET:
            _check_response(message, headers)
            return None
        is_request = message.id is not msgspec.UNSET
        revision = _find_revision(message.method, message.params, headers, is_request=is_request)
    except RpcError as error:
        error.rpc_id = _id_of(value)
        raise
    return Call(message.method, message.params, None if message.id is msgspec.UNSET else message.id, revision)


def _decode(body: bytes) -> Any:
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise RpcError(PARSE_ERROR, "The body is not JSON.") from None  # the original may hold the text


def _read_message(value: Any) -> _Message:
    if isinstance(value, list):
        raise RpcError(INVALID_REQUEST, "Batches are not supported: send each message as a request of its own.")
    if isinstance(value, dict) and not isinstance(value.get("params", {}), dict):
        raise RpcError(INVALID_PARAMS, "`params` must be an object.")
    try:
        return msgspec.convert(value, _Message)
    except msgspec.ValidationError as error:
        raise RpcError(INVALID_REQUEST, f"This is no JSON-RPC message: {error}.") from None


def _id_of(value: Any) -> RpcId | None:
    try:
        found: RpcId = msgspec.convert(value["id"], RpcId)
    except (TypeError, KeyError, msgspec.ValidationError):
        return None
    return found


def _check_response(message: _Message, headers: HTTPHeaders) -> None:
    """Accept a client's response, which only the older revisions know. This server asks clients nothing."""
    is_response = message.result is not msgspec.UNSET or message.error is not msgspec.UNSET
    if not is_response or header(headers, _REVISION_HEADER) not in LEGACY:
        raise RpcError(INVALID_REQUEST, "The message has no `method`.")


def _find_revision(method: str, params: dict[str, Any], headers: HTTPHeaders, *, is_request: bool) -> str:
    """Return the revision that a message speaks.

    Raises:
        RpcError: it is none of ours, or the headers say something else than the body.
    """
    named = header(headers, _REVISION_HEADER)
    meta = params.get("_meta")
    stated = meta.get(f"{_META}protocolVersion") if isinstance(meta, dict) else None
    if stated is None and method == INITIALIZE:
        return LEGACY[0]
    if named is None or named != (stated or named):
        raise RpcError(
            HEADER_MISMATCH, f"The header {_REVISION_HEADER} is missing, or is not what `_meta` says; name {MODERN}."
        )
    if named not in REVISIONS:
        raise RpcError(
            UNSUPPORTED_REVISION,
            "Unsupported protocol version",
            {"supported": list(REVISIONS), "requested": named[:_SHOWN_CHARS]},
        )
    if named == MODERN and is_request:
        _check_modern(method, params, meta, headers)
    return named


def _check_modern(method: str, params: dict[str, Any], meta: Any, headers: HTTPHeaders) -> None:
    for name in ("protocolVersion", "clientCapabilities"):
        if not isinstance(meta, dict) or f"{_META}{name}" not in meta:
            raise RpcError(INVALID_PARAMS, f"`params._meta` must have `{_META}{name}`.")
    if header(headers, "Mcp-Method") != method:
        raise RpcError(HEADER_MISMATCH, "The header Mcp-Method must be the body's method.")
    if method == CALL and _plain(header(headers, "Mcp-Name")) != params.get("name"):
        raise RpcError(HEADER_MISMATCH, "The header Mcp-Name must be the name of the tool.")


def _plain(value: str | None) -> str | None:
    """Return a header's value; None if it is encoded wrongly."""
    if value is None or not (value.startswith(_ENCODED) and value.endswith(_END)):
        return value
    try:
        return base64.b64decode(value[len(_ENCODED) : -len(_END)], validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None
