import pytest

from scripts.lab.replay.http import ConnectionFailedError, HttpClient
from tests.fakes.raw_server import read_request, serve_raw


def _always(response):
    async def handler(reader, writer):
        while True:
            await read_request(reader)
            writer.write(response)

    return handler


OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Some: thing\r\n\r\n{}"


async def test_client_reads_status_headers_and_body():
    async with serve_raw(_always(OK)) as target, HttpClient(target.host, target.port) as http:
        response = await http.request("POST", "/omi-webhook?uid=u1", body=b"{}")

    assert (response.status, response.headers["x-some"], response.body) == (200, "thing", b"{}")


async def test_client_reuses_a_connection():
    connections = []

    async def handler(reader, writer):
        connections.append(writer)
        await _always(OK)(reader, writer)

    async with serve_raw(handler) as target, HttpClient(target.host, target.port) as http:
        for _ in range(3):
            await http.request("GET", "/")

    assert len(connections) == 1


async def test_client_opens_a_new_connection_after_close():
    closing = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
    connections = []

    async def handler(reader, writer):
        connections.append(writer)
        await read_request(reader)
        writer.write(closing)

    async with serve_raw(handler) as target, HttpClient(target.host, target.port) as http:
        for _ in range(2):
            await http.request("GET", "/")

    assert len(connections) == 2


async def test_client_reads_a_chunked_body():
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nB;x=y\r\ndefghijklmn\r\n0\r\n\r\n"

    async with serve_raw(_always(chunked)) as target, HttpClient(target.host, target.port) as http:
        bodies = [(await http.request("GET", "/")).body for _ in range(2)]

    assert bodies == [b"abcdefghijklmn"] * 2


@pytest.mark.parametrize(
    "torn",
    [b"", b"HTTP/1.1 200 OK\r\nContent-Le", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}", b"rubbish\r\n\r\n"],
)
async def test_client_says_that_no_whole_response_came(torn):
    async def handler(reader, writer):
        await read_request(reader)
        writer.write(torn)

    async with serve_raw(handler) as target, HttpClient(target.host, target.port) as http:
        with pytest.raises(ConnectionFailedError):
            await http.request("GET", "/")


async def test_client_gives_up_after_its_timeout():
    async def handler(reader, _writer):
        await reader.read()

    async with serve_raw(handler) as target, HttpClient(target.host, target.port, timeout_s=0.05) as http:
        with pytest.raises(ConnectionFailedError):
            await http.request("GET", "/")


async def test_client_keeps_the_token_out_of_its_errors():
    async with HttpClient("127.0.0.1", 1) as http:
        with pytest.raises(ConnectionFailedError) as caught:
            await http.request("POST", "/omi-webhook?uid=u1&token=s3cret")

    assert "s3cret" not in str(caught.value)
