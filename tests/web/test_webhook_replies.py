"""Replies to webhooks: kept, answered, dropped, refused; and reports of answers."""

import asyncio
import threading

import pytest
from structlog.testing import capture_logs

from omi_actors.actors.session.messages import Ingested, IngestSegments, ReplySent
from omi_actors.clock import ManualClock
from omi_actors.errors import FencedError, OmiError, StoreError, StoreUnavailableError
from omi_actors.instruments.logs import LogContext, current_context
from omi_actors.kit.errors import ActorUnavailableError, AskTimeoutError, MailboxFullError
from tests.web.conftest import UID
from tests.web.http_client import TIMEOUT_S, Connection

ONE = {"segments": [{"text": "the secret word is swordfish"}]}


def many(count):
    return {"segments": [{"text": str(number)} for number in range(count)]}


@pytest.fixture
def told(system):
    """Wait until the system has received a message."""
    event = asyncio.Event()
    system.on_received = event.set

    async def wait():
        await asyncio.wait_for(event.wait(), TIMEOUT_S)
        event.clear()

    return wait


async def test_kept_without_an_answer_is_an_empty_object(post, metric):
    before = metric("omi_webhooks_total", kind="realtime_transcript", outcome="accepted")

    reply = await post(ONE, X_Request_Id="abc-1")

    assert (reply.status, reply.body, reply.dropped) == (200, b"{}", None)
    assert reply.headers["x-request-id"] == "abc-1"
    assert reply.headers["content-type"] == "application/json; charset=utf-8"
    assert "date" in reply.headers
    assert metric("omi_webhooks_total", kind="realtime_transcript", outcome="accepted") == before + 1


async def test_answer_is_the_message_and_reported_as_having_reached(post, system):
    system.outcomes.append(Ingested("Es ist Grün: \U0001f7e2", "d1"))

    reply = await post(ONE)

    assert reply.json == {"message": "Es ist Grün: \U0001f7e2"}
    assert system.sent == [ReplySent(f"omi:{UID}", "d1", True)]


async def test_answer_that_comes_later_is_awaited(post, system, told):
    system.outcomes.append(None)
    waiting = asyncio.create_task(post(ONE))
    await told()

    system.open[0].try_set(Ingested("late but there", "d1"))

    assert (await waiting).json == {"message": "late but there"}


async def test_answer_after_the_connection_closed_is_reported_as_not_having_reached(connection, post, system, told):
    system.outcomes.append(None)
    waiting = asyncio.create_task(post(ONE))
    await told()
    gone = asyncio.Event()
    system.on_sent = gone.set

    connection.abort()
    with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
        await waiting
    await asyncio.sleep(0)
    system.open[0].try_set(Ingested("for nobody", "d1"))

    await asyncio.wait_for(gone.wait(), TIMEOUT_S)
    assert system.sent == [ReplySent(f"omi:{UID}", "d1", False)]


async def test_system_gets_the_reply_deadline_and_a_second(start, system):
    async with await Connection.open(await start(WEBHOOK_REPLY_DEADLINE_MS="2000")) as connection:
        await connection.request("POST", "/omi-webhook?uid=u", b'{"segments":[{"text":"a"}]}')

    assert system.timeouts == [pytest.approx(3.0, abs=0.5)]


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (MailboxFullError("full"), "overloaded"),
        (StoreUnavailableError("down"), "store_unavailable"),
        (StoreError("no"), "store_failed"),
        (FencedError("moved"), "session_moved"),
        (ActorUnavailableError("gone"), "session_unavailable"),
        (AskTimeoutError("slow"), "timeout"),
        (OmiError("?"), "internal_error"),
        (RuntimeError("swordfish"), "internal_error"),
    ],
)
async def test_trouble_is_answered_200_with_the_drop_header(error, reason, post, system, metric):
    system.outcomes.append(error)
    before = metric("omi_webhooks_dropped_total", reason=reason)

    with capture_logs() as lines:
        reply = await post(ONE)

    assert (reply.status, reply.body, reply.dropped) == (200, b"{}", reason)
    assert ("webhook failed" in [line["event"] for line in lines]) == isinstance(error, RuntimeError)
    assert metric("omi_webhooks_dropped_total", reason=reason) == before + 1


@pytest.mark.parametrize("error", [MailboxFullError("full", retry_after_s=7), StoreUnavailableError("down")])
async def test_sender_that_retries_is_asked_to(error, post, system):
    system.outcomes.append(error)

    reply = await post(ONE, Idempotency_Key="k")

    assert reply.status == 503
    assert reply.dropped is None
    assert int(reply.headers["retry-after"]) == (7 if isinstance(error, MailboxFullError) else 5)
    assert reply.json["code"] in ("overloaded", "store_unavailable")


async def test_sender_that_retries_is_not_asked_to_when_it_cannot_help(post):
    reply = await post({"segments": "all"}, Idempotency_Key="k")

    assert (reply.status, reply.dropped) == (200, "segments_not_an_array")


async def test_answer_is_given_also_when_a_part_was_invalid(post, system):
    system.outcomes.append(Ingested("Forty-two.", "d1"))

    reply = await post({"segments": [{"text": "a"}, None]})

    assert reply.json == {"message": "Forty-two."}
    assert reply.dropped.startswith("1 of 2 segments invalid")


async def test_more_than_1000_segments_come_in_slices_in_order(post, system):
    reply = await post(many(2500))

    assert (reply.status, reply.dropped) == (200, None)
    assert [len(message.segments) for message in system.received] == [1000, 1000, 500]
    assert system.texts == [str(number) for number in range(2500)]


async def test_exactly_1000_segments_are_one_message(post, system):
    await post(many(1000))

    assert len(system.received) == 1


async def test_slices_are_sent_four_at_a_time(post, system, told):
    system.outcomes.extend([None] * 6)
    waiting = asyncio.create_task(post(many(6000)))

    await told()
    assert len(system.received) == 4
    system.open[2].try_set(Ingested())
    assert len(system.received) == 5
    for future in (*system.open, system.open[0]):
        future.try_set(Ingested())
    system.open[5].try_set(Ingested())

    assert (await waiting).dropped is None
    assert system.texts == [str(number) for number in range(6000)]


async def test_webhook_is_acknowledged_only_when_its_last_slice_is_kept(post, system, told):
    system.outcomes.extend([Ingested(), None, Ingested()])
    waiting = asyncio.create_task(post(many(3000)))
    await told()
    done_early, _ = await asyncio.wait([waiting], timeout=0.05)

    system.open[0].try_fail(StoreUnavailableError("down"))

    assert not done_early
    assert (await waiting).dropped == "store_unavailable"


async def test_first_answer_of_many_slices_is_sent_and_the_others_are_not_lost(post, system):
    system.outcomes.extend([Ingested(), Ingested("first", "d1"), Ingested("second", "d2")])

    reply = await post(many(3000))

    assert reply.json == {"message": "first"}
    assert sorted((sent.delivery_id, sent.reached) for sent in system.sent) == [("d1", True), ("d2", False)]


async def test_one_slice_that_failed_fails_the_webhook_and_stops_the_rest(post, system):
    system.outcomes.extend([Ingested("an answer", "d1"), StoreUnavailableError("down")])

    reply = await post(many(9000))

    assert reply.dropped == "store_unavailable"
    assert len(system.received) == 2
    assert system.sent == [ReplySent(f"omi:{UID}", "d1", False)]


async def test_system_sees_request_and_session_as_its_log_context(post, system):
    seen = []
    system.on_received = lambda: seen.append(current_context())

    await post(many(1001), X_Request_Id="req-9")

    assert seen == [LogContext("req-9", f"omi:{UID}")] * 2


async def test_drops_are_logged_with_their_reason_and_never_with_text_or_token(post, system):
    system.outcomes.extend([StoreUnavailableError("down"), RuntimeError("swordfish")])

    with capture_logs() as lines:
        await post(ONE, f"uid={UID}&token=hook-token-of-the-tests-alone")
        await post(ONE, f"uid={UID}&token=hook-token-of-the-tests-alone")
        await post(b"{swordfish", f"uid={UID}&token=hook-token-of-the-tests-alone")
        await post({"segments": [{"text": "swordfish"}, {"swordfish": 1}]})
    drops = [line for line in lines if line["event"] != "request"]

    assert [line["reason"] for line in drops] == [
        "store_unavailable",
        "internal_error",
        "malformed_json",
        "invalid_segments",
    ]
    assert [line["log_level"] for line in drops] == ["warning", "error", "warning", "warning"]
    assert len(lines) == 2 * len(drops)
    drops[1].pop("exc_info")  # the pipeline strips foreign sentences
    assert "swordfish" not in str(lines)
    assert "hook-token-of-the-tests-alone" not in str(lines)


async def test_kept_webhook_has_its_line_at_info_without_its_words(post, caplog):
    caplog.set_level("INFO")
    with capture_logs() as lines:
        await post(ONE)

    (line,) = lines
    assert (line["event"], line["log_level"], line["status"]) == ("request", "info", 200)
    assert (line["route"], line["kind"], line["answered"]) == ("/omi-webhook", "realtime_transcript", False)
    assert "hook-token-of-the-tests-alone" not in str(line)


async def test_kept_webhook_writes_no_line_above_info(post, caplog):
    caplog.set_level("WARNING")
    with capture_logs() as lines:
        await post(ONE)

    assert lines == []


async def test_slow_webhook_is_logged(start, system):
    clock = ManualClock()
    system.on_received = lambda: clock.advance(1.5)
    async with await Connection.open(await start(clock)) as connection:
        with capture_logs() as lines:
            await connection.request("POST", "/omi-webhook?uid=u", b'{"segments":[{"text":"a"}]}')

    assert [(line["event"], line["seconds"]) for line in lines] == [("slow webhook", 1.5)]


async def test_answer_may_take_longer_than_other_requests(start, system):
    clock = ManualClock()
    system.on_received = lambda: clock.advance(5)
    system.outcomes.append(Ingested("thought long", "d1"))
    async with await Connection.open(await start(clock)) as connection:
        with capture_logs() as lines:
            await connection.request("POST", "/omi-webhook?uid=u", b'{"segments":[{"text":"a"}]}')

    assert [(line["event"], line["answered"]) for line in lines] == [("request", True)]


async def test_answer_that_cannot_be_written_is_not_waited_for(post, system, told):
    system.outcomes.append(None)
    waiting = asyncio.create_task(post(ONE))
    await told()

    with capture_logs() as lines:
        system.open[0].try_set(Ingested("half a character: \ud83d", "d1"))

    assert (await waiting).dropped == "internal_error"
    assert lines[0]["event"] == "webhook failed"


async def test_body_over_256_kb_is_read_off_the_loop(post, system):
    seen = []
    real = "x" * 300_000
    system.on_received = lambda: seen.append(threading.current_thread() is threading.main_thread())

    reply = await post({"segments": [{"text": real}]})

    assert (reply.status, system.texts) == (200, [real])
    assert seen == [True]  # the system is spoken to on the loop all the same


async def test_large_odd_body_is_refused_from_its_thread_like_a_small_one(post):
    assert (await post(b"[" + b" " * 300_000)).status == 400
    assert (await post(b'"' + b"x" * 300_000 + b'"')).dropped == "not_an_object"


async def test_messages_are_of_the_right_kind(post, system):
    await post(ONE)

    assert isinstance(system.received[0], IngestSegments)
    assert system.received[0].received_at > 1.7e9


async def test_long_texts_come_in_slices_in_order(post, system):
    await post({"segments": [{"text": f"{number} " + "x" * 30_000} for number in range(5)]})

    assert [len(message.segments) for message in system.received] == [2, 2, 1]
    assert [text[0] for text in system.texts] == list("01234")
