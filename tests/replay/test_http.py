import pytest

from scripts.lab.replay.http import ConnectionFailedError, ForeignTargetError, HttpClient, parse_target
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
async def test_client_raises_an_error_without_a_whole_response(torn):
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


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:3000", "http://localhost:3000/", "http://[::1]:3000", "http://127.8.8.8:3000"]
)
def test_target_on_this_machine_is_allowed(url):
    assert parse_target(url).port == 3000


@pytest.mark.parametrize(
    "url", ["http://10.0.0.5:3000", "http://example.org", "http://127.0.0.1.example.org", "http://0.0.0.0:1"]
)
def test_target_elsewhere_is_refused_unless_owned(url):
    with pytest.raises(ForeignTargetError, match="--i-own-this-server"):
        parse_target(url)

    assert parse_target(url, is_ours=True).host


@pytest.mark.parametrize("url", ["https://127.0.0.1", "127.0.0.1:3000", "http://", "http://127.0.0.1:3000/omi-webhook"])
def test_target_must_be_a_plain_http_address(url):
    with pytest.raises(ValueError, match="looks like"):
        parse_target(url)


def test_target_adds_its_token_to_the_query():
    target = parse_target("http://127.0.0.1:3000", token="a b&c")  # noqa: S106 (only its letters matter)

    assert target.webhook_path("/omi-webhook", {"uid": "u1"}) == "/omi-webhook?uid=u1&token=a+b%26c"
