"""config/nginx/omi.conf on a real nginx before the real server: streams arrive piece by piece, logs have no token."""

import asyncio
import contextlib
import json
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from omi_actors.clock import SystemClock
from scripts.lab.replay.fake_openai import FakeOpenAI, Mode
from scripts.lab.replay.http import HttpClient, Target
from scripts.lab.replay.postgres_server import fresh_postgres_database
from scripts.lab.replay.redis_server import running_redis
from scripts.lab.replay.server_process import ServerProcess, build_server, find_free_port
from tests.e2e.conftest import ROOT
from tests.system.conftest import eventually

NO_NGINX = "no nginx: install it (Debian: apt-get install nginx)"
PASSWORD = "a long enough password"  # noqa: S105 (the test's own)
# Seconds between two pieces of the model's answer.
PIECE_S = 0.1
MAIN = """
daemon off;
master_process off;
pid {folder}/pid;
error_log {folder}/main.log;
events {{}}
http {{
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/omi.conf;
}}
"""
pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="module")]


@dataclass
class Site:
    """The proxy's port and folder of logs, and the server behind it."""

    port: int
    folder: Path
    process: ServerProcess
    target: Target

    def logs(self):
        return "".join(file.read_text() for file in self.folder.glob("*.log"))


def write_config(folder, port, *behind):
    """Write the checkout's file with this test's ports, without TLS, and logs of its own."""
    text = re.sub(r" +ssl_certificate\S* .*\n", "", (ROOT / "config" / "nginx" / "omi.conf").read_text())
    text = text.replace("listen 443 ssl;", f"listen 127.0.0.1:{port};").replace("/var/log/nginx/", f"{folder}/")
    servers = "".join(f"    server 127.0.0.1:{one}\\1;\n" for one in behind)
    (folder / "omi.conf").write_text(re.sub(r"    server 127\.0\.0\.1:3000(.*);\n", servers, text))
    (folder / "nginx.conf").write_text(MAIN.format(folder=folder))


@contextlib.contextmanager
def running_nginx(folder, *behind):
    """Run nginx before the ports of servers; yield its own port."""
    program = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None:
        pytest.fail(NO_NGINX, pytrace=False)
    port = find_free_port()
    write_config(folder, port, *behind)
    command = [program, "-p", folder, "-e", folder / "main.log", "-c", folder / "nginx.conf"]
    with subprocess.Popen(command) as process:  # noqa: S603 (the proxy under test)
        try:
            yield port
        finally:
            process.terminate()


async def connect(port):
    async with asyncio.timeout(10):
        while True:
            try:
                return await asyncio.open_connection("127.0.0.1", port)
            except ConnectionRefusedError:
                await asyncio.sleep(0.01)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("nginx")
    model = FakeOpenAI(mode=Mode.TRICKLE, delay_s=PIECE_S)
    listening = model.listen()
    given = {"STREAM_TOKEN_IN_URL": "true", "TRUST_PROXY": "loopback"}
    process, target = build_server(folder, clock=SystemClock(), model_url=model.url, extra=given)
    await process.start()
    with running_nginx(folder, target.port) as port:
        (await connect(port))[1].close()
        yield Site(port, folder, process, target)
    process.kill()
    listening.stop()
    await listening.close_all_connections()


async def open_stream(site, method, path, headers=None, body=b""):
    """Send a request through the proxy; return the reader of its reply, and the writer."""
    reader, writer = await connect(site.port)
    given = {"Host": "127.0.0.1", "Accept": "text/event-stream", "Content-Length": len(body), **(headers or {})}
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in given.items())]
    writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
    return reader, writer


async def test_pieces_of_an_answer_arrive_one_by_one(site):
    body = json.dumps({"message": "How far is the moon from here?"}).encode()
    headers = {**site.target.operator_headers, "Accept-Encoding": "gzip"}
    reader, writer = await open_stream(site, "POST", "/chat", headers, body)

    clock, at_mono_s, said = SystemClock(), [], b""
    async with asyncio.timeout(20):
        while b"event: done" not in said:
            piece = await reader.read(65_536)
            assert piece, said
            said += piece
            if b"event: delta" in piece:
                at_mono_s.append(clock.mono_s())
    writer.close()

    assert said.startswith(b"HTTP/1.1 200 ")
    assert len(at_mono_s) >= 3
    # Kept back, all would arrive at once.
    assert at_mono_s[-1] - at_mono_s[0] > 2 * PIECE_S


async def test_stream_of_a_person_begins_at_once_and_its_token_is_in_no_log(site):
    async with HttpClient("127.0.0.1", site.port) as http:
        given = {"email": "ada@example.org", "password": PASSWORD}
        reply = await http.request(
            "POST", "/auth/register", headers={"Content-Type": "application/json"}, body=json.dumps(given).encode()
        )
        token = json.loads(reply.body)["sid"]
        metrics = await http.request("GET", "/metrics", headers=site.target.operator_headers)
        webhook = await http.request("POST", site.target.webhook_path("/omi-webhook", {"uid": "ada"}), body=b"{}")
    reader, writer = await open_stream(site, "GET", f"/conversations/current/stream?sid={token}")
    async with asyncio.timeout(10):
        head = await reader.readuntil(b"\r\n\r\n")
        first = await reader.readline()
    writer.close()

    site.process.send_signal(9)
    reader, writer = await open_stream(site, "GET", f"/conversations/current/stream?sid={token}")
    async with asyncio.timeout(10):
        broken = await reader.readuntil(b"\r\n\r\n")
    writer.close()

    assert (metrics.status, webhook.status, head[:15], bool(first)) == (404, 200, b"HTTP/1.1 200 OK", True)
    assert broken.startswith(b"HTTP/1.1 502 ")
    logs = site.logs()
    assert '"GET /conversations/current/stream" 502' in logs
    assert token not in logs
    assert site.target.token not in logs


@pytest_asyncio.fixture(loop_scope="module")
async def two_nodes(tmp_path):
    """Two servers on one PostgreSQL and one Redis, each with its address as nginx's file has it."""
    nodes = []
    with fresh_postgres_database() as database_url, running_redis() as redis:
        for name in ("a", "b"):
            folder = tmp_path / name
            folder.mkdir()
            port = find_free_port()
            given = {"NODE_NAME": name, "NODE_ADDRESS": f"127.0.0.1:{port}", "REDIS_URL": redis.url}
            like = Target("127.0.0.1", port, token="t" * 43, admin_token="a" * 43)
            nodes.append(build_server(folder, clock=SystemClock(), database_url=database_url, extra=given, like=like))
        try:
            await asyncio.gather(*(process.start() for process, _ in nodes))
            yield nodes
        finally:
            for process, _ in nodes:
                process.kill()


async def read_metrics(target):
    async with HttpClient(target.host, target.port) as http:
        text = (await http.request("GET", "/metrics", headers=target.operator_headers)).body.decode()
    return {name: float(value) for name, value in re.findall(r"^(omi_\S+) ([0-9.e+]+)$", text, re.MULTILINE)}


async def are_sharing(*targets):
    return {(await read_metrics(one))["omi_nodes_sharing"] for one in targets} == {2.0}


async def speak(http, target, uid, number):
    segment = {"id": f"s{number}", "text": f"Number {number}.", "start": float(number), "end": number + 1.0}
    path = target.webhook_path("/omi-webhook", {"uid": uid})
    body = json.dumps({"session_id": uid, "segments": [segment]}).encode()
    headers = {"Content-Type": "application/json"}
    return (await http.request("POST", path, headers=headers, body=body)).status


async def test_wearers_reach_their_owners_through_nginx_and_nothing_is_forwarded(two_nodes, tmp_path):
    (a, target), (_, other) = two_nodes
    uids = [f"wearer-{number}" for number in range(60)]
    await eventually(lambda: are_sharing(target, other), timeout_s=20)
    with running_nginx(tmp_path, target.port, other.port) as port:
        (await connect(port))[1].close()
        async with HttpClient("127.0.0.1", port) as http:
            statuses = [await speak(http, target, uid, number) for number in range(2) for uid in uids]
            counts = [await read_metrics(one) for one in (target, other)]

            a.kill()  # waits for its end: nginx sends no webhook twice that may have arrived
            statuses += [await speak(http, target, uid, 2) for uid in uids]
    left = await read_metrics(other)

    assert set(statuses) == {200}
    live = [count["omi_sessions_live"] for count in counts]
    assert sum(live) == len(uids)
    assert min(live) > len(uids) / 4
    assert [count.get('omi_forwards_total{outcome="forwarded"}', 0.0) for count in counts] == [0.0, 0.0]
    assert left["omi_sessions_live"] == len(uids)
