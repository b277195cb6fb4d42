"""The dashboard: for the operator only, complete without a script, no foreign files, every value escaped."""

import re
from html.parser import HTMLParser
from typing import Any

import pytest
from structlog.testing import capture_logs

from omi_actors.status.causes import Cause
from omi_actors.status.snapshot import Snapshot
from omi_actors.status.tables import Table
from omi_actors.status.tiles import Tile
from tests.web.conftest import ADMIN
from tests.web.http_client import Connection
from web.handlers.pages import SCRIPTS

PLACE = "/metrics-dashboard"
HOSTILE = "<script>alert('x')</script>&\""
VOID = {"meta", "link", "br", "img", "input", "hr"}


class Page(HTMLParser):
    """Elements in order, and texts with their surrounding element; fails on unclosed elements."""

    def __init__(self, html):
        super().__init__()
        self.open: list[Any] = []
        self.elements: list[Any] = []
        self.texts: list[Any] = []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if data.strip():
            self.texts.append((self.open[-1] if self.open else "", data.strip()))

    def all(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]

    def texts_in(self, tag):
        return [text for around, text in self.texts if around == tag]


@pytest.fixture
def snapshot(system):
    system.shown = Snapshot(
        status="warn",
        state="It works, but: the model is away.",
        checks=[("store", "pass", ""), ("model", "warn", HOSTILE)],
        causes=[Cause("Model is away.", f"Call {HOSTILE}.", "#model", 5.0, ["Jobs wait."], "warn")],
        tables=[
            Table("requests", "Request metrics", ("Route", "Count"), [(HOSTILE, "1,234")], note="A note."),
            Table("model", "Model calls", ("Outcome", "Calls"), []),
        ],
        tiles=[Tile("questions", "Questions", "7", HOSTILE, "ok", [1.0, None], "questions")],
        node="one",
    )
    return system.shown


@pytest.fixture
def get(connection):
    async def get_it(target="", **headers):
        return await connection.request("GET", PLACE + target, b"", headers or ADMIN)

    return get_it


@pytest.fixture
async def page(snapshot, get):
    return Page((await get()).body.decode())


@pytest.mark.parametrize("target", ["", "/data.json"])
async def test_page_and_data_are_the_operators(target, get):
    for authorization in ("", "Bearer wrong", "Bearer hook-token-of-the-tests-alone"):
        reply = await get(target, Authorization=authorization)

        assert (reply.status, reply.json["code"]) == (401, "unauthorized")


async def test_page_allows_itself_nothing_inline_and_nothing_from_elsewhere(get, page):
    policy = (await get()).headers["content-security-policy"]

    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert page.all("script") == [{"type": "module", "src": f"{PLACE}/dashboard.js"}]
    assert page.texts_in("script") == page.texts_in("style") == []
    for _, attributes in page.elements:
        assert not [name for name in attributes if name.startswith("on") or name == "style"]
        links = [attributes[name] for name in ("href", "src") if name in attributes]
        assert all(link.startswith(("/", "#", "data:,")) and not link.startswith("//") for link in links)


async def test_values_are_escaped(snapshot, get, page):
    body = (await get()).body.decode()

    assert "<script>alert" not in body
    assert HOSTILE in page.texts_in("th")
    assert "1,234" in page.texts_in("td")


async def test_page_can_be_read_without_eyes_or_mouse(page):
    assert page.all("html") == [{"lang": "en"}]
    assert page.texts_in("h1") == ["Omi Actors"]
    assert len(page.all("caption")) == len(page.all("table")) == 2
    assert all(attributes["scope"] in ("col", "row") for attributes in page.all("th"))
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    named = [attributes["aria-labelledby"] for _, attributes in page.elements if "aria-labelledby" in attributes]
    assert set(named) <= set(ids)
    assert [attributes for _, attributes in page.elements if attributes.get("role") == "status"]
    assert "width=device-width" in str(page.all("meta"))


async def test_page_without_a_script_has_everything_and_renews_itself(snapshot, page):
    assert "Model is away." in page.texts_in("strong")
    assert page.texts_in("h3") == ["Request metrics", "Model calls"]
    assert "none yet" in page.texts_in("th")
    assert (page.texts_in("dt")[0], page.texts_in("dd")[:2]) == ("Questions", ["7", HOSTILE])
    assert {"http-equiv": "refresh", "content": "10"} in page.all("meta")


async def test_data_equal_the_page(snapshot, get):
    data = (await get("/data.json")).json

    assert [data.pop(name) for name in ("active", "errors", "webhooks", "nodes")] == [[], [], [], []]
    assert data.pop("takenAt")
    assert [group["path"] for group in data.pop("actors")] == ["sessions_group"]
    assert data == {
        "status": "warn",
        "state": "It works, but: the model is away.",
        "startedAt": "1970-01-01T00:00:00.000Z",
        "node": "one",
        "demo": False,
        "checks": [["store", "pass", ""], ["model", "warn", HOSTILE]],
        "causes": [
            {
                "what": "Model is away.",
                "detail": "",
                "do": f"Call {HOSTILE}.",
                "link": "#model",
                "since": 5.0,
                "status": "warn",
                "consequences": ["Jobs wait."],
            }
        ],
        "tiles": [
            {
                "name": "questions",
                "label": "Questions",
                "value": "7",
                "note": HOSTILE,
                "status": "ok",
                "series": [1.0, None],
                "unit": "questions",
            }
        ],
        "tables": {
            "requests": {
                "name": "requests",
                "title": "Request metrics",
                "columns": ["Route", "Count"],
                "rows": [[HOSTILE, "1,234"]],
                "note": "A note.",
            },
            "model": {
                "name": "model",
                "title": "Model calls",
                "columns": ["Outcome", "Calls"],
                "rows": [],
                "note": "",
            },
        },
    }


@pytest.mark.parametrize(
    "target", ["/style.css", "/metrics-dashboard/dashboard.css", "/metrics-dashboard/dashboard.js"]
)
async def test_parts_of_a_page_are_not_logged(target, connection):
    with capture_logs() as lines:
        reply = await connection.request("GET", target)

    assert (reply.status, lines) == (200, [])


async def test_page_and_its_files_are_small(get, page):
    names = ("", "/dashboard.css", *(f"/{name}.js" for name in SCRIPTS))

    assert sum([len((await get(name)).body) for name in names]) <= 90_000


@pytest.mark.parametrize(
    ("name", "kind"), [("dashboard.css", "text/css"), *((f"{name}.js", "text/javascript") for name in SCRIPTS)]
)
async def test_style_and_script_come_from_this_server_alone(name, kind, get):
    reply = await get(f"/{name}")

    assert (reply.status, reply.headers["content-type"]) == (200, f"{kind}; charset=utf-8")
    assert reply.headers["x-content-type-options"] == "nosniff"
    own = reply.body.replace(b"http://www.w3.org/2000/svg", b"")  # a name, not an address
    assert not re.search(rb"https?://|@import|url\(|innerHTML|eval\(", own)


async def test_scripts_find_every_element_that_they_name(get, page):
    scripts = "".join([(await get(f"/{name}.js")).body.decode() for name in SCRIPTS])

    ids = {attributes["id"] for _, attributes in page.elements if "id" in attributes}
    named = set(re.findall(r'(?:byId|setText|heading)\("([\w-]+)"', scripts))
    assert named
    assert named <= ids


async def test_minutes_of_a_day_are_the_operators(get, system):
    minutes = (await get("/minutes.json")).json

    assert minutes == {"at": [0.0], "requests": [1.0]}
    assert (await get("/minutes.json", Authorization="Bearer wrong")).status == 401


async def test_text_has_enough_contrast_in_both_schemes(connection):
    style = (await connection.request("GET", "/style.css")).body.decode()

    light, dark = (dict(re.findall(r"--(\w+): (#\w{6})", block)) for block in re.findall(r":root \{([^}]*)\}", style))
    for scheme in (light, dark):
        for name in ("front", "quiet", "pass", "warn", "fail"):
            assert contrast(scheme[name], scheme["back"]) >= 7, name
        assert contrast(scheme["front"], scheme["panel"]) >= 7
        for front, back in (("accent", "back"), ("accent", "panel"), ("onaccent", "accent"), ("quiet", "soft")):
            assert contrast(scheme[front], scheme[back]) >= 6, (front, back)


def contrast(one, other):
    """WCAG 2's contrast ratio."""
    low, high = sorted(luminance(color) for color in (one, other))
    return (high + 0.05) / (low + 0.05)


def luminance(color):
    parts = [int(color[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


@pytest.mark.parametrize("target", ["/metrics", PLACE, f"{PLACE}/data.json", f"{PLACE}/dashboard.js"])
async def test_setting_removes_metrics_and_page(target, start):
    async with await Connection.open(await start(ENABLE_METRICS="false")) as connection:
        reply = await connection.request("GET", target, b"", ADMIN)
        health = await connection.request("GET", "/health", b"", ADMIN)

    assert (reply.status, health.status) == (404, 200)
