"""A repeated signed webhook is taken once, even if its unsigned parts changed."""

import asyncio
import json

import pytest

from omi_actors.actors.session.messages import Ingested
from omi_actors.clock import ManualClock
from omi_actors.errors import RepeatedError, StoreUnavailableError
from scripts.lab.replay.sender import build_signer
from tests.canaries import SIGNING_SECRET
from tests.web.http_client import Connection
from web.auth import REMEMBERED_S, Replays

SPEECH = json.dumps({"session_id": "ada", "segments": [{"id": "s1", "text": "hello", "start": 1, "end": 2}]}).encode()
# A body that is kept whole and has no id of its own.
EVENT = json.dumps({"session_id": "ada", "button": "pressed"}).encode()
OLD_SECRET = "whsec_the_one_before"  # noqa: S105 (the tests' own)


class Omi:
    """Omi, which signs webhooks, and an attacker who has recorded them."""

    def __init__(self, port, clock):
        self._port = port
        self._clock = clock

    def sign(self, body=SPEECH, uid="ada", secrets=(SIGNING_SECRET,)):
        return build_signer(secrets, self._clock)(uid, body)

    async def send(self, headers, body=SPEECH, query="uid=ada", path="/omi-webhook"):
        async with await Connection.open(self._port) as connection:
            return await connection.request("POST", f"{path}?{query}", body, headers)


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
async def omi(start, clock):
    secrets = f"{SIGNING_SECRET},{OLD_SECRET}"
    return Omi(await start(clock, OMI_SIGNING_SECRETS=secrets, RATE_LIMIT_MAX_WEBHOOKS="3"), clock)


@pytest.mark.parametrize("body", [SPEECH, EVENT])
@pytest.mark.parametrize(
    ("query", "path", "changed"),
    [
        ("uid=ada", "/omi-webhook", {}),
        ("uid=ada&session_id=other&token=x", "/omi-webhook", {}),
        ("session_id=other&uid=eve&uid=%61da", "/omi-webhook/", {}),
        ("uid=ada", "/omi-webhook", {"X-Omi-Delivery": "another"}),
        ("uid=ada", "/omi-webhook", {"Idempotency-Key": "another"}),
        ("uid=ada", "/omi-webhook", {"X-Omi-Event": "day_summary", "Content-Type": "text/plain"}),
    ],
)
async def test_webhook_that_was_kept_is_not_taken_again_with_unsigned_changes(body, query, path, changed, omi, system):
    headers = omi.sign(body) | {"X-Omi-Delivery": "one", "Idempotency-Key": "one"}
    first = await omi.send(headers, body)
    system.outcomes.append(Ingested("384,400 km.", "d1"))

    again = await omi.send(headers | changed, body, query, path)

    assert (first.status, len(system.received)) == (200, 1)
    assert (again.status, again.body, again.dropped) == (200, b"{}", None)


@pytest.mark.parametrize("query", ["uid=eve", "uid=ada&uid=eve", "session_id=ada", "", "uid=", "uid=ada.", "uid=ad"])
async def test_webhook_without_the_right_token_is_refused(query, omi, system):
    assert (await omi.send(omi.sign(), query=query)).status == 401
    assert system.received == []


async def test_border_between_uid_and_body_cannot_be_moved(omi, system):
    headers, body = omi.sign(b"a." + SPEECH), SPEECH

    assert (await omi.send(headers, body, query="uid=ada.a")).dropped == "invalid_owner"
    assert system.received == []


async def test_webhook_is_refused_when_its_time_is_over(omi, clock, system):
    headers = omi.sign()
    clock.advance(301)

    assert (await omi.send(headers)).status == 401
    assert system.received == []


@pytest.mark.parametrize("kept", [0, 1, 2])
async def test_webhook_that_is_signed_twice_is_the_same_by_either_signature(kept, omi, system):
    """While Omi rotates its secret, a replay may omit one of the signatures."""
    both = omi.sign(secrets=(SIGNING_SECRET, OLD_SECRET))
    stamp, *signatures = both["X-Omi-Signature"].split(",")
    forms = [both, *({"X-Omi-Signature": f"{stamp},{one}"} for one in signatures)]
    await omi.send(forms[kept])

    replies = [await omi.send(form) for form in forms]

    assert [(reply.status, reply.body) for reply in replies] == [(200, b"{}")] * 3
    assert len(system.received) == 1


async def test_retry_with_a_new_signature_is_taken(omi, clock, system):
    await omi.send(omi.sign())
    clock.advance(1)
    system.outcomes.append(Ingested("384,400 km.", "d1"))

    again = await omi.send(omi.sign())

    # The session decides which segments are new, and gives no answer to known ones.
    assert again.json == {"message": "384,400 km."}
    assert [message.needs_news for message in system.received] == [True, True]


async def test_same_words_in_two_webhooks_are_two_webhooks(omi, clock, system):
    await omi.send(omi.sign(EVENT), EVENT)
    clock.advance(1)
    await omi.send(omi.sign(EVENT) | {"Idempotency-Key": "another"}, EVENT)

    assert len(system.received) == 2


@pytest.mark.parametrize(("retries", "status"), [({}, 200), ({"Idempotency-Key": "one"}, 503)])
async def test_webhook_that_was_not_kept_is_taken_when_it_comes_again(retries, status, omi, system):
    system.outcomes.append(StoreUnavailableError("away"))
    headers = omi.sign() | retries

    lost, again = await omi.send(headers), await omi.send(headers)

    assert (lost.status, again.status, again.dropped, len(system.received)) == (status, 200, None, 2)


@pytest.mark.parametrize(
    ("retries", "status", "reason"), [({}, 200, "repeated"), ({"Idempotency-Key": "one"}, 503, None)]
)
async def test_webhook_that_is_still_under_way_is_answered_as_repeated(retries, status, reason, omi, system):
    system.outcomes.append(None)
    told = asyncio.Event()
    system.on_received = told.set
    headers = omi.sign() | retries
    first = asyncio.ensure_future(omi.send(headers))
    await told.wait()

    meanwhile = await omi.send(headers)
    system.open[0].try_set(Ingested())
    assert (await first).dropped is None

    afterwards = await omi.send(headers)
    assert (meanwhile.status, meanwhile.dropped) == (status, reason)
    assert (afterwards.status, afterwards.body, afterwards.dropped) == (200, b"{}", None)
    assert len(system.received) == 1


async def test_repeated_webhook_does_not_count_against_the_limit(omi, clock, system):
    headers = omi.sign()
    for _ in range(9):
        await omi.send(headers)
    clock.advance(1)

    assert (await omi.send(omi.sign())).dropped is None
    assert len(system.received) == 2


async def test_repetitions_are_counted_as_such(omi, metric):
    labels = {"kind": "realtime_transcript", "outcome": "repeated"}
    before = metric("omi_webhooks_total", **labels)
    headers = omi.sign()

    await omi.send(headers)
    await omi.send(headers)

    assert metric("omi_webhooks_total", **labels) == before + 1


async def test_webhooks_with_a_token_are_the_stores_to_recognise(start, system):
    """A recorded webhook shows the token, which allows further webhooks."""
    async with await Connection.open(await start()) as connection:
        for _ in range(2):
            await connection.request("POST", "/omi-webhook?uid=ada&token=hook-token-of-the-tests-alone", SPEECH)

    assert [message.needs_news for message in system.received] == [False, False]


def test_kept_webhook_is_remembered_while_its_signature_can_be_valid(clock):
    replays = Replays(clock)
    assert replays.begin("a")
    replays.keep("a")

    clock.advance(REMEMBERED_S - 1)
    assert not replays.begin("a")
    clock.advance(1)

    assert replays.begin("a")
    assert REMEMBERED_S == 2 * 300


def test_memory_is_bounded_and_forgets_the_oldest(clock):
    replays = Replays(clock, most=2)
    for seal in "abc":
        assert replays.begin(seal)
        replays.keep(seal)

    assert [replays.begin(seal) for seal in "cb"] == [False, False]
    assert replays.begin("a")


def test_seal_under_way_is_neither_new_nor_kept(clock):
    replays = Replays(clock)
    replays.begin("a")

    with pytest.raises(RepeatedError):
        replays.begin("a")
    replays.forget("a")
    assert replays.begin("a")
