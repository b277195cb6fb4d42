"""The OpenAPI 3.1 document, made of the table of routes and the declarations of its handlers.

Not here: declarations (declare.py), the addresses that serve it (handlers/reference.py). Threads: any; pure.
Source: the OpenAPI Specification 3.1.1.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from inspect import cleandoc
from typing import Any, NotRequired, TypedDict

import msgspec

from omi_actors import __version__
from web.declare import Answer, Declared, Media, Time, build_type
from web.edge.header_checks import MALFORMED, TARGET_TOO_LONG, TOO_LARGE_HEAD
from web.handlers.caller import CHAT_COOKIE, CHAT_SECRET_HEADER, OPERATOR_COOKIE, Access
from web.handlers.operations import Operation, Rules, operations_of, parts_of
from web.identity import COOKIE
from web.parameters import Parameter
from web.problems import API, Problem
from web.site import Site

_OK_BEFORE = 300
_ABOUT = """\
Programs sign in by `POST /auth/login` and send its token as `Authorization: Bearer …`; browsers get it as a cookie.
The operator sends ADMIN_TOKEN the same way.

Errors have one form: `error` and `hint` are for people, `code` is for programs, and `request_id` finds the request in
the log. Bodies are JSON; their fields may be written in snake_case or camelCase, and an unknown field is an error.
Times are ISO 8601 in UTC. A page of another site may use the server if CORS_ORIGINS names its origin; every address
answers OPTIONS. HEAD is answered where the header `Allow` lists it.
"""


_ERROR = {"$ref": "#/components/schemas/Error"}


class Error(TypedDict):
    """A refusal or failure. `timeline` is the address of the request's timeline, for the operator."""

    error: str
    code: str
    hint: str
    request_id: str
    requestId: str
    timestamp: Time
    timeline: NotRequired[str]


_BEARER = {"type": "http", "scheme": "bearer"}
_SCHEMES = {
    "account": _BEARER | {"description": "The `session_token` of an account."},
    "accountCookie": {"type": "apiKey", "in": "cookie", "name": COOKIE, "description": "The same token as a cookie."},
    "operator": _BEARER | {"description": "ADMIN_TOKEN, or the token of an admin's account."},
    "operatorCookie": {
        "type": "apiKey",
        "in": "cookie",
        "name": OPERATOR_COOKIE,
        "description": "A browser that was signed in by `omi-actors operator-link`.",
    },
    "metrics": _BEARER | {"description": "METRICS_TOKEN."},
    "webhook": {"type": "apiKey", "in": "query", "name": "token", "description": "WEBHOOK_TOKEN."},
    "webhookSignature": {
        "type": "apiKey",
        "in": "header",
        "name": "X-Omi-Signature",
        "description": "Omi's signature, if OMI_SIGNING_SECRETS is set.",
    },
    "chatSecret": {
        "type": "apiKey",
        "in": "header",
        "name": CHAT_SECRET_HEADER,
        "description": "The secret that the first reply of a chat brings.",
    },
    "chatCookie": {"type": "apiKey", "in": "cookie", "name": CHAT_COOKIE, "description": "The same as a cookie."},
}
_PERSON, _OPERATOR = ("account", "accountCookie"), ("operator", "operatorCookie")
# For each access the schemes of which one is enough; "" means that none may be enough, by the settings.
_SECURITY: Mapping[Access, Sequence[str]] = {
    Access.ANYBODY: (),
    Access.PERSON: _PERSON,
    Access.OPERATOR: _OPERATOR,
    Access.OWNER: (*_PERSON, *_OPERATOR),
    Access.SCRAPER: ("metrics", *_OPERATOR),
    Access.CHATTER: ("", *_PERSON, *_OPERATOR, "chatSecret", "chatCookie"),
    Access.OMI: ("webhook", "webhookSignature"),
}


def build_document(rules: Rules, site: Site) -> dict[str, Any]:
    """Return the document of a server with these routes and the site's limits."""
    operations = operations_of(rules)
    schemas = _Schemas(operations)
    paths: dict[str, dict[str, Any]] = {}
    for one in operations:
        paths.setdefault(one.path, {})[one.method.lower()] = _operation_form(one, schemas, site)
    statuses = {status for one in operations for status in one.statuses - one.answers.keys()}
    return {
        "openapi": "3.1.1",
        "info": {"title": "Omi Actors", "version": __version__, "description": _ABOUT},
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {
            "schemas": schemas.components,
            "responses": {_error_name(status): _error_form(status) for status in sorted(statuses)},
            "securitySchemes": _SCHEMES,
        },
    }


class _Schemas:
    """JSON Schemas of all types, made in one pass, so that each named type is one component."""

    def __init__(self, operations: Iterable[Operation]) -> None:
        self._places: dict[tuple[str, str], Any] = {("error", ""): Error}
        for one in operations:
            for status, answer in one.answers.items():
                self._add_answer(one, status, answer)
            if isinstance(one.declared.body, type):
                self._places[one.name, "body"] = one.declared.body
        made, self.components = msgspec.json.schema_components(
            list(self._places.values()), ref_template="#/components/schemas/{name}"
        )
        self._made = dict(zip(self._places, made, strict=True))

    def _add_answer(self, one: Operation, status: int, answer: Answer) -> None:
        for number, part in enumerate(parts_of(answer)):
            data = part.data if isinstance(part, Media) else part
            kind = None if data is None else build_type(data, _type_name(one, status, number))
            if kind is not None:
                self._places[one.name, f"{status} {number}"] = kind

    def needs_something(self, schema: Mapping[str, Any] | None) -> bool:
        """Return True if an object of this schema has fields that must be there."""
        name = str((schema or {}).get("$ref", "")).rpartition("/")[2]
        return bool(self.components.get(name, {}).get("required"))

    def find(self, operation: str, place: str) -> dict[str, Any] | None:
        """Return the schema of a body ("body"), or of a part of an answer ("200 0")."""
        return self._made.get((operation, place))


def _type_name(one: Operation, status: int, number: int) -> str:
    words = "".join(word.capitalize() for word in one.name.split("_"))
    return f"{words}Reply{'' if status == min(one.answers) else status}{number or ''}"


def _operation_form(one: Operation, schemas: _Schemas, site: Site) -> dict[str, Any]:
    summary, more = _texts(one)
    names = re.findall(r"\{(\w+)\}", one.path)
    form: dict[str, Any] = {
        "operationId": one.name,
        "tags": [_tag(one.path)],
        "summary": summary,
        "description": more,
        "parameters": [
            *(
                {"name": name, "in": "path", "required": True, "schema": {"type": "string", "pattern": f"^{group}$"}}
                for name, group in zip(names, one.groups, strict=True)
            ),
            *(_parameter_form(parameter, site) for parameter in one.declared.parameters),
        ],
        "responses": {
            **{str(status): _answer_form(one, status, schemas) for status in sorted(one.answers)},
            **{
                str(status): {"$ref": f"#/components/responses/{_error_name(status)}"}
                for status in sorted(one.statuses - one.answers.keys())
            },
        },
        "security": [{name: []} if name else {} for name in _SECURITY[one.handler.access]],
        "x-access": one.handler.access.value,
    }
    body = _body_form(one, schemas, site)
    if body is not None:
        form["requestBody"] = body
    if site.request_limit is not None and one.handler.limit_kind is not None:
        requests, window_s = site.request_limit.numbers
        form["x-rate-limit"] = {"kind": one.handler.limit_kind, "requests": requests, "windowSeconds": window_s}
    return form


def _tag(path: str) -> str:
    """Return the subject of a path: its first part; pages, and what belongs to them, are one subject."""
    first = path.split("/")[1]
    return "pages" if "." in first or first in ("", "app", "docs") else first


def _texts(one: Operation) -> tuple[str, str]:
    """Return the first line of the method's docstring, and the rest after the class's docstring."""
    method = getattr(one.handler, one.method.lower(), None)
    text = cleandoc(one.declared.about or getattr(method, "__doc__", "") or "")
    first, _, rest = text.partition("\n")
    parts = (cleandoc(one.handler.__doc__ or ""), rest.partition("Raises:")[0].strip())
    return first.rstrip("."), "\n\n".join(filter(None, parts))


def _parameter_form(parameter: Parameter, site: Site) -> dict[str, Any]:
    return {
        "name": parameter.name,
        "in": parameter.place,
        "description": parameter.about,
        "required": parameter.is_needed,
        "schema": parameter.schema(site),
    }


def _body_form(one: Operation, schemas: _Schemas, site: Site) -> dict[str, Any] | None:
    body = one.declared.body
    if body is None or body == ():
        return None
    schema = schemas.find(one.name, "body") if isinstance(body, type) else _fields_form(one.declared, site)
    content: dict[str, Any] = {"schema": schema}
    example = one.declared.example
    if example is None and not isinstance(body, type):
        example = {field.name: made for field in body if (made := field.schema(site).get("examples"))}
        example = {name: values[0] for name, values in example.items()}
    if example:
        content["example"] = example
    is_needed = any(field.is_needed for field in one.declared.fields) or schemas.needs_something(schema)
    kind = "application/x-www-form-urlencoded" if one.declared.style == "form" else "application/json"
    return {"required": is_needed, "content": {kind: content}}


def _fields_form(declared: Declared, site: Site) -> dict[str, Any]:
    """Return the JSON Schema of a body with the declared fields."""
    return {
        "type": "object",
        "properties": {field.name: field.schema(site) for field in declared.fields},
        "required": [field.name for field in declared.fields if field.is_needed],
        "additionalProperties": declared.style == "open",
    }


def _answer_form(one: Operation, status: int, schemas: _Schemas) -> dict[str, Any]:
    content: dict[str, Any] = {}
    for number, part in enumerate(parts_of(one.answers[status])):
        schema = schemas.find(one.name, f"{status} {number}")
        if isinstance(part, Media):
            content[part.content_type] = {"schema": _MEDIA.get(part.content_type, _FILE)}
            content[part.content_type] |= {"x-event-data": schema} if schema else {}
        else:
            content["application/json"] = {"schema": schema}
    if status >= _OK_BEFORE and not content:
        content["application/json"] = {"schema": _ERROR}
    return {"description": HTTPStatus(status).phrase} | ({"content": content} if content else {})


_FILE, _TEXT = {"type": "string", "format": "binary"}, {"type": "string"}
# OpenAPI 3.1 has no words for the events of a stream; `x-event-data` is the form of their data.
_MEDIA: Mapping[str, dict[str, str]] = {
    "text/event-stream": {},
    **dict.fromkeys(("text/html", "text/css", "text/javascript", "text/plain", "text/markdown"), _TEXT),
}


def _error_name(status: int) -> str:
    return re.sub(r"[^A-Za-z]", "", HTTPStatus(status).phrase)


def _error_form(status: int) -> dict[str, Any]:
    """Return the component of an error; its text lists the codes of that status, from the table of errors."""
    all_problems = (*API.values(), MALFORMED, TARGET_TOO_LONG, TOO_LARGE_HEAD)
    problems = {one.code: one for one in all_problems if one.status == status}
    lines = [f"- `{code}`: {one.error} {one.hint}" for code, one in problems.items()]
    form: dict[str, Any] = {
        "description": "\n".join([HTTPStatus(status).phrase, "", *lines]),
        "content": {
            "application/json": {
                "schema": _ERROR,
                "example": _example(problems.values()),
            }
        },
    }
    if any(one.retry_after_s is not None for one in problems.values()):
        about = "Seconds after which a repetition makes sense."
        form["headers"] = {"Retry-After": {"description": about, "schema": {"type": "integer"}}}
    return form


def _example(problems: Iterable[Problem]) -> dict[str, str]:
    problem = next(iter(problems))
    request_id = "0d6c2a3e-5f61-4c4e-9d53-7a8a1f0b2c11"
    return {
        "error": problem.error,
        "code": problem.code,
        "hint": problem.hint,
        "request_id": request_id,
        "requestId": request_id,
        "timestamp": "2026-11-27T10:00:00.000Z",
    }
