"""`omi-actors serve --processes`: several processes at one address on PostgreSQL and Redis, as nodes of their own."""

import asyncio
import json
import os
import signal
from collections import Counter
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio
from prometheus_client.parser import text_string_to_metric_families

from omi_actors.clock import SystemClock
from scripts.lab.replay.http import ConnectionFailedError, HttpClient, Target
from scripts.lab.replay.postgres_server import fresh_postgres_database
from scripts.lab.replay.redis_server import running_redis
from scripts.lab.replay.server_process import SERVE, ServerProcess, build_server

PLACE = "/metrics-dashboard"
pytestmark = [pytest.mark.e2e, pytest.mark.service, pytest.mark.asyncio(loop_scope="module")]


@dataclass
class Group:
    """A running parent with its children."""

    process: ServerProcess
    target: Target

    def lines(self, event):
        """Return the lines of the log with this event."""
        found = (json.loads(line) for line in self.process.log_file.read_text().splitlines() if line.startswith("{"))
        return [line for line in found if line["event"] == event]

    async def until(self, claim):
        async with asyncio.timeout(60):
            while not claim():  # noqa: ASYNC110 (no event comes from another process)
                await asyncio.sleep(0.02)

    def children(self):
        pid = self.process.pid
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]

    @property
    def operator(self):
        return self.target.operator_headers

    def connect(self):
        return HttpClient("127.0.0.1", self.process.port, timeout_s=20)

    async def say(self, http, uid, number):
        """Send a webhook with one segment; return the status, and the reason if it was not kept."""
        spoken = {
            "id": f"{uid}-{number}",
            "text": f"words {number}",
            "is_user": True,
            "start": number,
            "end": number + 1,
        }
        body = json.dumps({"session_id": uid, "segments": [spoken]}).encode()
        path = self.target.webhook_path("/omi-webhook", {"uid": uid})
        reply = await http.request("POST", path, headers={"Content-Type": "application/json"}, body=body)
        return reply.status, reply.headers.get("x-omi-actors-dropped", "")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def group(tmp_path_factory):
    folder = tmp_path_factory.mktemp("processes")
    with fresh_postgres_database() as url, running_redis() as redis:
        given = {"REDIS_URL": redis.url, "PROCESSES": "2", "SHUTDOWN_GRACE_MS": "3000"}
        process, target = build_server(folder, clock=SystemClock(), database_url=url, command=SERVE, extra=given)
        await process.start()
        group = Group(process, target)
        await group.until(lambda: group.lines("server_ready"))
        yield group
        if process.is_running:  # a test failed before the last one
            process.send_signal(signal.SIGTERM)
            await process.wait(within_s=30)


async def test_one_line_tells_of_all_and_connections_are_spread_over_them(group):
    async with AsyncExitStack() as open_clients:
        clients = [await open_clients.enter_async_context(group.connect()) for _ in range(8)]
        told = [await group.say(http, f"spread-{number}", 1) for number, http in enumerate(clients)]
        taken = Counter(line["node"] for line in group.lines("request") if line["route"] == "/omi-webhook")

    (ready,) = group.lines("server_ready")
    assert (ready["processes"], ready["pid"]) == (2, group.process.pid)
    assert told == [(200, "")] * 8
    assert set(taken) == {"local-1", "local-2"}


async def test_metrics_at_the_address_are_those_of_all_processes_whichever_answers(group):
    async with AsyncExitStack() as open_clients:
        clients = [await open_clients.enter_async_context(group.connect()) for _ in range(4)]
        async with asyncio.timeout(30):
            while True:
                texts = [
                    (await http.request("GET", "/metrics", headers=group.operator)).body.decode() for http in clients
                ]
                sums = [count_webhooks(text) for text in texts]
                if all(set(one) == {"local-1", "local-2"} and sum(one.values()) == 8 for one in sums):
                    break
                await asyncio.sleep(0.1)


def count_webhooks(text):
    """Return the webhooks by node in a text of metrics."""
    counts: Counter[str] = Counter()
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.name == "omi_webhooks_total" and sample.value:
                counts[sample.labels["node"]] += round(sample.value)
    return counts


async def test_request_is_found_and_an_actor_restarted_at_its_process_whichever_is_asked(group):
    async with AsyncExitStack() as open_clients:
        clients = [await open_clients.enter_async_context(group.connect()) for _ in range(4)]
        asked = [await http.request("GET", f"{PLACE}/data.json", headers=group.operator) for http in clients]
        found = [
            (await http.request("GET", f"{PLACE}/data.json?node=local-2", headers=group.operator)) for http in clients
        ]
        webhooks = json.loads(found[0].body)["webhooks"]
        seen = [
            (await http.request("GET", f"{PLACE}/{kind}/{webhooks[0]['id']}", headers=group.operator)).status
            for http in clients
            for kind in ("requests", "webhooks")
        ]
        body = json.dumps({"path": "node_group/janitor"}).encode()
        restarted = await clients[0].request(
            "POST", f"{PLACE}/actors/restart?node=local-2", headers=group.operator, body=body
        )
        missing = await clients[0].request("GET", f"{PLACE}/requests/nobody-knows-it", headers=group.operator)

    assert {json.loads(reply.body)["node"] for reply in asked} == {"local-1", "local-2"}
    assert {json.loads(reply.body)["node"] for reply in found} == {"local-2"}
    assert seen == [200] * 8
    assert (restarted.status, missing.status) == (200, 404)
    assert [line["node"] for line in group.lines("actor_restarted_by_operator")] == ["local-2"]


async def test_link_of_the_operator_opens_a_session_at_all_processes_once(group):
    async with AsyncExitStack() as open_clients:
        clients = [await open_clients.enter_async_context(group.connect()) for _ in range(4)]
        path = json.loads((await clients[0].request("POST", "/operator/links", headers=group.operator)).body)["path"]
        opened = await clients[1].request("GET", path)
        cookie = {"Cookie": opened.headers["set-cookie"].partition(";")[0]}
        seen = [(await http.request("GET", "/omi-webhook/queue-status", headers=cookie)).status for http in clients]
        again = await clients[2].request("GET", path)

    assert (opened.status, seen, again.status) == (303, [200] * 4, 401)


async def speak(group, uid, until, failed):
    """Say one piece after another until the event, each until it is kept; return how many were."""
    kept = 0
    async with group.connect() as http:
        while not until.is_set():
            try:
                status, dropped = await group.say(http, uid, kept + 1)
            except ConnectionFailedError as error:
                failed.append(f"{uid} {kept + 1}: {error}")
                continue  # said again, as a sender does
            if (status, dropped) == (200, ""):
                kept += 1
            else:
                failed.append(f"{uid} {kept + 1}: {status} {dropped}")
    return kept


async def stored(group, uid):
    async with group.connect() as http:
        reply = await http.request("GET", f"/transcript/{uid}?limit=1000", headers=group.operator)
    return [piece["text"] for piece in json.loads(reply.body)["transcripts"]]


async def test_processes_are_replaced_under_load_and_nothing_is_refused_lost_or_doubled(group):
    over, before = asyncio.Event(), group.children()
    failed: list[str] = []
    uids = [f"rolling-{number}" for number in range(4)]
    talks = [asyncio.create_task(speak(group, uid, over, failed)) for uid in uids]

    group.process.send_signal(signal.SIGUSR2)
    await group.until(lambda: len(group.lines("process_replaced")) == 2)
    await group.until(lambda: len(group.children()) == 2 and not set(before) & set(group.children()))
    async with AsyncExitStack() as open_clients:
        clients = [await open_clients.enter_async_context(group.connect()) for _ in range(4)]
        assert {(await group.say(http, "after", number))[0] for number, http in enumerate(clients)} == {200}
    over.set()
    kept = await asyncio.gather(*talks)

    assert failed == []
    for uid, count in zip(uids, kept, strict=True):
        assert await stored(group, uid) == [f"words {number}" for number in range(1, count + 1)]


async def test_process_that_is_killed_is_replaced_and_new_connections_are_served_meanwhile(group):
    before = group.children()

    os.kill(before[0], signal.SIGKILL)
    async with AsyncExitStack() as open_clients:
        clients = [await open_clients.enter_async_context(group.connect()) for _ in range(8)]
        told = [await group.say(http, f"killed-{number}", 1) for number, http in enumerate(clients)]
    await group.until(lambda: len(group.children()) == 2 and before[0] not in group.children())

    assert told == [(200, "")] * 8
    (line,) = group.lines("process_ended")
    assert (line["exit_code"], line["restart_in_s"]) == (-9, 0.0)


async def test_new_connections_are_served_while_a_process_is_paused(group):
    paused = group.children()[0]
    os.kill(paused, signal.SIGSTOP)
    try:
        async with AsyncExitStack() as open_clients:
            clients = [await open_clients.enter_async_context(group.connect()) for _ in range(8)]
            told = [await group.say(http, f"paused-{number}", 1) for number, http in enumerate(clients)]
    finally:
        os.kill(paused, signal.SIGCONT)

    assert told == [(200, "")] * 8


def is_running(pid):
    return Path(f"/proc/{pid}").exists()


async def test_signal_to_the_parent_stops_all_with_0(group):
    children = group.children()

    assert await group.process.stop() == 0

    assert not any(is_running(pid) for pid in children)
