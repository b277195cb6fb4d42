"""The program with every canary in it, at level debug, in good and bad hours: no sink may hold one of them."""

import json
import sys
from pathlib import Path

import pytest

from omi_actors.clock import SystemClock
from scripts.lab.replay.http import HttpClient
from scripts.lab.replay.server_process import ServerProcess, find_free_port
from tests import canaries
from tests.fakes.omi_server import APP_ID, FakeOmi
from tests.fakes.openai_server import FakeOpenAI

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).parents[2]
QUESTION = f"Hey Omi, {canaries.SPOKEN}?"
ADMIN = {"Authorization": f"Bearer {canaries.ADMIN_TOKEN}"}
HOOK = f"/omi-webhook?token={canaries.WEBHOOK_TOKEN}"


def spoken(number, text=QUESTION, **more):
    segment = {"id": f"s{number}", "text": text, "is_user": True, "start": float(number), "end": number + 0.5, **more}
    return json.dumps({"session_id": "ada", "segments": [segment]}).encode()


PERSON = {"email": "ada@example.com", "password": canaries.PASSWORD}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
# Requests that go well, and requests that go wrong in every way that has a sentence of its own.
REQUESTS = [
    ("POST", f"{HOOK}&uid=ada", spoken(1), {}),
    ("POST", f"{HOOK}&uid=ada", spoken(2), {"Authorization": f"Bearer {canaries.WEBHOOK_TOKEN}"}),
    ("POST", f"{HOOK}&uid=ada", spoken(3, start="soon"), {}),
    ("POST", f"{HOOK}&uid=ada", b'{"segments": [{"text": "' + QUESTION.encode(), {}),
    ("POST", f"{HOOK}&uid={canaries.SPOKEN.replace(' ', '+')}", spoken(4), {}),
    ("POST", HOOK, spoken(5), {}),
    ("POST", f"{HOOK}x&uid=ada", spoken(6), {}),
    ("POST", f"{HOOK}&uid=ada", spoken(7, QUESTION * 40_000), {}),
    ("POST", "/chat", json.dumps({"message": QUESTION}).encode(), ADMIN),
    ("POST", "/chat", json.dumps({"question": QUESTION}).encode(), {"Authorization": f"Bearer {canaries.MODEL_KEY}"}),
    ("POST", "/chat", b'{"message": "' + QUESTION.encode(), {**ADMIN, "Accept": "text/event-stream"}),
    ("POST", "/context/switch", json.dumps({"session_id": "omi:ada", "space": QUESTION}).encode(), ADMIN),
    ("POST", "/auth/register", json.dumps(PERSON).encode(), {}),
    ("POST", "/auth/register", json.dumps(PERSON | {"email": "ada"}).encode(), {}),
    ("POST", "/auth/register", json.dumps(PERSON | {"name": [canaries.PASSWORD]}).encode(), {}),
    ("POST", "/auth/register", b'{"password": "' + canaries.PASSWORD.encode(), {}),
    ("POST", "/auth/login", json.dumps(PERSON).encode(), {}),
    ("POST", "/auth/login", json.dumps(PERSON | {"email": canaries.PASSWORD}).encode(), {}),
    ("POST", "/auth/reset", f"key={canaries.PERSON_TOKEN}&password={canaries.PASSWORD}".encode(), FORM),
    ("GET", f"/auth/set-up?key={canaries.PERSON_TOKEN}", b"", {}),
    ("GET", f"/me?sid={canaries.PERSON_TOKEN}", b"", {}),
    ("GET", f"/nowhere?sid={canaries.PERSON_TOKEN}", b"", {"Accept": "text/html"}),
    ("GET", "/me", b"", {"Authorization": f"Sid {canaries.PERSON_TOKEN}"}),
    ("GET", "/me", b"", {"Cookie": f"sid={canaries.PERSON_TOKEN}; __Host-sid={canaries.PERSON_TOKEN}"}),
    ("GET", f"{HOOK}&uid=ada", b"", ADMIN),
    ("GET", f"/{canaries.ADMIN_TOKEN}?token={canaries.ADMIN_TOKEN}", b"", ADMIN),
    ("GET", f"/transcript/ada?limit={canaries.MODEL_KEY}", b"", ADMIN),
    ("GET", f"/transcript/ada?token={canaries.ADMIN_TOKEN}", b"", {"Authorization": f"Basic {canaries.ADMIN_TOKEN}"}),
]
# What the operator sees; a transcript, which is made of speech, is not among them.
PAGES = ("/metrics", "/health", "/metrics-dashboard", "/metrics-dashboard/data.json", "/api/info", "/help")


@pytest.fixture
async def fakes():
    model, omi = FakeOpenAI(), FakeOmi()
    servers = [model.listen(), omi.listen()]
    yield model, omi
    for server in servers:
        server.stop()
        await server.close_all_connections()


@pytest.fixture(params=[{}, {"OMI_SIGNING_SECRETS": canaries.SIGNING_SECRET}], ids=["token", "signature"])
async def server(request, tmp_path, fakes):
    model, omi = fakes
    settings = {
        "DATA_DIR": str(tmp_path / "data"),
        "ADMIN_TOKEN": canaries.ADMIN_TOKEN,
        "WEBHOOK_TOKEN": canaries.WEBHOOK_TOKEN,
        "OPENAI_API_KEY": canaries.MODEL_KEY,
        "OPENAI_BASE_URL": model.url,
        "OMI_APP_ID": APP_ID,
        "OMI_APP_SECRET": canaries.SECRETS["Omi's key"],
        "OMI_API_URL": omi.url,
        "LOG_LEVEL": "debug",
        "ENABLE_FILE_LOGGING": "true",
        "LOG_DIR": str(tmp_path / "logs"),
        "MAX_REQUEST_SIZE": "1mb",
        "WEBHOOK_REPLY_DEADLINE_MS": "2000",
        "PYTHONPATH": str(ROOT),
        **request.param,
    }
    command = [sys.executable, "-m", "omi_actors", "serve"]
    process = ServerProcess(
        command, settings=settings, port=find_free_port(), log_file=tmp_path / "stderr", clock=SystemClock()
    )
    yield process
    process.kill()


async def ask_all(port):
    """Send everything; return the answers and pages, of which none may hold a canary."""
    said = []
    async with HttpClient("127.0.0.1", port) as http:
        for method, target, body, headers in REQUESTS:
            reply = await http.request(method, target, headers=headers, body=body)
            if reply.status != 200:
                said.append(reply.body.decode())
        said.extend([(await http.request("GET", page, headers=ADMIN)).body.decode() for page in PAGES])
    return said


async def test_no_sink_holds_a_canary(server, fakes, tmp_path):
    await server.start()
    said = await ask_all(server.port)
    await server.stop()

    logged = (tmp_path / "stderr").read_text()
    sinks = {"standard error": logged, **{file.name: file.read_text() for file in (tmp_path / "logs").iterdir()}}
    sinks |= {f"answer {number}": text for number, text in enumerate(said)}
    assert len(said) > len(PAGES)
    assert [leak for sink, text in sinks.items() for leak in canaries.find_leaks(sink, text)] == []
