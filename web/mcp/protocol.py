"""One message of the Model Context Protocol: its JSON-RPC, its revision, errors and their HTTP statuses.

A request of 2026-07-28 says its revision and capabilities itself, and headers repeat its method and tool. Clients of
2025-11-25 and 2025-06-18 say `initialize` first, and name the revision in a header afterwards.
Not here: tools (tools.py), replies (handler.py). Threads: any; pure.
Source: modelcontextprotocol.io/specification/2026-07-28, pages basic, basic/versioning, basic/transports.
"""

import base64
import binascii
from dataclasses import dataclass
from typing import Annotated, Any, Literal, NamedTuple

import msgspec

MODERN = "2026-07-28"
# Newest first.
LEGACY = ("2025-11-25", "2025-06-18")
REVISIONS = (MODERN, *LEGACY)

PARSE_ERROR, INVALID_REQUEST, NO_METHOD, INVALID_PARAMS = -32700, -32600, -32601, -32602
HEADER_MISMATCH, UNSUPPORTED_REVISION = -32020, -32022
_NOT_FOUND, _BAD_REQUEST, _OK = 404, 400, 200

INITIALIZE, CALL = "initialize", "tools/call"
_META = "io.modelcontextprotocol/"
# A header that holds what no header may hold.
_ENCODED, _END = "=?base64?", "?="
# Characters of a client's revision that an error repeats.
_SHOWN_CHARS = 40

RpcId = Annotated[int, msgspec.Meta(ge=-(2**53), le=2**53)] | str
_Nothing = msgspec.UnsetType


class Named(NamedTuple):
    """Revision, method and tool of a message in its headers; "" is a missing one."""

    revision: str
    method: str
    tool: str


class RpcMessage(msgspec.Struct, frozen=True):
    """A message of JSON-RPC: a request, a notification if it has no `id`, or a response if it has no `method`."""

    jsonrpc: Literal["2.0"]
    id: RpcId | _Nothing = msgspec.UNSET
    method: str | _Nothing = msgspec.UNSET
    params: dict[str, Any] = {}
    result: dict[str, Any] | _Nothing = msgspec.UNSET
    error: dict[str, Any] | _Nothing = msgspec.UNSET


class RpcFault(msgspec.Struct, frozen=True):
    """An error of the protocol."""

    code: int
    message: str
    data: dict[str, Any] | _Nothing = msgspec.UNSET


class RpcReply(msgspec.Struct, frozen=True):
    """A result, or an error. The older revisions get errors of methods and parameters with status 200."""

    jsonrpc: Literal["2.0"]
    id: RpcId
    result: dict[str, Any] | _Nothing = msgspec.UNSET
    error: RpcFault | _Nothing = msgspec.UNSET


class RpcRefusal(msgspec.Struct, frozen=True):
    """An error; the id is null if the request's could not be read."""

    jsonrpc: Literal["2.0"]
    id: RpcId | None
    error: RpcFault


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

    def form(self) -> RpcRefusal:
        """Return the reply."""
        return RpcRefusal("2.0", self.rpc_id, RpcFault(self.code, str(self), self.data or msgspec.UNSET))


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


def read_call(body: bytes, named: Named) -> Call | None:
    """Return the message of a body; None: it is a client's response, which needs no reply.

    Raises:
        RpcError: it is none, or not of this protocol.
    """
    value = _decode(body)
    try:
        message = _read_message(value)
        if message.method is msgspec.UNSET:
            _check_response(message, named)
            return None
        is_request = message.id is not msgspec.UNSET
        revision = _find_revision(message.method, message.params, named, is_request=is_request)
    except RpcError as error:
        error.rpc_id = _id_of(value)
        raise
    return Call(message.method, message.params, None if message.id is msgspec.UNSET else message.id, revision)


def _decode(body: bytes) -> Any:
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise RpcError(PARSE_ERROR, "The body is not JSON.") from None  # the original may hold the text


def _read_message(value: Any) -> RpcMessage:
    if isinstance(value, list):
        raise RpcError(INVALID_REQUEST, "Batches are not supported: send each message as a request of its own.")
    if isinstance(value, dict) and not isinstance(value.get("params", {}), dict):
        raise RpcError(INVALID_PARAMS, "`params` must be an object.")
    try:
        return msgspec.convert(value, RpcMessage)
    except msgspec.ValidationError as error:
        raise RpcError(INVALID_REQUEST, f"This is no JSON-RPC message: {error}.") from None


def _id_of(value: Any) -> RpcId | None:
    try:
        found: RpcId = msgspec.convert(value["id"], RpcId)
    except (TypeError, KeyError, msgspec.ValidationError):
        return None
    return found


def _check_response(message: RpcMessage, named: Named) -> None:
    """Accept a client's response, which only the older revisions know. This server asks clients nothing."""
    is_response = message.result is not msgspec.UNSET or message.error is not msgspec.UNSET
    if not is_response or named.revision not in LEGACY:
        raise RpcError(INVALID_REQUEST, "The message has no `method`.")


def _find_revision(method: str, params: dict[str, Any], named: Named, *, is_request: bool) -> str:
    """Return the revision that a message speaks.

    Raises:
        RpcError: it is none of ours, or the headers say something else than the body.
    """
    meta = params.get("_meta")
    stated = meta.get(f"{_META}protocolVersion") if isinstance(meta, dict) else None
    if stated is None and method == INITIALIZE:
        return LEGACY[0]
    revision = named.revision
    if not revision or revision != (stated or revision):
        raise RpcError(
            HEADER_MISMATCH, f"The header MCP-Protocol-Version is missing, or is not what `_meta` says; name {MODERN}."
        )
    if revision not in REVISIONS:
        raise RpcError(
            UNSUPPORTED_REVISION,
            "Unsupported protocol version",
            {"supported": list(REVISIONS), "requested": revision[:_SHOWN_CHARS]},
        )
    if revision == MODERN and is_request:
        _check_modern(method, params, meta, named)
    return revision


def _check_modern(method: str, params: dict[str, Any], meta: Any, named: Named) -> None:
    for name in ("protocolVersion", "clientCapabilities"):
        if not isinstance(meta, dict) or f"{_META}{name}" not in meta:
            raise RpcError(INVALID_PARAMS, f"`params._meta` must have `{_META}{name}`.")
    if named.method != method:
        raise RpcError(HEADER_MISMATCH, "The header Mcp-Method must be the body's method.")
    if method == CALL and _plain(named.tool) != params.get("name", ""):
        raise RpcError(HEADER_MISMATCH, "The header Mcp-Name must be the name of the tool.")


def _plain(value: str) -> str | None:
    """Return a header's value; None if it is encoded wrongly."""
    if not (value.startswith(_ENCODED) and value.endswith(_END)):
        return value
    try:
        return base64.b64decode(value[len(_ENCODED) : -len(_END)], validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None
