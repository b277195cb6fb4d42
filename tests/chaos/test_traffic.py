from collections import Counter

import pytest

from omi_actors.clock import SystemClock
from scripts.lab.chaos.traffic import Traffic
from scripts.lab.replay.http import HttpClient
from scripts.lab.replay.sender import Poster
from tests.fakes.raw_server import read_request, serve_raw

REFUSED = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"
DROPPED = b"HTTP/1.1 200 OK\r\nX-Omi-Actors-Dropped: store_unavailable\r\nContent-Length: 2\r\n\r\n{}"
KEPT = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


@pytest.fixture
async def talk():
    """Two people, one of whose senders retries, before a server that keeps nothing of its first two webhooks."""
    heads = []

    async def refuse_at_first(reader, writer):
        while True:
            head = await read_request(reader)
            heads.append(head)
            retries = b"idempotency-key" in head
            is_first = sum((b"idempotency-key" in one) == retries for one in heads) == 1
            refusal = REFUSED if retries else DROPPED
            writer.write(refusal if is_first else KEPT)
            if len(heads) >= 6:
                traffic.stop()

    async with serve_raw(refuse_at_first) as target, HttpClient(target.host, target.port) as http:
        clock = SystemClock()
        traffic = Traffic(Poster(target, http, clock=clock), people=2, period_s=0.05, seed=1, clock=clock)
        await traffic.run()
        yield traffic


async def test_retrier_sends_again_until_it_is_acknowledged_and_omi_does_not(talk):
    sent = Counter((one.retries, one.outcome.request.body) for one in talk.attempts)

    assert next(count for (retries, _), count in sent.items() if retries) == 2
    assert all(count == 1 for (retries, _), count in sent.items() if not retries)
    assert talk.given_up == []


async def test_replies_to_senders_are_noted(talk):
    told = Counter((one.retries, one.outcome.status, one.outcome.dropped) for one in talk.attempts)

    assert told[True, 503, ""] == 1
    assert told[False, 200, "store_unavailable"] == 1
    assert {one.outcome.request.query["uid"] for one in talk.attempts if one.retries}.isdisjoint(
        one.outcome.request.query["uid"] for one in talk.attempts if not one.retries
    )
