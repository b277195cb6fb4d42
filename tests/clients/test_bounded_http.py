"""HTTP clients against servers that redirect elsewhere, or would fill our memory."""

import asyncio
import gzip
import tracemalloc
import zlib

import pytest

from omi_actors.clients.bounded_http import MAX_ERROR_BYTES
from omi_actors.clients.model_server import ask_model_server
from omi_actors.clients.omi_api import OmiApi
from omi_actors.domain.answers.failures import explain_failure, find_fault
from omi_actors.domain.answers.patience import may_fall_back
from omi_actors.errors import UpstreamError, UpstreamRejectedError, UpstreamUnavailableError, UpstreamUnclearError
from tests.canaries import MODEL_KEY
from tests.clients.test_openai_model import PROMPT, build
from tests.fakes.omi_server import APP_ID, SECRET
from tests.fakes.openai_server import listening_fake
from tests.fakes.raw_server import read_request, serve_raw

# Lines that a reader of an event stream passes over.
MB = (b":" + b"x" * 1022 + b"\n") * 1024
CHUNK = b"%x\r\n%s\r\n" % (len(MB), MB)
DEADLINE_S = 20.0


def pack_gzip(data):
    """Compress without a time, so that the names of tests are the same in each process."""
    return gzip.compress(data, mtime=0)


class Sender:
    """Sends `head`, and then without end, counting; or `body` alone."""

    def __init__(self, head, body=None):
        self.heads = []
        self.sent_bytes = 0
        self._head, self._body = head, body

    async def __call__(self, reader, writer):
        self.heads.append(await read_request(reader))
        writer.write(self._head)
        if self._body is not None:
            writer.write(self._body)
            await writer.drain()
            return
        while not writer.is_closing():
            writer.write(CHUNK)
            await writer.drain()
            self.sent_bytes += len(MB)


def chunked(status, content_type):
    return f"HTTP/1.1 {status} X\r\nContent-Type: {content_type}\r\nTransfer-Encoding: chunked\r\n\r\n".encode()


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirect_of_a_model_is_not_followed(status):
    async with listening_fake() as elsewhere:
        target_url = f"{elsewhere.url}/chat/completions"
        head = f"HTTP/1.1 {status} X\r\nLocation: {target_url}\r\nContent-Length: 0\r\n\r\n".encode()
        async with serve_raw(Sender(head, b"")) as target:
            model = build(f"http://{target.host}:{target.port}/v1")
            with pytest.raises(UpstreamRejectedError) as caught:
                await model.answer(PROMPT, deadline_s=DEADLINE_S)
            await model.close()

        assert caught.value.code == "redirected"
        assert elsewhere.calls == []


async def test_redirect_of_the_list_of_models_is_not_followed():
    async with listening_fake() as elsewhere:

        async def redirect(reader, writer):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(f"HTTP/1.1 307 X\r\nLocation: {elsewhere.url}/models\r\nContent-Length: 0\r\n\r\n".encode())
            await writer.drain()

        async with serve_raw(redirect) as target:
            url = f"http://{target.host}:{target.port}/v1"
            with pytest.raises(UpstreamRejectedError, match="another address"):
                await ask_model_server(api_key=MODEL_KEY, base_url=url, timeout_s=5.0)


UNREADABLE = [
    pytest.param(b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * 200_000 + b"\r\n\r\n", id="one long header"),
    pytest.param(b"HTTP/1.1 200 OK\r\n" + b"X-Many: y\r\n" * 20_000 + b"\r\n", id="many headers"),
    pytest.param(b"HTTP/1.1 500 " + b"x" * 200_000 + b"\r\n\r\n", id="a long reason"),
    pytest.param(b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n", id="no header"),
    pytest.param(b"SSH-2.0-OpenSSH_9.6\r\n\r\n", id="no HTTP"),
]


@pytest.mark.parametrize("head", UNREADABLE)
async def test_head_that_cannot_be_read_is_the_servers_fault_and_final(head):
    async with serve_raw(Sender(head, b"")) as target:
        url = f"http://{target.host}:{target.port}/v1"
        model = build(url)
        with pytest.raises(UpstreamRejectedError, match="the model's server, or a proxy") as caught:
            await model.answer(PROMPT, deadline_s=DEADLINE_S)
        with pytest.raises(UpstreamRejectedError, match="the model's server, or a proxy"):
            await ask_model_server(api_key=MODEL_KEY, base_url=url, timeout_s=DEADLINE_S)
        await model.close()

    assert find_fault(caught.value).cause == "unreadable_reply"
    assert not may_fall_back(caught.value)  # the next model is at the same server
    assert "can't be reached" in explain_failure(caught.value)


@pytest.mark.parametrize("head", UNREADABLE)
async def test_head_of_omis_reply_that_cannot_be_read_is_no_clear_result(head):
    async with serve_raw(Sender(head, b"")) as target:
        url = f"http://{target.host}:{target.port}"
        api = OmiApi(app_id=APP_ID, secret=SECRET, url=url, version="v1", timeout_s=DEADLINE_S)
        with pytest.raises(UpstreamUnclearError, match="Omi's API"):
            await api.notify("ada", "hello")
        await api.close()


@pytest.mark.parametrize(
    ("status", "says"),
    [
        (200, "sent more bytes than an answer may have"),
        (400, "refused the request"),
        (401, "refuses OPENAI_API_KEY"),
        (500, "answered 500"),
    ],
)
async def test_endless_answer_ends_at_its_limit(status, says):
    sender = Sender(chunked(status, "text/event-stream"))
    async with serve_raw(sender) as target:
        model = build(f"http://{target.host}:{target.port}/v1")
        async with asyncio.timeout(DEADLINE_S):
            with pytest.raises(UpstreamError, match=says):
                await model.answer(PROMPT, deadline_s=DEADLINE_S)
        await model.close()

    # What the kernel holds on both sides comes on top.
    assert sender.sent_bytes < MAX_ERROR_BYTES + 32 * len(MB)


HELLO = b'data: {"choices": [{"delta": {"content": "hello"}, "finish_reason": "stop"}]}\n\ndata: [DONE]\n\n'
RAW_DEFLATE = zlib.compressobj(wbits=-15)


@pytest.mark.parametrize(
    ("encoding", "packed"),
    [
        ("gzip", pack_gzip(HELLO)),
        ("gzip", pack_gzip(HELLO[:40]) + pack_gzip(HELLO[40:])),
        ("gzip, identity", pack_gzip(HELLO)),
        ("identity", pack_gzip(HELLO)),
        ("gzip", HELLO),
        ("X-GZIP", pack_gzip(HELLO)),
        ("deflate", zlib.compress(HELLO)),
        ("deflate", RAW_DEFLATE.compress(HELLO) + RAW_DEFLATE.flush()),
        ("identity", HELLO),
    ],
)
async def test_compressed_answer_is_not_requested_but_read(encoding, packed):
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: {encoding}\r\nContent-Length: {len(packed)}\r\n\r\n"
    sender = Sender(head.encode(), packed)
    async with serve_raw(sender) as target:
        model = build(f"http://{target.host}:{target.port}/v1")
        answer = await model.answer(PROMPT, deadline_s=DEADLINE_S)
        await model.close()

    assert answer.text == "hello"
    assert b"accept-encoding: identity\r\n" in sender.heads[0].lower()


@pytest.mark.parametrize("packed", [pack_gzip(MB * 40), b"\x1f\x8b no gzip", pack_gzip(HELLO[:40])])
async def test_compressed_answer_that_is_endless_or_none_is_a_failure_and_fills_no_memory(packed):
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(packed)
    async with serve_raw(Sender(head, packed)) as target:
        model = build(f"http://{target.host}:{target.port}/v1")
        await model.load()
        tracemalloc.start()
        with pytest.raises(UpstreamUnavailableError):
            await model.answer(PROMPT, deadline_s=DEADLINE_S)
        peak_bytes = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        await model.close()

    assert peak_bytes < 5_000_000


@pytest.mark.parametrize(("status", "is_sent"), [(200, True), (503, False)])
async def test_endless_reply_of_omi_is_not_read(status, is_sent):
    sender = Sender(chunked(status, "application/json"))
    async with serve_raw(sender) as target:
        url = f"http://{target.host}:{target.port}"
        api = OmiApi(app_id=APP_ID, secret=SECRET, url=url, version="v1", timeout_s=DEADLINE_S)
        try:
            await api.notify("ada", "hello")
            was_notified = True
        except UpstreamError:
            was_notified = False
        await api.close()

    assert was_notified is is_sent
    assert sender.sent_bytes < 32 * len(MB)
