"""JSON read with patience: any encoding that JSON ever had, NaN, lone surrogates, huge numbers.

Not here: what the values mean (payloads.py), the fast path (msgspec, there). Threads: any, pure.
Arrays near the top are read element by element, so that no single call holds the interpreter for long.
"""

import json
import re
from json.decoder import JSONDecodeError, JSONDecoder
from typing import Any

from omi_actors.errors import MalformedJsonError

# A larger body is read in a thread: one of nothing but oddities takes 3 ms a kilobyte.
LARGE_BODY_BYTES = 8 * 1024
_CHARSET = re.compile(r"charset\s*=\s*\"?([A-Za-z0-9_.:-]+)", re.IGNORECASE)
# Arrays down to this depth are walked: the body itself, and the members of the body.
_WALKED_DEPTH = 2
# Python refuses to read integers of more digits, and no field of ours holds one of that size.
_MAX_DIGITS = 400
_BLANKS = re.compile(r"[ \t\n\r]*")


def declared_charset(content_type: str) -> str | None:
    """Return the charset that a Content-Type names, None for none and for UTF-8."""
    match = _CHARSET.search(content_type) if "charset" in content_type.lower() else None
    name = match[1].lower() if match else ""
    return None if name in ("", "utf-8", "utf8") else name


def decode_text(body: bytes, content_type: str = "") -> str:
    """Return a body as text: by its byte order mark or its zeros, else by the declared charset, else UTF-8.

    Bytes that are not valid become U+FFFD, so that the rest is not lost.
    """
    charset: str = json.detect_encoding(body)
    if charset == "utf-8":
        charset = declared_charset(content_type) or charset
    try:
        return body.decode(charset, errors="replace")
    except (LookupError, UnicodeError):  # no such charset, or one that replaces nothing
        return body.decode(errors="replace")


def read_json(text: str) -> Any:
    """Return the value of a JSON text.

    Raises:
        MalformedJsonError: it is not JSON; says line and column.
    """
    try:
        value, end = _read_value(text, _skip(text, 0), depth=0)
        end = _skip(text, end)
    except JSONDecodeError as exc:
        raise _malformed(exc) from None  # the original holds the whole text
    except RecursionError:
        raise MalformedJsonError("The body is not JSON that can be read: it is nested too deeply.") from None
    if end != len(text):
        raise _malformed(JSONDecodeError("Extra data", text, end))
    return value


def _malformed(exc: JSONDecodeError) -> MalformedJsonError:
    return MalformedJsonError(f"The body is not JSON: line {exc.lineno}, column {exc.colno}.")


def _parse_int(digits: str) -> float:
    return int(digits) if len(digits) < _MAX_DIGITS else float(digits)


_DECODER = JSONDecoder(parse_int=_parse_int)


def _read_value(text: str, at: int, *, depth: int) -> tuple[Any, int]:
    opening = text[at : at + 1]
    if depth < _WALKED_DEPTH and opening == "[":
        return _read_array(text, at + 1, depth=depth + 1)
    if depth == 0 and opening == "{":
        return _read_object(text, at + 1)
    return _DECODER.raw_decode(text, at)


def _read_array(text: str, at: int, *, depth: int) -> tuple[list[Any], int]:
    values: list[Any] = []
    at = _skip(text, at)
    if text[at : at + 1] == "]":
        return values, at + 1
    while True:
        value, at = _read_value(text, at, depth=depth)
        values.append(value)
        at = _skip(text, at)
        mark = text[at : at + 1]
        if mark == "]":
            return values, at + 1
        if mark != ",":
            raise JSONDecodeError("Expecting ',' delimiter", text, at)
        at = _skip(text, at + 1)


def _read_object(text: str, at: int) -> tuple[dict[str, Any], int]:
    members: dict[str, Any] = {}
    at = _skip(text, at)
    if text[at : at + 1] == "}":
        return members, at + 1
    while True:
        if text[at : at + 1] != '"':
            raise JSONDecodeError("Expecting property name enclosed in double quotes", text, at)
        name, at = _DECODER.raw_decode(text, at)
        at = _skip(text, at)
        if text[at : at + 1] != ":":
            raise JSONDecodeError("Expecting ':' delimiter", text, at)
        members[name], at = _read_value(text, _skip(text, at + 1), depth=1)
        at = _skip(text, at)
        mark = text[at : at + 1]
        if mark == "}":
            return members, at + 1
        if mark != ",":
            raise JSONDecodeError("Expecting ',' delimiter", text, at)
        at = _skip(text, at + 1)


def _skip(text: str, at: int) -> int:
    match = _BLANKS.match(text, at)
    return match.end() if match is not None else at
