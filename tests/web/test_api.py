"""Transcript, health, metrics; errors in one form."""

import gc

import pytest
from structlog.testing import capture_logs

from omi_actors.domain.hearing.segments import StoredSegment
from omi_actors.domain.sessions.records import StoredMessage, Transcript
from omi_actors.errors import StoreUnavailableError
from omi_actors.kit.errors import AskTimeoutError, MailboxFullError
from tests.web.conftest import ADMIN, UID
from tests.web.http_client import Connection

FORM = {"error", "code", "hint", "request_id", "requestId", "timestamp"}
SEGMENT = StoredSegment("k1", 7, "c1", "hello", "SPEAKER_00", 0, True, None, 1.5, 2.0, 1_790_000_000.25)
MESSAGE = StoredMessage(
    message_id="m1",
    conversation_id="c1",
    role="assistant",
    kind="answer",
    source="system",
    text="hi",
    model="demo",
    created_at=1_790_000_001.0,
    job_id="j1",
    delivery_state="sent",
    delivery_channel="inline",
)


@pytest.fixture
def transcript(system):
    page = Transcript(session_key=f"omi:{UID}", segments=(SEGMENT,), messages=(MESSAGE,), next_after_seq=7)
    system.transcripts = {f"omi:{UID}": page, "chat:secret": page}
    return page


@pytest.fixture
def get(connection):
    async def get_it(target, method="GET", **headers):
        return await connection.request(method, target, b"", headers)

    return get_it


@pytest.mark.usefixtures("transcript")
async def test_transcript_shows_segments_and_messages_to_the_operator(get):
    reply = await get(f"/transcript/{UID}", **ADMIN)

    assert reply.status == 200
    assert reply.json == {
        "sessionId": UID,
        "transcripts": [
            {
                "segmentId": "k1",
                "text": "hello",
                "speaker": "SPEAKER_00",
                "speakerId": 0,
                "isUser": True,
                "personId": None,
                "start": 1.5,
                "end": 2.0,
                "conversationId": "c1",
                "createdAt": "2026-09-21T14:13:20.250Z",
            }
        ],
        "messages": [
            {
                "id": "m1",
                "role": "assistant",
                "kind": "answer",
                "source": "system",
                "text": "hi",
                "model": "demo",
                "createdAt": "2026-09-21T14:13:21.000Z",
                "conversationId": "c1",
                "jobId": "j1",
                "delivery": {"state": "sent", "channel": "inline"},
            }
        ],
        "nextAfter": 7,
    }
    assert reply.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "Bearer wrong",
        "Bearer hook-token-of-the-tests-alone",
        "Bearer ",
        "admin-token-of-the-tests-alone",
        "Basic admin-token-of-the-tests-alone",
    ],
)
@pytest.mark.usefixtures("transcript")
async def test_transcript_is_for_the_operator_only(authorization, get, system):
    reply = await get(f"/transcript/{UID}", **({} if authorization is None else {"Authorization": authorization}))

    assert (reply.status, set(reply.json), reply.json["code"]) == (401, FORM, "unauthorized")
    assert reply.headers["www-authenticate"] == "Bearer"
    assert system.asked == []


@pytest.mark.usefixtures("transcript")
@pytest.mark.parametrize("name", ["chat:secret", "chat%3Asecret", f"omi%3a{UID}"])
async def test_session_is_found_by_its_whole_name_however_the_colon_is_written(name, get):
    assert (await get(f"/transcript/{name}", **ADMIN)).status == 200


async def test_unknown_session_is_404(get):
    reply = await get("/transcript/nobody", **ADMIN)

    assert (reply.status, reply.json["code"]) == (404, "not_found")


@pytest.mark.parametrize(
    ("target", "asked"),
    [
        (f"/transcript/{UID}", (f"omi:{UID}", 0, 100)),
        (f"/transcript/{UID}?limit=1000&after=41", (f"omi:{UID}", 41, 1000)),
        (f"/transcript/{UID}?limit=&after=", (f"omi:{UID}", 0, 100)),
        ("/transcript/chat:secret?limit=1", ("chat:secret", 0, 1)),
    ],
)
@pytest.mark.usefixtures("transcript")
async def test_page_is_asked_for_by_cursor_and_limit(target, asked, get, system):
    assert (await get(target, **ADMIN)).status == 200
    assert system.asked == [asked]


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=1001", "limit=-1", "limit=abc", "limit=1.5", "after=-1", "after=9223372036854775808"]
)
async def test_impossible_page_is_400_and_names_the_range(query, get, system):
    reply = await get(f"/transcript/{UID}?{query}", **ADMIN)

    assert (reply.status, reply.json["code"]) == (400, "bad_request")
    assert "must be a whole number from" in reply.json["error"]
    assert system.asked == []


@pytest.mark.parametrize(
    ("error", "status", "code", "retry_after"),
    [
        (StoreUnavailableError("password in here"), 503, "store_unavailable", "5"),
        (AskTimeoutError("password in here"), 504, "timeout", "1"),
        (MailboxFullError("password in here", retry_after_s=3.4), 429, "overloaded", "3"),
        (RuntimeError("password in here"), 500, "internal_error", None),
    ],
)
async def test_trouble_is_answered_honestly_without_its_inside(error, status, code, retry_after, get, system):
    system.transcripts[f"omi:{UID}"] = error

    with capture_logs() as lines:
        reply = await get(f"/transcript/{UID}", **ADMIN, **{"X-Request-Id": "r.1"})

    assert (reply.status, reply.json["code"], reply.headers.get("retry-after")) == (status, code, retry_after)
    assert (reply.json["request_id"], reply.headers["x-request-id"]) == ("r.1", "r.1")
    assert b"password" not in reply.body
    assert [line["event"] for line in lines] == (["request failed", "request"] if status == 500 else ["request"])


async def test_ready_follows_the_system_and_live_does_not(get, system):
    system.ready = False

    ready, live = await get("/readyz"), await get("/livez")
    system.ready = True

    assert [ready.status, live.status, (await get("/readyz")).status] == [503, 200, 200]


async def test_metrics_are_in_the_format_that_the_scraper_asks_for(get):
    plain = await get("/metrics", **ADMIN)
    open_metrics = await get("/metrics", Accept="application/openmetrics-text", **ADMIN)

    assert plain.headers["content-type"].startswith("text/plain")
    assert b"omi_http_requests_total" in plain.body
    assert open_metrics.headers["content-type"].startswith("application/openmetrics-text")


async def test_unknown_address_is_404_in_the_one_form(get):
    reply = await get("/nowhere?token=secret")

    assert (reply.status, set(reply.json), reply.json["code"]) == (404, FORM, "not_found")
    assert reply.headers["content-type"].startswith("application/json")
    assert "server" not in reply.headers


@pytest.mark.parametrize(
    ("method", "target", "allow"),
    [
        ("GET", "/omi-webhook?uid=u", "POST"),
        ("PUT", "/omi-webhook/", "POST"),
        ("DELETE", "/health", "GET, HEAD"),
        ("POST", "/transcript/x", "GET"),
        ("BREW", "/livez", "GET, HEAD"),
    ],
)
async def test_wrong_method_is_405_and_names_the_right_ones(method, target, allow, get):
    reply = await get(target, method)

    assert (reply.status, reply.headers["allow"], set(reply.json)) == (405, allow, FORM)


async def test_head_is_get_without_the_body(get):
    reply = await get("/livez", "HEAD")

    assert (reply.status, reply.body) == (200, b"")
    assert int(reply.headers["content-length"]) > 0


@pytest.mark.parametrize("given", ["a", "A-Z_0.9", "x" * 64])
async def test_harmless_request_id_is_taken(given, get):
    assert (await get("/livez", **{"X-Request-Id": given})).headers["x-request-id"] == given


@pytest.mark.parametrize("given", ["", "x" * 65, "a b", "a;b", "ä", "<script>"])
@pytest.mark.parametrize("target", ["/livez", "/omi-webhook?uid=u"])
async def test_other_request_id_is_replaced(given, target, connection):
    method, body = ("GET", b"") if target == "/livez" else ("POST", b'{"segments":[]}')

    reply = await connection.request(method, target, body, {"X-Request-Id": given})

    assert reply.headers["x-request-id"] != given
    assert len(reply.headers["x-request-id"]) == 16


async def test_request_is_counted_once_and_logged_without_its_query(get, metric):
    labels = {"route": "/transcript/:sessionId", "method": "GET", "status": "4xx"}
    before = metric("omi_http_requests_total", **labels)

    with capture_logs() as lines:
        await get(f"/transcript/{UID}?token=secret", **ADMIN)

    assert metric("omi_http_requests_total", **labels) == before + 1
    (line,) = lines
    assert (line["event"], line["log_level"], line["status"]) == ("request", "info", 404)
    assert "secret" not in str(line)
    assert UID not in str(line)


async def test_webhook_is_counted_once(connection, metric):
    labels = {"route": "/omi-webhook", "method": "POST", "status": "2xx"}
    before, active = metric("omi_http_requests_total", **labels), metric("omi_http_requests_active")

    await connection.request("POST", "/omi-webhook?uid=u", b'{"segments":[{"text":"a"}]}')

    assert metric("omi_http_requests_total", **labels) == before + 1
    assert metric("omi_http_request_seconds_count", route="/omi-webhook") >= 1
    assert (active, metric("omi_http_requests_active")) == (0, 0)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # Tornado leaves its socket behind
async def test_port_that_is_taken_is_refused(start):
    port = await start()

    with pytest.raises(OSError, match="in use"):
        await start(PORT=str(port))
    gc.collect()


async def test_every_request_ends_the_count_of_those_under_way(start):
    async with await Connection.open(await start()) as connection:
        for target in ("/livez", "/nowhere", "/transcript/x", "/omi-webhook"):
            await connection.request("GET", target)
        await connection.request("BREW", "/livez")

    assert start.traffic.active == 0
