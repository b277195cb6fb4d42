"""The start page, and error pages in a browser."""

import json
import re

import pytest

from omi_actors.status.snapshot import Snapshot
from tests.web.conftest import ADMIN
from tests.web.http_client import Connection
from tests.web.test_dashboard import Page
from web.pages.render import FILES

# All files of the page for people together.
MOST_BYTES = 120_000

# The Accept header of Chromium when it opens an address.
BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"}


@pytest.fixture
def show(connection):
    """Open an address as a browser does; returns the reply and the page in it."""

    async def show_it(target="/", **headers):
        reply = await connection.request("GET", target, headers=BROWSER | headers)
        assert reply.headers["content-type"] == "text/html; charset=utf-8"
        assert "style-src 'self'" in reply.headers["content-security-policy"]
        page = Page(reply.body.decode())
        assert not page.texts_in("style") + page.texts_in("script")
        return reply, page

    return show_it


def links(page):
    return {attributes["href"] for attributes in page.all("a")}


async def test_anonymous_visitor_sees_the_purpose_and_no_state(show, system):
    system.shown = Snapshot("fail", "Nothing is stored: the store fails.")

    reply, page = await show()

    assert reply.status == 200
    assert page.texts_in("h1") == ["Omi Actors"]
    assert links(page) == {"/help"}
    assert "omi-actors operator-link" in page.texts_in("code")
    assert b"fail" not in reply.body


async def test_pages_name_no_wake_phrase_where_speech_is_not_answered(start):
    async with await Connection.open(await start(ENABLE_CONTEXT_ACTIVATION="off")) as connection:
        page = (await connection.request("GET", "/", headers=BROWSER)).body.decode()
        told = (await connection.request("GET", "/help")).json

    assert "Hey" not in page + str(told)
    assert "typed questions only" in page
    assert "typed questions only" in told["description"]


async def test_browser_that_is_not_signed_in_is_led_to_the_operators_door(show, connection):
    reply = await connection.request("GET", "/metrics-dashboard", headers=BROWSER)
    door, _ = await show("/operator")

    assert (reply.status, reply.headers["location"], door.status) == (303, "/operator", 200)
    assert b"omi-actors operator-link" in door.body
    assert (await connection.request("GET", "/operator")).status == 401


async def test_operator_sees_the_state_and_where_everything_is(show, connection, system):
    system.shown = Snapshot("fail", "Nothing is stored: the disk is full.")

    reply, page = await show(**ADMIN)

    assert b"the disk is full" in reply.body
    assert {"/metrics-dashboard", "/metrics", "/health", "/omi-webhook/queue-status", "/api/info"} <= links(page)
    for link in links(page) - {"/operator/queue/jobs"}:  # tests/browser/test_operator_pages.py opens it
        assert (await connection.request("GET", link, headers=ADMIN)).status == 200, link


async def test_page_leads_to_no_metrics_where_there_are_none(start):
    async with await Connection.open(await start(ENABLE_METRICS="false")) as connection:
        page = Page((await connection.request("GET", "/", headers=ADMIN)).body.decode())
        style = await connection.request("GET", "/style.css")

    assert not {link for link in links(page) if "metrics" in link}
    assert (style.status, style.headers["content-type"]) == (200, "text/css; charset=utf-8")


async def test_start_page_names_the_wearables_own_wake_name(start):
    async with await Connection.open(await start(WAKE_NAMES="friend")) as connection:
        reply = await connection.request("GET", "/")

    assert "“Hey Friend”" in reply.body.decode()


async def test_files_of_the_page_come_from_this_server_alone_and_are_small(connection):
    page = (await connection.request("GET", "/", headers=BROWSER)).body
    style = (await connection.request("GET", "/style.css")).body
    names = [name.removeprefix("app/") for name in FILES if name.startswith("app/")]
    files = {name: await connection.request("GET", f"/app/{name}") for name in names}

    assert {reply.status for reply in files.values()} == {200}
    bodies = [page, style, *(reply.body for reply in files.values())]
    assert sum(map(len, bodies)) <= MOST_BYTES
    imported = {name for body in bodies for name in re.findall(rb'from "\./(\w+\.js)"', body)}
    assert imported | {b"main.js", b"app.css"} == {name.encode() for name in files}
    foreign = rb"innerHTML|outerHTML|insertAdjacentHTML|eval\(|@import|url\(|https?://(?!www\.w3\.org/2000/svg)"
    assert not [found for body in bodies for found in re.findall(foreign, body)]


async def test_file_that_the_browser_has_is_not_sent_again_and_others_are_not_found(connection):
    first = await connection.request("GET", "/app/main.js")
    again = await connection.request("GET", "/app/main.js", headers={"If-None-Match": first.headers["etag"]})
    other = await connection.request("GET", "/app/passwords.js")

    assert first.headers["content-type"] == "text/javascript; charset=utf-8"
    assert (again.status, again.body, other.status) == (304, b"", 404)


async def test_facts_for_the_script_are_escaped_and_name_what_is_allowed(start):
    async with await Connection.open(await start(WAKE_NAMES="a<b", REGISTRATION="closed")) as connection:
        page = Page((await connection.request("GET", "/", headers=BROWSER)).body.decode())

    (body,) = page.all("body")
    facts = json.loads(body["data-facts"])
    assert facts["wakeNames"] == ["A<b"]
    assert (facts["isSignedIn"], facts["registration"], facts["isDemo"], facts["operator"]) == (
        False,
        "closed",
        True,
        None,
    )


async def test_head_of_the_start_page_has_no_body(connection):
    reply = await connection.request("HEAD", "/")

    assert (reply.status, reply.body) == (200, b"")


@pytest.mark.parametrize(
    ("target", "status", "says"),
    [
        ("/operator?key=guess", 401, "omi-actors operator-link"),
        ("/nowhere", 404, "Nothing is at this address."),
        ("/chat", 405, "does not support the method"),
    ],
)
async def test_person_in_a_browser_gets_an_error_page_with_a_next_step(target, status, says, show):
    reply, page = await show(target)

    assert reply.status == status
    assert says in reply.body.decode()
    assert links(page) == {"/"}
    assert reply.headers["x-request-id"] in page.texts_in("code")


async def test_hostile_address_is_not_part_of_the_page(show):
    reply, _ = await show("/%3Cscript%3Ealert(1)%3C/script%3E")

    assert b"alert" not in reply.body


@pytest.mark.parametrize(("method", "accept"), [("GET", "*/*"), ("GET", "application/json"), ("POST", "text/html")])
async def test_program_is_refused_in_json(method, accept, connection):
    reply = await connection.request(method, "/nowhere", headers={"Accept": accept})

    assert reply.json["code"] == "not_found"
