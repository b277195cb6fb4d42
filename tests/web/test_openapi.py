"""`/openapi.json`, and the declarations of which it is made."""

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import web
from tests.declared import SITE, hold, table
from tests.web.conftest import ADMIN
from tests.web.http_client import Reply
from web.declare import declare, declared_of, ok
from web.handlers.openapi import build_document
from web.pages.render import FILES
from web.parameters import Number

WEB = Path(web.__file__).parent
LIMIT = Number("limit", "Rows.", default=5, low=1, high=9, is_cut=True)


async def test_document_of_the_running_server_describes_its_routes(connection):
    document = (await connection.request("GET", "/openapi.json")).json
    keep = document["paths"]["/memories"]["post"]

    assert document["openapi"].startswith("3.1.")
    assert keep["requestBody"]["content"]["application/json"]["schema"]["required"] == ["text"]
    assert keep["security"] == [{"account": []}, {"accountCookie": []}]
    assert {"200", "201", "400", "401", "403", "429"} <= set(keep["responses"])
    assert keep["x-rate-limit"] == {"kind": "people", "requests": 100, "windowSeconds": 60}


async def test_document_is_sent_once_to_a_client_that_has_it(connection):
    first = await connection.request("GET", "/openapi.json")
    again = await connection.request("GET", "/openapi.json", headers={"If-None-Match": first.headers["etag"]})

    assert (again.status, again.body) == (304, b"")


def test_every_method_of_every_route_is_declared():
    undeclared = [
        (method, handler.route)
        for _, handler in table()
        for method in handler.allowed_methods()
        if method != "HEAD" and declared_of(handler, method) is None
    ]

    assert undeclared == [], "see web/declare.py"


async def test_parameter_that_is_given_twice_is_refused(connection):
    reply = await connection.request("GET", "/transcript/ada?limit=x&limit=5", headers=ADMIN)

    assert (reply.status, reply.json["error"]) == (400, "`limit` is given twice.")


def test_handlers_read_the_query_through_declared_parameters_only():
    direct = re.compile(r"get_(query_)?arguments?\(")
    files = [path for path in WEB.rglob("*.py") if path.name != "parameters.py"]

    assert [path.name for path in files if direct.search(path.read_text())] == []


async def test_files_of_its_page_load_nothing_from_elsewhere(connection):
    for name in [name for name in FILES if name.startswith("docs/")]:
        reply = await connection.request("GET", f"/{name}")
        assert reply.status == 200
        assert not re.findall(rb"innerHTML|outerHTML|eval\(|@import|\burl\(|https?://", reply.body), name


def test_every_reference_of_the_document_leads_somewhere():
    document = build_document(table(), SITE)

    for place in references(document):
        found: Any = document
        for step in place.removeprefix("#/").split("/"):
            found = found[step]
        assert found


def test_every_form_has_a_name_of_its_own():
    names = build_document(table(), SITE)["components"]["schemas"]

    assert [name for name in names if not re.fullmatch(r"[A-Z]\w+", name)] == [], "two forms have one name"


def references(value):
    if isinstance(value, dict):
        yield from (one for name, one in value.items() if name == "$ref")
        value = list(value.values())
    for one in value if isinstance(value, list) else ():
        yield from references(one)


@pytest.mark.parametrize(
    ("status", "body", "fault"),
    [
        (202, b"{}", "answers 202"),
        (200, b'{"ok":true,"items":[],"nextCursor":null,"secret":1}', "secret"),
        (
            200,
            b'{"ok":true,"items":[{"id":"1","type":"todo","payload":[],"createdAt":""}],"nextCursor":null}',
            "payload",
        ),
        (200, b'{"ok":true,"items":[]}', "nextCursor"),
        (404, b'{"error":"gone"}', "answers 404"),
        (401, b'{"error":"gone"}', "code"),
    ],
)
def test_reply_that_is_not_declared_is_a_fault_of_the_test_that_sees_it(status, body, fault):
    with pytest.raises(AssertionError, match=fault):
        hold("GET", "/agent-events?limit=1", Reply(status, {"content-type": "application/json"}, body))


def test_parameter_that_is_not_declared_cannot_be_read():
    class Handler:
        request = SimpleNamespace(method="GET")

        @declare(ok(), query=())
        def get(self):
            """Do nothing."""

    handler: Any = Handler()
    with pytest.raises(AssertionError, match="limit is not declared"):
        LIMIT.read(handler)
