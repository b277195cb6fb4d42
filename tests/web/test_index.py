"""The start page, and error pages in a browser."""

import pytest

from omi_actors.status.snapshot import Snapshot
from tests.web.conftest import ADMIN
from tests.web.http_client import Connection
from tests.web.test_dashboard import Page

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


async def test_operator_sees_the_state_and_where_everything_is(show, connection, system):
    system.shown = Snapshot("fail", "Nothing is stored: the disk is full.")

    reply, page = await show(**ADMIN)

    assert b"the disk is full" in reply.body
    assert {"/metrics-dashboard", "/metrics", "/health", "/omi-webhook/queue-status", "/api/info"} <= links(page)
    for link in links(page):
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


async def test_head_of_the_start_page_has_no_body(connection):
    reply = await connection.request("HEAD", "/")

    assert (reply.status, reply.body) == (200, b"")


@pytest.mark.parametrize(
    ("target", "status", "says"),
    [
        ("/metrics-dashboard", 401, "omi-actors operator-link"),
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
