"""Declarations of handlers: each method states its parameters, body, replies and errors, and reads through them.

`/openapi.json` is made of them (handlers/openapi.py), so a declaration is the only description of a route. The tests'
client holds every reply against it, and reading an undeclared parameter fails.

    LIMIT = Number("limit", "Rows of the page.", default=50, low=1, high=200)
    TEXT = Field("text", max_chars=500, about="The memory's words.", example="I like tea", is_needed=True)

    class MemoriesHandler(PersonHandler):
        route = "/memories"

        @declare(query=(LIMIT,), answer=ok(items=list[MemoryForm]))
        async def get(self) -> None:
            "The first line is the route's summary, the others its description."
            limit = LIMIT.read(self)

        @declare(body=(TEXT,), answer={201: ok(memory=MemoryForm)}, errors=(409,))
        async def post(self) -> None:
            fields = self.read_fields()

Forms of replies are TypedDicts, or msgspec Structs, with the names of the wire; `body` takes such a type, too. Statuses
that follow from `access`, from ids in the address, and from the server's limits come by themselves.
Not here: fields of bodies (people/bodies.py). Threads: any; constant.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Any, ClassVar, Literal, NotRequired, Protocol, TypeVar, get_args, get_origin

import msgspec
from msgspec import Meta
from tornado.web import RequestHandler

from omi_actors.errors import BadRequestError

_Method = TypeVar("_Method", bound=Callable[..., Any])
_NAME = "declared"

# Values that many forms have.
Time = Annotated[str, Meta(examples=["2026-11-27T10:00:00.000Z"], extra_json_schema={"format": "date-time"})]
Id = Annotated[str, Meta(examples=["8f14e45f-ceea-467f-a0e6-3f2b1c9d7a10"], extra_json_schema={"format": "uuid"})]


class BodyField(Protocol):
    """A field of a JSON body (people/bodies.py), or of a form."""

    @property
    def name(self) -> str:
        """The name in the body."""

    @property
    def is_needed(self) -> bool:
        """True if a body without it is refused."""

    def schema(self) -> dict[str, Any]:
        """Return its JSON Schema."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """A value of the query. A handler reads it by `read`, and must declare it."""

    name: str
    about: str
    place: ClassVar[Literal["query", "header"]] = "query"

    def find(self, handler: RequestHandler) -> str:
        """Return the given text, "" if there is none."""
        assert self in declared_by(handler).parameters, f"{self.name} is not declared"  # noqa: S101 (a bug of ours)
        return handler.get_query_argument(self.name, "")

    @property
    def is_needed(self) -> bool:
        """True if a request without it is refused."""
        return False

    def schema(self) -> dict[str, Any]:
        """Return the JSON Schema of the value."""
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

    def schema(self) -> dict[str, Any]:
        """Return the JSON Schema of the value."""
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

    def schema(self) -> dict[str, Any]:
        """Return the JSON Schema of the value."""
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

    def schema(self) -> dict[str, Any]:
        """Return the JSON Schema of the value."""
        return {"type": "string", "enum": list(self.words), "default": self.words[0]}


@dataclass(frozen=True, slots=True)
class Header(Parameter):
    """A header of the request, at most `max_chars` characters of it."""

    place: ClassVar[Literal["query", "header"]] = "header"
    max_chars: int = 200
    example: str = ""

    def find(self, handler: RequestHandler) -> str:
        """Return the given text, "" if there is none."""
        assert self in declared_by(handler).parameters, f"{self.name} is not declared"  # noqa: S101 (a bug of ours)
        return handler.request.headers.get(self.name, "")

    def schema(self) -> dict[str, Any]:
        """Return the JSON Schema of the value."""
        return {"type": "string", "maxLength": self.max_chars} | ({"examples": [self.example]} if self.example else {})


@dataclass(frozen=True, slots=True)
class Media:
    """A reply that is no JSON: its content type, and the form of an event's data."""

    content_type: str
    data: Any = None


PAGE = Media("text/html")


@dataclass(frozen=True, slots=True)
class Fields:
    """A JSON object with these fields; `NotRequired[…]` marks those that may be missing."""

    fields: Mapping[str, Any]


def ok(**fields: Any) -> Fields:
    """Return the form of `send_ok`: `{"ok": true, …}`."""
    return Fields({"ok": Literal[True], **fields})


# A msgspec type, `Fields`, a `Media`; several, if the request chooses between content types; None: no body.
Answer = Any


@dataclass(frozen=True, slots=True)
class Declared:
    """The declaration of one method."""

    answers: Mapping[int, Answer]
    parameters: tuple[Parameter, ...] = ()
    body: Sequence[BodyField] | type | None = None
    errors: Sequence[int] = ()
    is_form: bool = False
    example: Any = None
    # The text of a method that has no docstring, since a faster path handles it.
    about: str = ""

    @property
    def fields(self) -> Sequence[Any]:
        """The fields of the body; none if it is a type, which msgspec decodes."""
        return () if self.body is None or isinstance(self.body, type) else self.body


def declare(
    answer: Answer | Mapping[int, Answer],
    *,
    query: Sequence[Parameter] = (),
    body: Sequence[BodyField] | type | None = None,
    errors: Sequence[int] = (),
    is_form: bool = False,
    example: Any = None,
) -> Callable[[_Method], _Method]:
    """Declare a method; see the module. The method itself is returned unchanged.

    `answer` is that of 200, or a table by status. `is_form` means a body as HTML forms send it. `example` is one of the
    whole body; without it, the fields' examples make one.
    """
    answers = answer if isinstance(answer, Mapping) else {int(HTTPStatus.OK): answer}
    declared = Declared(answers, tuple(query), body, tuple(errors), is_form, example)

    def mark(method: _Method) -> _Method:
        setattr(method, _NAME, declared)
        return method

    return mark


def declared_of(handler: type[RequestHandler], method: str) -> Declared | None:
    """Return the declaration of a handler's method; None if it has none."""
    found = getattr(getattr(handler, method.lower(), None), _NAME, None)
    if found is None:
        found = getattr(handler, "more_methods", {}).get(method.upper())
    return found if isinstance(found, Declared) else None


def declared_by(handler: RequestHandler) -> Declared:
    """Return the declaration of the method that answers a request."""
    found = declared_of(type(handler), handler.request.method or "")
    assert found is not None, f"{type(handler).__name__} declares no {handler.request.method}"  # noqa: S101 (a bug of ours)
    return found


def build_type(answer: Answer, name: str) -> Any:
    """Return the msgspec type of an answer; None if it is no JSON."""
    if isinstance(answer, Fields):
        return msgspec.defstruct(name, [_field(*one) for one in answer.fields.items()])
    return None if isinstance(answer, Media) else answer


def _field(name: str, kind: Any) -> Any:
    if get_origin(kind) is not NotRequired:
        return (name, kind)
    (inner,) = get_args(kind)
    return (name, inner | msgspec.UnsetType, msgspec.UNSET)
