"""The dashboard's event stream: one document for all open pages, bounded in number and in memory."""

import asyncio
import json

import pytest

from omi_actors.status.snapshot import Snapshot
from tests.web.conftest import ADMIN
from tests.web.http_client import TIMEOUT_S, Connection
from tests.web.test_operator import SAME_ORIGIN, sign_in
from web.dashboard import _BEAT, Viewer
from web.handlers import live

PLACE = "/metrics-dashboard"


class Page:
    """An open page's stream."""

    def __init__(self, connection, reply):
        self.connection, self.reply = connection, reply

    @classmethod
    async def open(cls, port, headers=ADMIN, query=""):
        connection = await Connection.open(port)
        return cls(connection, await connection.request("GET", f"{PLACE}/events{query}", b"", headers))

    async def chunk(self):
        """Return the next chunk; empty at the end."""
        async with asyncio.timeout(TIMEOUT_S):
            size = int(await self.connection.reader.readline(), 16)
            return (await self.connection.reader.readexactly(size + 2))[:-2]

    async def document(self):
        """Return the next document."""
        while (chunk := await self.chunk()) == _BEAT:
            pass
        assert chunk.startswith(b"data: ")
        assert chunk.endswith(b"\n\n")
        return json.loads(chunk.removeprefix(b"data: "))


@pytest.fixture
async def port(start):
    port = await start()
    start.server._site.dashboard.period_s = 0.01
    return port


@pytest.fixture
async def open_page(port):
    pages = []

    async def open_one(**options):
        pages.append(await Page.open(port, **options))
        return pages[-1]

    yield open_one
    for page in pages:
        await page.connection.close()


@pytest.fixture
def built(system, monkeypatch):
    """The number of snapshots that were built."""
    numbers = iter(range(1_000_000))
    count = [0]

    def snapshot():
        count[0] = next(numbers) + 1
        return Snapshot(status="pass", state="All is well.", checks=[("built", str(count[0]), "")])

    monkeypatch.setattr(system, "snapshot", snapshot)
    return count


async def test_all_pages_get_the_same_documents_each_built_once(open_page, built):
    first, second = await open_page(), await open_page()

    assert first.reply.headers["content-type"].startswith("text/event-stream")
    assert first.reply.headers["x-accel-buffering"] == "no"
    mine = {(await first.document())["checks"][0][1] for _ in range(5)}
    theirs = {(await second.document())["checks"][0][1] for _ in range(5)}
    assert len(mine) == len(theirs) == 5
    assert built[0] <= max(map(int, mine | theirs)) + 5, "each page had its own"


async def test_data_is_the_open_pages_document_and_nothing_is_built_without_a_page(open_page, built, port, start):
    page = await open_page()
    await page.document()
    start.server._site.dashboard.period_s = 60.0
    await page.document()
    async with await Connection.open(port) as connection:
        before = built[0]
        shared = await connection.request("GET", f"{PLACE}/data.json", headers=ADMIN)
        assert (shared.json["checks"][0][1], built[0]) == (str(before), before)

        start.server._site.dashboard.close()
        alone = await connection.request("GET", f"{PLACE}/data.json", headers=ADMIN)

    assert (alone.status, built[0]) == (200, before + 1)


async def test_many_pages_without_a_stream_share_a_few_documents_a_second(port, built):
    async with await Connection.open(port) as connection:
        replies = [await connection.request("GET", f"{PLACE}/data.json", headers=ADMIN) for _ in range(30)]

    assert {reply.status for reply in replies} == {200}
    assert 5 <= built[0] <= 10  # they may come in two seconds


async def test_page_gets_a_sign_of_life_between_its_documents(open_page):
    page = await open_page(query="?every=5")

    assert (await page.chunk()).startswith(b"data: ")
    assert [await page.chunk() for _ in range(3)] == [_BEAT] * 3
    refused = await open_page(query="?every=2")
    assert refused.reply.status == 400


def test_what_a_slow_page_has_not_read_is_replaced():
    viewer = Viewer(1)

    for event in (b"data: 1\n\n", b"data: 2\n\n", _BEAT):
        viewer.put(event)

    assert asyncio.run(viewer.wait()) == b"data: 2\n\n"


async def test_stream_that_has_ended_sends_nothing_that_waited():
    viewer = Viewer(1)
    viewer.put(b"data: 1\n\n")
    viewer.end()
    viewer.put(b"data: 2\n\n")

    assert [await viewer.wait(), await viewer.wait()] == [b"", b""]


async def test_page_that_never_reads_is_cut_off_and_the_others_go_on(open_page, system, monkeypatch, start):
    large = Snapshot(status="pass", state="All is well.", checks=[("x" * 8_000_000, "pass", "")])
    monkeypatch.setattr(system, "snapshot", lambda: large)
    start.server._site.dashboard.period_s = 0.2  # the other has one document, then signs of life
    other = await open_page(query="?every=15")
    await other.document()
    monkeypatch.setattr(live.DashboardEventsHandler, "read_s", 0.3)
    await open_page()  # more waits for it than sockets hold, and it takes none
    viewers = start.server._site.dashboard._viewers
    assert len(viewers) == 2

    async with asyncio.timeout(TIMEOUT_S):
        while len(viewers) == 2:
            await other.chunk()


async def test_streams_beyond_the_limit_are_refused_and_load_data(start):
    port = await start(DASHBOARD_STREAMS="1")
    one = await Page.open(port)

    refused = await Page.open(port)

    assert (refused.reply.status, refused.reply.json["code"]) == (429, "rate_limited")
    assert "DASHBOARD_STREAMS" in refused.reply.json["error"]
    assert (await refused.connection.request("GET", f"{PLACE}/data.json", headers=ADMIN)).status == 200
    await one.connection.close()
    async with asyncio.timeout(TIMEOUT_S):
        while (again := await Page.open(port)).reply.status != 200:
            await again.connection.close()
    for page in (refused, again):
        await page.connection.close()


async def test_stream_ends_when_its_operator_signs_out_and_others_go_on(open_page, port, start):
    async with await Connection.open(port) as connection:
        cookie = await sign_in(connection, start)
        page, other = await open_page(headers={"Cookie": cookie} | SAME_ORIGIN), await open_page()
        await page.document()

        await connection.request("POST", "/operator/sign-out", headers={"Cookie": cookie, **SAME_ORIGIN})

    while await page.chunk():
        pass
    await other.document()


async def test_document_that_cannot_be_built_ends_the_streams_and_says_so_once(open_page, system, caplog, monkeypatch):
    page = await open_page()
    await page.document()

    monkeypatch.setattr(system, "snapshot", lambda: 1 / 0)

    while await page.chunk():
        pass
    assert [record.levelname for record in caplog.records if "dashboard_failed" in str(record.msg)] == ["ERROR"]
