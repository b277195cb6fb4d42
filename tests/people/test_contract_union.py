"""All addresses of the original's two versions that no screen of its app uses, against the wire they were made for.

The shapes and texts come from the original's interface, not from this program. A person's day: test_contract.py.
"""

from typing import Any

import pytest

from tests.canaries import WEBHOOK_TOKEN
from tests.people.conftest import Client
from tests.people.wire import TIME, App, Or, in_both_modes, maybe, preflights, start_in_mode
from tests.system.conftest import ADMIN, UID

NUMBER = Or((int, float))
ROUTES = {
    *("GET /health", "GET /health/db", "GET /help", "GET /rate-limit/:id", "GET /metrics/activation", "GET /api/info"),
    *("POST /chat", "POST /context/switch", "GET /context/status/:id", "GET /sessions", "POST /sessions/clear"),
    "POST /prompts/run",
    *("POST /realtime/transcripts", "GET /transcript/:id", "GET /omi-webhook/queue-status"),
    *("POST /omi/import/conversation", "POST /omi/import/memories"),
    *("GET /omi/import/conversations", "GET /omi/import/memories"),
}


@pytest.fixture
async def program(mode, start, database_url, notifier):
    """A server whose web app has another origin, with Omi."""
    return await start_in_mode(start, mode, database_url, notifier=notifier)


@in_both_modes
async def test_clients_of_both_versions_find_every_other_address_as_they_read_it(program, omi, subtests):
    ada, anyone = App(Client(program.connection)), App(Client(program.connection))
    operator = App(Client(program.connection, headers=ADMIN), ada.asked)
    anyone.asked = ada.asked
    await ada.client.register()
    for part in (reads_the_state, chats, keeps_transcripts, sees_sessions, reads_limits, imports, runs_prompts):
        with subtests.test(part.__name__):
            await part(ada, anyone, operator, omi)
    assert await preflights(ada.client.other(), ada.asked) == ROUTES


async def reads_the_state(_, anyone, operator, *__):
    health = {"status": str, "timestamp": TIME, "uptime": NUMBER, "memory": {"rss": int}}
    await anyone.get("/health", health)
    if anyone.is_legacy:
        api = {"type": str, "model": str, "conversation_state": str, "tools": []}
        old = {"message": str, "trigger_phrases": [str], "help_keywords": [str], "example_usage": str, "api": api}
        await anyone.get("/health", old | {"status": "OK", "rate_limiting": {"disabled": bool}})
        await anyone.call("GET", "/none", None, {"error": "Not Found", "message": "Endpoint not found"}, 404)
        anyone.asked.discard(("GET", "/none"))
    await operator.get("/health", health | {"metrics": {"requests": {"total": int}}, "activeRequests": int})
    await anyone.get("/health/db", {"ok": True})
    info = {"name": str, "version": str, "environment": str, "features": [str], "timestamp": TIME}
    await anyone.get("/api/info", info)
    help_form = {"title": str, "description": str, "trigger_phrases": {"description": str, "phrases": [str]}}
    help_form |= {"examples": [str], "help_keywords": {"description": str, "keywords": [str]}, "note": str}
    help_form |= {
        "features": dict.fromkeys(("web_search", "natural_language", "rate_limiting", "spaces", "windows"), bool)
    }
    help_form |= {"voice_commands": {name: [str] for name in ("spaces", "conversations", "memories", "tasks")}}
    await anyone.get("/help", help_form)
    page = await anyone.client("GET", "/help", Accept="text/html")
    assert page.headers["content-type"].startswith("text/html")
    assert b"Hey Omi" in page.body
    names = ("queueLength", "batchSize", "processingInterval", "maxConcurrentJobs", "retryQueueSize")
    queue = dict.fromkeys(names, int)
    status = {"ok": True, "queue": {**queue, "processing": bool, "jobTypeCounts": {}}, "caches": {"sessionCache": int}}
    await operator.get("/omi-webhook/queue-status", status | {"featureFlags": {"ENABLE_USER_SYSTEM": bool}})


async def chats(_, anyone, *__):
    asked = {"session_id": "kitchen", "message": "how deep is the sea"}
    answer = {"response": str, "conversationId": str, "duration": NUMBER}
    reply = await anyone.client("POST", "/chat", asked)
    anyone.client.headers = {"X-Chat-Secret": reply.headers["x-chat-secret"]}
    await anyone.post("/chat", {**asked, "message": "how old is the sea", "context": {"now": "noon"}}, answer)
    again = await anyone.post(
        "/chat", {**asked, "message": "how old is the sea?"}, {"response": str, "duplicate": True}
    )
    assert again["response"] == "I just answered that question. Is there something else I can help with?"
    await anyone.refused("POST", "/chat", {"session_id": "kitchen"}, 400, "session_id and message are required")
    moved = {"success": True, "previousSpace": "default", "currentSpace": "todos", "message": "Switched to todos space"}
    await anyone.post("/context/switch", {"session_id": "kitchen", "space": "todos"}, moved)
    await anyone.refused("POST", "/context/switch", {}, 400, "session_id is required")
    wrong = {"session_id": "kitchen", "space": "x"}
    await anyone.refused("POST", "/context/switch", wrong, 400, "Invalid space. Allowed: default, todos, memories")
    await anyone.get("/context/status/kitchen", {"space": "todos", "pending": None, "initialized": True})
    await anyone.get("/context/status/7", {"space": "default", "pending": None, "initialized": False})


async def keeps_transcripts(_, anyone, operator, *__):
    path, ok = f"/realtime/transcripts?token={WEBHOOK_TOKEN}", {"ok": True}
    said = {"text": "Hey Omi, how high is the moon?", "speaker": "SPEAKER_00", "is_user": True, "start": 0, "end": 2}
    await anyone.post(path, {"session_id": UID, "segments": [said]}, ok)
    await anyone.post(f"{path}&session_id={UID}&uid={UID}", [{**said, "text": "Good night.", "start": 2, "end": 3}], ok)
    forms: list[Any] = [{}, {"session_id": UID, "segments": []}, [], {"segments": [said]}]
    for form in forms:
        await anyone.refused("POST", path, form, 400, "session_id and segments[] are required")
    await anyone.refused("POST", "/realtime/transcripts?token=wrong", {"uid": UID, "segments": [said]}, 401, "token")
    page = await operator.get(f"/transcript/{UID}", {"sessionId": UID, "transcripts": [{"text": str, "speaker": str}]})
    assert [one["text"] for one in page["transcripts"]] == [said["text"], "Good night."]
    assert page["messages"] == []  # nothing is answered


async def sees_sessions(ada, anyone, operator, *_):
    row = {"sessionId": str, "space": str, "hasPending": bool, "lastActivity": TIME, "conversationId": maybe(str)}
    found = await operator.get("/sessions", {"total": int, "sessions": [row]})
    assert found["total"] == len(found["sessions"]) == 2
    assert found["sessions"][0]["sessionId"] == f"omi:{UID}"
    for app in (ada, anyone):
        await app.refused("GET", "/sessions", None, 401, "operator")
        await app.refused("POST", "/sessions/clear", {}, 401, "operator")
    values: list[Any] = [-1, "-1", "soon", 1.5, True, None, [], 10**15]
    for value in values:
        await operator.refused("POST", "/sessions/clear", {"olderThan": value}, 400, "`olderThan` must be")
    await operator.post("/sessions/clear", None, {"cleared": 0, "remaining": 2})
    await operator.post("/sessions/clear", {"olderThan": "0"}, {"cleared": 2, "remaining": 0})
    # What they have stored stays.
    await anyone.get("/context/status/kitchen", {"space": "todos", "pending": None, "initialized": True})
    page = await operator.get(f"/transcript/{UID}", {"sessionId": UID})
    assert len(page["transcripts"]) == 2


async def reads_limits(ada, anyone, operator, *_):
    rule = {"disabled": False, "message": str}
    assert "rate_limit" not in await anyone.get(f"/rate-limit/{UID}", rule)
    assert "rate_limit" not in await ada.get(f"/rate-limit/{UID}", rule)
    use = {"remaining": 10, "used": 0, "timeUntilReset": int, "isLimited": False}
    await operator.get(f"/rate-limit/{UID}", rule | {"user_id": UID, "rate_limit": use})
    await anyone.refused("GET", "/rate-limit/a%20b", None, 400, "`id`")
    names = ("explicitTriggers", "suppressedDuplicates", "helpRequests", "menuOpens", "aiResponses")
    counted = await operator.get("/metrics/activation", {"ok": True, "counters": dict.fromkeys(names, int)})
    assert counted["counters"]["aiResponses"] >= 2
    assert min(counted["counters"][name] for name in ("suppressedDuplicates", "helpRequests")) >= 1


async def imports(ada, anyone, operator, omi):
    code = (await ada.client("POST", "/link/omi/start", {"omi_user_id": UID})).json["dev_code"]
    await ada.client("POST", "/link/omi/confirm", {"omi_user_id": UID, "code": code})
    use = (await ada.get(f"/rate-limit/{UID}", {"rate_limit": {"used": int}}))["rate_limit"]
    assert use["limit"] == use["used"] + use["remaining"]
    base = "/omi/import"
    talk = {
        "uid": UID,
        "text": "We met.",
        "started_at": "2026-01-01T10:00:00Z",
        "language": "en",
        "text_source": "other_text",
    }
    await ada.post(f"{base}/conversation", talk, {"ok": True, "result": {}})
    await ada.post(
        f"{base}/memories",
        {"uid": UID, "memories": [{"content": "Bob sings", "tags": ["x"]}]},
        {"ok": True, "result": {}},
    )
    await operator.post(
        f"{base}/memories", {"uid": "bob", "text": "Bob", "textSource": "email"}, {"ok": True, "result": {}}
    )
    del talk["uid"]
    assert omi.written == [
        ("conversations", UID, talk),
        ("memories", UID, {"memories": [{"content": "Bob sings", "tags": ["x"]}]}),
        ("memories", "bob", {"text": "Bob", "text_source": "email"}),
    ]
    omi.memories[UID], omi.conversations[UID] = [{"id": "m1"}], [{"id": "c1"}, {"id": "c2"}]
    await ada.get(f"{base}/memories?uid={UID}&limit=100&offset=0", {"ok": True, "memories": [{"id": "m1"}]})
    found = await ada.get(f"{base}/conversations?uid={UID}&include_discarded=false&statuses=completed", {"ok": True})
    assert found["conversations"] == omi.conversations[UID]
    for method, what, form in (
        ("GET", "memories?uid=bob", None),
        ("POST", "conversation", {"uid": "bob", "text": "x"}),
    ):
        await ada.refused(method, f"{base}/{what}", form, 404, "No verified OMI link found")
        await anyone.refused(method, f"{base}/{what}", form, 401, "No session token provided")
    wrong: list[tuple[str, Any, str]] = [
        ("conversation", {"text": "x"}, "uid is required"),
        ("conversation", {"uid": UID}, "text is required"),
        ("conversation", {"uid": UID, "text": 7}, "`text`"),
        ("memories", {"uid": UID}, "text or memories is required"),
        ("memories", {"uid": UID, "memories": [7]}, "`memories`"),
        ("memories", {"uid": "a b", "text": "x"}, "`uid`"),
    ]
    for what, form, text in wrong:
        await ada.refused("POST", f"{base}/{what}", form, 400, text)
    await ada.refused("GET", f"{base}/memories?uid={UID}&limit=no", None, 400, "limit")


async def runs_prompts(ada, anyone, *_):
    asked = {"prompt_id": "meeting-summary", "variables": {"transcript": "Ada: we meet on Monday."}}
    shape = {"ok": True, "output": str, "output_type": "memory"}
    for app in (anyone, ada):
        assert "we meet on Monday" in (await app.post("/prompts/run", asked, shape))["output"]
    assert len((await ada.client("GET", "/memories")).json["items"]) == 1  # a signed-in person's is kept
    await anyone.refused("POST", "/prompts/run", {}, 400, "prompt_id is required")
    await anyone.refused("POST", "/prompts/run", {"prompt_id": "none"}, 400, "Prompt config not found: none")
