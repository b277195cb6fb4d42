import asyncio

import pytest

from scripts.lab.chaos.proxy import Proxy
from scripts.lab.replay.http import ConnectionFailedError, HttpClient
from tests.fakes.raw_server import read_request, serve_raw


@pytest.fixture
async def relay():
    """A proxy before a server that answers every request with the number of those that it has seen."""
    seen = []

    async def answer(reader, writer):
        while True:
            seen.append(await read_request(reader))
            body = str(len(seen)).encode()
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))

    async with serve_raw(answer) as target:
        proxy = Proxy(target.port)
        await proxy.start()
        async with HttpClient("127.0.0.1", proxy.port, timeout_s=5.0) as http:
            yield proxy, http, seen
        await proxy.stop()


async def test_proxy_relays_replies_that_it_must_not_lose(relay):
    proxy, http, _ = relay

    replies = [(await http.request("POST", "/", body=b"x")).body for _ in range(3)]

    assert replies == [b"1", b"2", b"3"]
    assert (proxy.lost, proxy.swallowed) == (0, [])


async def test_proxy_loses_replies_in_two_ways_after_the_server_has_acted(relay):
    proxy, http, seen = relay
    proxy.lose_every = 1

    for _ in range(2):
        with pytest.raises(ConnectionFailedError):
            await http.request("POST", "/", body=b"x")

    proxy.lose_every = 0
    assert (await http.request("POST", "/", body=b"x")).body == b"3"
    assert len(seen) == 3
    assert proxy.lost == 2
    assert [reply[-1:] for reply in proxy.swallowed] == [b"2"]


async def test_proxy_switches_to_another_server_and_keeps_late_replies_of_the_old_one():
    is_asked, may_answer = asyncio.Event(), asyncio.Event()

    async def hesitate(reader, writer):
        await read_request(reader)
        is_asked.set()
        await may_answer.wait()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlate")

    async def answer(reader, writer):
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nother")

    async with serve_raw(hesitate) as first, serve_raw(answer) as second:
        proxy = Proxy(first.port)
        await proxy.start()
        async with HttpClient("127.0.0.1", proxy.port, timeout_s=5.0) as http:
            asking = asyncio.create_task(http.request("POST", "/", body=b"x"))
            await is_asked.wait()
            proxy.lead_to(second.port)
            with pytest.raises(ConnectionFailedError):
                await asking

            assert (await http.request("POST", "/", body=b"x")).body == b"other"
            may_answer.set()
            async with asyncio.timeout(5.0):
                while not proxy.swallowed:  # noqa: ASYNC110 (what is swallowed tells nobody)
                    await asyncio.sleep(0)
        await proxy.stop()

    assert [reply[-4:] for reply in proxy.swallowed] == [b"late"]
