import asyncio

import pytest

from scripts.lab.chaos.link import Link


@pytest.fixture
async def link():
    """A link before a server that says everything again."""

    async def echo(reader, writer):
        while data := await reader.read(100):
            writer.write(data)
        writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    link = Link(lambda: asyncio.open_connection("127.0.0.1", port))
    await link.start()
    yield link
    await link.stop()
    server.close()


async def _say(link, words):
    reader, writer = await asyncio.open_connection("127.0.0.1", link.port)
    writer.write(words)
    return reader, writer


async def test_link_carries_both_ways(link):
    reader, writer = await _say(link, b"one")

    assert await reader.readexactly(3) == b"one"
    writer.close()


async def test_link_that_is_cut_carries_nothing_and_afterwards_everything(link):
    reader, writer = await _say(link, b"one")
    await reader.readexactly(3)
    link.cut()
    writer.write(b"two")
    new_reader, new_writer = await _say(link, b"new")

    answers = [asyncio.create_task(one.readexactly(3)) for one in (reader, new_reader)]
    done, _ = await asyncio.wait(answers, timeout=0.05)
    link.mend()

    assert done == set()
    assert await asyncio.gather(*answers) == [b"two", b"new"]
    for one in (writer, new_writer):
        one.close()
