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
Not here: parameters and fields (parameters.py). Threads: any; constant.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Any, Literal, NotRequired, Protocol, TypeVar, get_args, get_origin

import msgspec
from msgspec import Meta
from tornado.web import RequestHandler

_Method = TypeVar("_Method", bound=Callable[..., Any])
_NAME = "declared"

# Values that many forms have.
Time = Annotated[str, Meta(examples=["2026-11-27T10:00:00.000Z"], extra_json_schema={"format": "date-time"})]
Id = Annotated[str, Meta(examples=["8f14e45f-ceea-467f-a0e6-3f2b1c9d7a10"], extra_json_schema={"format": "uuid"})]


class Described(Protocol):
    """A value that a request carries: a parameter, or a field of the body (parameters.py)."""

    @property
    def name(self) -> str:
        """The name in the request."""

    @property
    def is_needed(self) -> bool:
        """True if a request without it is refused."""

    def schema(self, site: Any) -> dict[str, Any]:
        """Return its JSON Schema; some limits are the server's settings."""


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
    return Fields({"ok": bool, **fields})


Style = Literal["closed", "open", "form"]
# A msgspec type, `Fields`, a `Media`; several, if the request chooses between content types; None: no body.
Answer = Any


@dataclass(frozen=True, slots=True)
class Declared:
    """The declaration of one method."""

    answers: Mapping[int, Answer]
    parameters: tuple[Any, ...] = ()
    body: Sequence[Described] | type | None = None
    errors: Sequence[int] = ()
    style: Style = "closed"
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
    query: Sequence[Described] = (),
    body: Sequence[Described] | type | None = None,
    errors: Sequence[int] = (),
    style: Style = "closed",
    example: Any = None,
) -> Callable[[_Method], _Method]:
    """Declare a method; see the module. The method itself is returned unchanged.

    `answer` is that of 200, or a table by status. `style` says that unknown fields of the body are errors, or
    ignored ("open"), or that it is sent as an HTML form. `example` is one of the whole body; without it, the fields'
    examples make one.
    """
    answers = answer if isinstance(answer, Mapping) else {int(HTTPStatus.OK): answer}
    declared = Declared(answers, tuple(query), body, tuple(errors), style, example)

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
        return msgspec.defstruct(name, [_field(*one) for one in answer.fields.items()], kw_only=True)
    return None if isinstance(answer, Media) else answer


def _field(name: str, kind: Any) -> Any:
    if get_origin(kind) is not NotRequired:
        return (name, kind)
    (inner,) = get_args(kind)
    return (name, inner | msgspec.UnsetType, msgspec.UNSET)
