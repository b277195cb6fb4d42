"""Values that a request carries, as handlers declare them: parameters of the query, headers, fields of the body.

Not here: declarations (declare.py), reading bodies (people/bodies.py). Threads: any; constant.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

from tornado.web import RequestHandler

from omi_actors.domain.people.accounts import MAX_PASSWORD_CHARS, MIN_PASSWORD_CHARS
from omi_actors.errors import BadRequestError
from web.declare import declared_by
from web.requests import header


@dataclass(frozen=True, slots=True)
class Parameter:
    """A value of the query. A handler reads it by `read`, and must declare it."""

    name: str
    about: str
    place: ClassVar[Literal["query", "header"]] = "query"

    def find(self, handler: RequestHandler) -> str:
        """Return the given text, "" if there is none.

        Raises:
            BadRequestError: it is given twice.
        """
        assert self in declared_by(handler).parameters, f"{self.name} is not declared"  # noqa: S101 (a bug of ours)
        values = handler.get_query_arguments(self.name)
        if len(values) > 1:
            raise BadRequestError(f"`{self.name}` is given twice.", hint="Give it once.")
        return values[0] if values else ""

    @property
    def is_needed(self) -> bool:
        """True if a request without it is refused."""
        return False

    def schema(self, site: Any) -> dict[str, Any]:
        """Return the JSON Schema of the value."""
        del site
        return {"type": "string"}


@dataclass(frozen=True, slots=True)
class Number(Parameter):
    """A whole number from `low` to `high`. With `is_cut`, larger ones mean `high`."""

    default: int = 0
    low: int = 0
    high: int = 2**63 - 1
    is_cut: bool = False

    def read(self, handler: RequestHandler) -> int:
        """Return the number.

        Raises:
            BadRequestError: the value is not a whole number, or out of its range.
        """
        text, high = self.find(handler), _LARGEST if self.is_cut else self.high
        if not text:
            return self.default
        number = int(text) if text.isascii() and text.isdigit() and len(text) <= len(str(high)) else -1
        if not self.low <= number <= high:
            raise BadRequestError(f"`{self.name}` must be a whole number from {self.low} to {high}.")
        return min(number, self.high)

    def is_given(self, handler: RequestHandler) -> bool:
        """Return True if the request has it."""
        return bool(self.find(handler))

    def schema(self, site: Any) -> dict[str, Any]:
        """Return the JSON Schema of the value."""
        del site
        return {
            "type": "integer",
            "minimum": self.low,
            "maximum": _LARGEST if self.is_cut else self.high,
            "default": self.default,
        }


# Limits above the address's own are cut to it, as clients expect; this only keeps numbers short.
_LARGEST = 10**9


@dataclass(frozen=True, slots=True)
class Text(Parameter):
    """A text of at most `max_chars` characters; `pattern` is only described, the handler checks it."""

    max_chars: int = 1_000
    example: str = ""
    pattern: str = ""
    needed: bool = False

    @property
    def is_needed(self) -> bool:
        """True if a request without it is refused."""
        return self.needed

    def read(self, handler: RequestHandler) -> str:
        """Return the text, "" if there is none.

        Raises:
            BadRequestError: it is too long.
        """
        text = self.find(handler)
        if len(text) > self.max_chars:
            raise BadRequestError(
                f"`{self.name}` has {len(text)} characters.", hint=f"It must have at most {self.max_chars}."
            )
        return text

    def schema(self, site: Any) -> dict[str, Any]:
        """Return the JSON Schema of the value."""
        del site
        form: dict[str, Any] = {"type": "string", "maxLength": self.max_chars}
        form |= {"pattern": self.pattern} if self.pattern else {}
        return form | ({"examples": [self.example]} if self.example else {})


@dataclass(frozen=True, slots=True)
class Choice(Parameter):
    """One of some words; the first one is the default. Capitals do not matter."""

    words: tuple[str, ...] = ()

    def read(self, handler: RequestHandler) -> str:
        """Return the word.

        Raises:
            BadRequestError: it is none of them.
        """
        word = self.find(handler).lower() or self.words[0]
        if word not in self.words:
            raise BadRequestError(f"`{self.name}` must be one of {', '.join(self.words)}.")
        return word

    def schema(self, site: Any) -> dict[str, Any]:
        """Return the JSON Schema of the value."""
        del site
        return {"type": "string", "enum": list(self.words), "default": self.words[0]}


@dataclass(frozen=True, slots=True)
class Header(Parameter):
    """A header of the request."""

    place: ClassVar[Literal["query", "header"]] = "header"
    example: str = ""

    def find(self, handler: RequestHandler) -> str:
        """Return the given text, "" if there is none."""
        assert self in declared_by(handler).parameters, f"{self.name} is not declared"  # noqa: S101 (a bug of ours)
        return header(handler.request.headers, self.name) or ""

    def schema(self, site: Any) -> dict[str, Any]:
        """Return the JSON Schema of the value."""
        del site
        return {"type": "string"} | ({"examples": [self.example]} if self.example else {})


_TYPES: Mapping[type, str] = {str: "string", bool: "boolean", int: "integer", dict: "object", list: "array"}
# What a new password must be (omi_actors/domain/people/accounts.py checks it).
PASSWORD_FORM: Mapping[str, Any] = {"minLength": MIN_PASSWORD_CHARS, "maxLength": MAX_PASSWORD_CHARS}


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a body: its name in snake_case, and the kind of its value.

    The camelCase name is taken, too. `max_chars` limits strings; `may_be_null` allows null. Kind `object` is any value:
    the field's own rules check it. `about`, `example`, `is_needed` and `form`, the JSON Schema of those rules, describe
    the field (handlers/openapi.py); that it is there the handler checks, with its own sentence. `limit_of` names the
    attribute of the site that limits strings instead of `max_chars`.
    """

    name: str
    kind: type = str
    max_chars: int = 1_000
    may_be_null: bool = False
    about: str = ""
    example: Any = None
    is_needed: bool = False
    form: Mapping[str, Any] | None = None
    limit_of: str = ""

    def at(self, site: Any) -> "Field":
        """Return the field with the server's own limit."""
        return replace(self, max_chars=getattr(site, self.limit_of)) if self.limit_of else self

    def schema(self, site: Any) -> dict[str, Any]:
        """Return the JSON Schema of the value."""
        form: dict[str, Any] = {"type": _TYPES[self.kind]} if self.kind in _TYPES else {}
        form |= {"items": {}} if self.kind is list else {}
        if self.kind is str:
            form |= {"maxLength": self.at(site).max_chars} | (
                {"minLength": 1} if self.is_needed and not self.may_be_null else {}
            )
        if self.may_be_null and "type" in form:
            form["type"] = [form["type"], "null"]
        form |= self.form or {}
        about = {"description": self.about} if self.about else {}
        return form | about | ({} if self.example is None else {"examples": [self.example]})

    @property
    def camel_name(self) -> str:
        """Return the name in camelCase."""
        first, *others = self.name.split("_")
        return first + "".join(word.capitalize() for word in others)
