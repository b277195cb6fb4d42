"""Bodies of persons' requests: declared fields in both key styles, and errors that name the field.

Not here: the meaning of the values (omi_actors/domain/people/). Threads: any; pure.
"""

import re
from collections.abc import Iterable, Mapping
from json.decoder import JSONDecodeError, JSONDecoder
from typing import Any

from omi_actors.errors import BadRequestError, MalformedJsonError, TooLargeError
from web.parameters import Field

# The longest text of one field, as two escapes a character, with the room around.
_CHAR_BYTES = 12
_FRAME_BYTES = 4_096
# Levels of objects and lists in one field: every reader of the stored value takes so many.
_MAX_DEPTH = 64
# Characters that no store can hold.
_NO_TEXT = re.compile("[\0\ud800-\udfff]")
_WORDS: Mapping[type, str] = {
    str: "a string",
    bool: "true or false",
    int: "a whole number",
    dict: "an object",
    list: "a list",
}


def read_fields(body: bytes, *fields: Field) -> dict[str, Any]:
    """Return the given fields of a JSON object, by their snake_case names. An empty body has none.

    Raises:
        BadRequestError: a field is unknown, given twice, or not of its kind. MalformedJsonError: the body is not a JSON
        object. TooLargeError: the body is longer than any valid one.
    """
    max_bytes = _FRAME_BYTES + _CHAR_BYTES * sum(field.max_chars for field in fields)
    if len(body) > max_bytes:
        raise TooLargeError(f"The body has more than {max_bytes} bytes.")
    by_name = {name: field for field in fields for name in (field.name, field.camel_name)}
    values: dict[str, Any] = {}
    for name, value in _read_pairs(body):
        field = by_name.get(name)
        if field is None:
            known = ", ".join(f"`{field.name}`" for field in fields) or "none"
            raise BadRequestError(f"`{_shown(name)}` is not a field here.", hint=f"The fields are: {known}.")
        if field.name in values:
            raise BadRequestError(f"`{field.name}` is given twice.", hint="Give it once.")
        values[field.name] = _check(field, value)
    return values


def _read_pairs(body: bytes) -> Iterable[tuple[str, Any]]:
    """Return the members of the body's object, the same name as often as it is given."""
    if not body.strip():
        return ()
    try:
        text = body.decode("utf-8-sig").strip()
        value, end = _DECODER.raw_decode(text)
    except UnicodeDecodeError as exc:
        raise MalformedJsonError(f"The body is not UTF-8: byte {exc.start}.") from None  # the original holds the text
    except JSONDecodeError as exc:
        raise MalformedJsonError(f"The body is not JSON: line {exc.lineno}, column {exc.colno}.") from None
    except (RecursionError, ValueError):
        raise MalformedJsonError("The body is not JSON that can be read: it is nested too deeply.") from None
    if end != len(text) or not isinstance(value, _Pairs):
        raise MalformedJsonError("The body is not a JSON object.")
    return value


class _Pairs(list[tuple[str, Any]]):
    """The members of a JSON object."""


_DECODER = JSONDecoder(object_pairs_hook=_Pairs)


def _check(field: Field, value: Any) -> Any:
    if value is None:
        if field.may_be_null:
            return None
        raise BadRequestError(f"`{field.name}` must not be null.", hint=f"It must be {_WORDS[field.kind]}.")
    value = _converted(field, value)
    if field.kind not in (type(value), object):
        raise BadRequestError(f"`{field.name}` must be {_WORDS[field.kind]}.", hint="Correct its value.")
    if field.kind is int:
        _check_range(field, value)
    for text in value if isinstance(value, list) else (value,):
        if isinstance(text, str):
            _check_text(field, text)
    return value


def _check_range(field: Field, value: int) -> None:
    rules = field.form or {}
    low, high = rules.get("minimum", value), rules.get("maximum", value)
    if not low <= value <= high:
        words = f"from {low} to {high}" if "maximum" in rules else f"of at least {low}"
        raise BadRequestError(f"`{field.name}` must be a whole number {words}.", hint="Correct its value.")


def _converted(field: Field, value: Any) -> Any:
    """Return a value as our code takes it: members as a dict."""
    if isinstance(value, _Pairs):
        return _as_object(field, value)
    return _plain(field, value, 0) if isinstance(value, list) else value


def _as_object(field: Field, pairs: _Pairs) -> dict[str, Any]:
    members = {name: _plain(field, value, 1) for name, value in pairs}
    if len(members) != len(pairs):
        raise BadRequestError(f"`{field.name}` has a member twice.", hint="Give each member once.")
    return members


def _plain(field: Field, value: Any, depth: int) -> Any:
    if not isinstance(value, list):
        return value
    if depth >= _MAX_DEPTH:
        raise BadRequestError(f"`{field.name}` is nested too deeply.", hint=f"It may have {_MAX_DEPTH} levels.")
    if isinstance(value, _Pairs):
        return {name: _plain(field, inner, depth + 1) for name, inner in value}
    return [_plain(field, inner, depth + 1) for inner in value]


def _check_text(field: Field, text: str) -> None:
    if len(text) > field.max_chars:
        raise BadRequestError(
            f"`{field.name}` has {len(text)} characters.", hint=f"It must have at most {field.max_chars}."
        )
    if _NO_TEXT.search(text):
        raise BadRequestError(f"`{field.name}` must be text.", hint="It holds a NUL or half a surrogate pair.")


def _shown(name: str) -> str:
    """Return a sender's name for a field, short and printable."""
    return "".join(char if char.isprintable() and char != "`" else "?" for char in name[:40])
