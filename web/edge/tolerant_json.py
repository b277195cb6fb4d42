"""Tolerant decoders of JSON bodies: they accept old encodings, NaN, lone surrogates and huge numbers.

A call into C blocks the interpreter, and so the event loop, until it returns. So a text with many values is decoded in
small calls. A text with too many values is refused before it is decoded.
Not here: the meaning of values, and the fast path with msgspec (webhook/payloads.py). Threads: any; pure.
"""

import codecs
import hashlib
import json
import re
from json.decoder import JSONDecodeError, JSONDecoder
from typing import Any

from omi_actors.errors import MalformedJsonError, TooLargeError, TooManyValuesError

_CHARSET = re.compile(r"charset\s*=\s*\"?([A-Za-z0-9_.:-]+)", re.IGNORECASE)
# Parts that are read in one call: at worst, as nested lists, they take 16 ms.
_FEW_PARTS = 20_000
# Ten times a long day of speech. The garbage collector alone stops the process for 30 ms then.
MAX_PARTS = 300_000
# Characters, or bytes, that are decoded in one call.
_PIECE = 256 * 1024
# Python refuses to read integers of more digits, and no field of ours holds one of that size.
_MAX_DIGITS = 400
# Python codecs that are no charsets. No sender needs them, and decoding punycode takes quadratic time: 11 s for 256 kB.
_NO_CHARSETS = frozenset({"punycode", "idna", "unicode-escape", "raw-unicode-escape", "undefined"})
_SURROGATE = re.compile("[\ud800-\udfff]")
# Characters that are searched in one call.
_SEARCHED_PIECE = 64 * 1024
# Characters of a key or label: short enough for the store's indexes; Omi's ids have 36.
MAX_KEY_CHARS = 200
_BLANKS = re.compile(r"[ \t\n\r]*")


def declared_charset(content_type: str) -> str | None:
    """Return the charset of a Content-Type; None if there is none, or if it is UTF-8."""
    match = _CHARSET.search(content_type) if "charset" in content_type.lower() else None
    name = match[1].lower() if match else ""
    return None if name in ("", "utf-8", "utf8") else name


def decode_text(body: bytes, content_type: str = "") -> str:
    """Decode a body by its byte order mark or its zero bytes, else by the declared charset, else as UTF-8.

    Invalid bytes become U+FFFD, so that the rest of the text is kept.
    """
    charset: str = json.detect_encoding(body)
    if charset == "utf-8":
        charset = declared_charset(content_type) or charset
    try:
        if codecs.lookup(charset).name in _NO_CHARSETS:
            charset = "utf-8"
        return _decode(body, charset)
    except (LookupError, UnicodeError):  # an unknown charset, or one without replacement
        return _decode(body, "utf-8")


def read_json(text: str, *, few_parts: int = _FEW_PARTS) -> Any:
    """Decode a JSON text; in small calls if it may have more than `few_parts` values.

    Raises:
        MalformedJsonError: the text is not JSON; the message names line and column. TooManyValuesError: the text may
        have more than MAX_PARTS values.
    """
    # Each value except the first follows one of these characters.
    parts = text.count(",") + text.count("[") + text.count("{")
    if parts > MAX_PARTS:
        raise TooManyValuesError(f"The body has more than {MAX_PARTS} values: send it in several.")
    read = _DECODER.raw_decode if parts <= few_parts else _walk
    try:
        value, end = read(text, _skip(text, 0))
        end = _skip(text, end)
    except JSONDecodeError as exc:
        raise _malformed(exc) from None  # the original holds the whole text
    except RecursionError:
        raise MalformedJsonError("The body is not JSON that can be read: it is nested too deeply.") from None
    if end != len(text):
        raise _malformed(JSONDecodeError("Extra data", text, end))
    return value


def read_object(body: bytes, *, max_bytes: int) -> dict[str, Any]:
    """Return the JSON object of a body.

    Raises:
        TooLargeError: the body is longer than `max_bytes`. MalformedJsonError: the body is not UTF-8, not JSON, or not
        an object.
    """
    if len(body) > max_bytes:
        raise TooLargeError(f"The body has more than {max_bytes} bytes.")
    try:
        value = read_json(body.decode("utf-8-sig"))
    except UnicodeDecodeError as exc:
        raise MalformedJsonError(f"The body is not UTF-8: byte {exc.start}.") from None  # the original holds the text
    if not isinstance(value, dict):
        raise MalformedJsonError("The body is not a JSON object.")
    return value


def short_key(key: str) -> str:
    """Return a short form of a sender's key, without NUL, that the store can index. Equal keys stay equal."""
    if len(key) > MAX_KEY_CHARS:
        return "sha256:" + hashlib.sha256(key.encode(errors="replace")).hexdigest()
    return without_nul(without_surrogates(key))


def without_nul(text: str) -> str:
    """Return a text without NUL, which PostgreSQL cannot store."""
    return text.replace("\0", "") if "\0" in text else text


def without_surrogates(text: str) -> str:
    """Return a text with U+FFFD for lone surrogates, which UTF-8 cannot encode."""
    if text.isascii():
        return text
    pieces = (text[at : at + _SEARCHED_PIECE] for at in range(0, len(text), _SEARCHED_PIECE))
    return "".join(_SURROGATE.sub("\ufffd", piece) for piece in pieces)


def _malformed(exc: JSONDecodeError) -> MalformedJsonError:
    return MalformedJsonError(f"The body is not JSON: line {exc.lineno}, column {exc.colno}.")


def _parse_int(digits: str) -> float:
    return int(digits) if len(digits) < _MAX_DIGITS else float(digits)


_DECODER = JSONDecoder(parse_int=_parse_int)


def _walk(text: str, at: int) -> tuple[Any, int]:
    opening = text[at : at + 1]
    if opening == "[":
        return _walk_array(text, at + 1)
    if opening == "{":
        return _walk_object(text, at + 1)
    return _DECODER.raw_decode(text, at)


def _walk_array(text: str, at: int) -> tuple[list[Any], int]:
    values: list[Any] = []
    at = _skip(text, at)
    if text[at : at + 1] == "]":
        return values, at + 1
    while True:
        value, at = _walk(text, at)
        values.append(value)
        at = _skip(text, at)
        mark = text[at : at + 1]
        if mark == "]":
            return values, at + 1
        if mark != ",":
            raise JSONDecodeError("Expecting ',' delimiter", text, at)
        at = _skip(text, at + 1)


def _walk_object(text: str, at: int) -> tuple[dict[str, Any], int]:
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
        members[name], at = _walk(text, _skip(text, at + 1))
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


def _decode(body: bytes, charset: str) -> str:
    """Decode a large body in pieces, since a call that replaces every byte takes 10 ms for each megabyte."""
    first = body[:_PIECE].decode(charset, errors="replace")  # also refuses codecs that make no text
    if len(body) <= _PIECE:
        return first
    decode = codecs.getincrementaldecoder(charset)(errors="replace").decode
    pieces = [decode(body[at : at + _PIECE]) for at in range(0, len(body), _PIECE)]
    return "".join([*pieces, decode(b"", final=True)])
