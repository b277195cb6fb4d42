import asyncio
import itertools
import json
from pathlib import Path

import pytest

from omi_actors.clock import ManualClock, SystemClock
from scripts.lab.replay.accept_log import AcceptLog, load_promises
from scripts.lab.replay.generator import ConversationGenerator
from scripts.lab.replay.sender import Sender, build_signer
from tests.fakes.raw_server import read_request, serve_raw

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
ANSWER = b'HTTP/1.1 200 OK\r\nContent-Length: 24\r\n\r\n{"message":"It is ten."}'
DROPPED = b"HTTP/1.1 200 OK\r\nX-Omi-Actors-Dropped: overload\r\nContent-Length: 2\r\n\r\n{}"
VECTOR = json.loads((Path(__file__).parents[1] / "samples" / "omi" / "17_signed_v1_vector.json").read_text())
BROKEN = b"HTTP/1.1 503 Busy\r\nContent-Length: 2\r\n\r\n{}"


class Server:
    """Answers with the items of `responses`; notes request lines and the most requests of one user at once."""

    def __init__(self, responses, *, gate=None):
        self.lines, self.now, self.most_of_one_user = [], [], 0
        self._responses, self._gate = responses, gate

    async def __call__(self, reader, writer):
        while True:
            line = (await read_request(reader)).partition(b"\r\n")[0].decode()
            self.lines.append(line)
            self.now.append(line)
            self.most_of_one_user = max(self.most_of_one_user, *(self.now.count(one) for one in self.now))
            if self._gate is not None:
                await self._gate.wait()
            self.now.remove(line)
            writer.write(next(self._responses))


def _webhooks(count, *, users=5):
    return ConversationGenerator(seed=1, users=users, rate_per_s=1000.0, question_every=2).take(count)


async def test_sender_logs_acknowledged_webhooks(tmp_path):
    requests = _webhooks(20)
    async with serve_raw(Server(itertools.repeat(OK))) as target:
        with AcceptLog(tmp_path / "log") as log:
            sender = Sender(target, clock=SystemClock(), accept_log=log)
            await sender.send(requests)

    assert len(list(load_promises(tmp_path / "log"))) == 20
    assert sender.unacknowledged() == []


@pytest.mark.parametrize(
    ("response", "status", "dropped"), [(DROPPED, 200, "overload"), (BROKEN, 503, ""), (b"", 0, "")]
)
async def test_sender_logs_no_refused_webhook(tmp_path, response, status, dropped):
    requests = _webhooks(1)

    async def handler(reader, writer):
        await read_request(reader)
        writer.write(response)

    async with serve_raw(handler) as target:
        with AcceptLog(tmp_path / "log") as log:
            sender = Sender(target, clock=SystemClock(), accept_log=log)
            await sender.send(requests)

    assert (sender.outcomes[0].status, sender.outcomes[0].dropped) == (status, dropped)
    assert sender.unacknowledged() == requests
    assert (tmp_path / "log").read_bytes() == b""


async def test_sender_sends_one_users_webhooks_one_after_another():
    gate = asyncio.Event()
    server = Server(itertools.repeat(OK), gate=gate)
    async with serve_raw(server) as target:
        sender = Sender(target, clock=SystemClock())
        asyncio.get_running_loop().call_later(0.1, gate.set)
        await sender.send(_webhooks(40, users=4))

    assert len(server.lines) == 40
    assert server.most_of_one_user == 1


async def test_sender_counts_latency_from_the_scheduled_moment():
    gate = asyncio.Event()
    async with serve_raw(Server(itertools.repeat(OK), gate=gate)) as target:
        sender = Sender(target, clock=SystemClock())
        asyncio.get_running_loop().call_later(0.2, gate.set)
        await sender.send(_webhooks(10, users=1))

    # the stall delays all ten, also those that went out only after it
    assert min(outcome.latency_s for outcome in sender.outcomes) > 0.15


async def test_sender_notes_the_inline_answer():
    async with serve_raw(Server(itertools.repeat(ANSWER))) as target:
        sender = Sender(target, clock=SystemClock())
        await sender.send(_webhooks(1))

    assert sender.outcomes[0].message == "It is ten."


async def test_sender_counts_webhooks_in_flight_at_a_cancel_as_unacknowledged():
    requests = _webhooks(3, users=1)
    second = asyncio.Event()

    async def answer_one(reader, writer):
        for number in (1, 2):
            await read_request(reader)
            if number == 1:
                writer.write(OK)
        second.set()
        await reader.read()

    async with serve_raw(answer_one) as target:
        sender = Sender(target, clock=SystemClock())
        sending = asyncio.create_task(sender.send(requests))
        await asyncio.wait_for(second.wait(), timeout=5)
        sending.cancel()
        await asyncio.wait({sending}, timeout=5)

    assert sender.unacknowledged()[0] == requests[1]
    assert requests[0] not in sender.unacknowledged()


def test_signature_is_the_one_that_omi_makes():
    sign = build_signer([VECTOR["secret"]], ManualClock(VECTOR["timestamp"]))

    headers = sign(VECTOR["uid"], VECTOR["body_utf8"].encode())

    assert headers["X-Omi-Signature"] == VECTOR["headers"]["X-Omi-Signature"]


def test_two_secrets_make_two_signatures_of_one_time():
    clock = ManualClock(100.0)
    header = build_signer(["one", "two"], clock)("u", b"{}")["X-Omi-Signature"]

    singles = [build_signer([secret], clock)("u", b"{}")["X-Omi-Signature"] for secret in ("one", "two")]
    assert header == ",".join([singles[0], singles[1].partition(",")[2]])
