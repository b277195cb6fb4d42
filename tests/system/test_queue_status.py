"""The figures of /omi-webhook/queue-status are counts."""

from omi_actors.errors import UpstreamUnavailableError
from tests.system.conftest import ADMIN, eventually
from tests.system.test_promises import GatedModel
from tests.web.http_client import Connection, request_bytes

PATH = "/omi-webhook/queue-status"


async def status(program):
    reply = await program.connection.request("GET", PATH, b"", ADMIN)
    assert reply.status == 200
    return reply.json


async def test_idle_queue_has_the_keys_that_tools_know(start, database_url):
    program = await start(database_url, OPENAI_MAX_CONCURRENCY="5", QUEUE_MAX_CONCURRENT_JOBS="3")

    shown = await status(program)

    notes, queue = shown.pop("notes"), shown["queue"]
    counted = {name: queue.pop(name) for name in ("failed", "retried", "sinceStart", "byKind")}
    assert shown == {
        "ok": True,
        "queue": {
            "queueLength": 0,
            "processing": False,
            "batchSize": 16,
            "processingInterval": 1000,
            "maxConcurrentJobs": 8,
            "retryQueueSize": 0,
            "jobTypeCounts": {},
            "running": 0,
            "processed": 0,
            "dead": 0,
            "cancelled": 0,
            "oldestWaitsSeconds": None,
            "paused": {},
        },
        "caches": {
            "sessionCache": 0,
            "sessionCacheHits": 0,
            "sessionCacheMisses": 0,
            "lastProcessedQuestion": None,
        },
        "featureFlags": {
            "ENABLE_USER_SYSTEM": True,
            "ENABLE_CONTEXT_ACTIVATION": True,
            "ENABLE_PROMPT_WORKERS": True,
        },
    }
    assert set(counted["sinceStart"]) == {"processed", "failed", "retried", "dead"}
    assert set(notes) <= {*queue, *counted, *shown["caches"], *shown["featureFlags"]}


async def test_jobs_are_counted_by_state(start):
    model = GatedModel(UpstreamUnavailableError("as told", retry_after_s=100.0))
    program = await start(model=model, WEBHOOK_REPLY_DEADLINE_MS="100", OPENAI_TIMEOUT="600000")
    before = (await status(program))["queue"]["sinceStart"]
    others = [await Connection.open(program.port) for _ in range(2)]
    await program.say("Hey Omi, how far is the moon?", uid="ada")

    async def is_retrying():
        return (await status(program))["queue"]["retryQueueSize"] == 1

    await eventually(is_retrying)
    model.asked.clear()
    for number, other in enumerate(others):
        body = b'{"message":"question %d"}' % number
        other.write(request_bytes("POST", "/chat", body, ADMIN))

    async def are_two_in():
        queue = (await status(program))["queue"]
        return (queue["running"], queue["queueLength"]) == (1, 1)

    await eventually(are_two_in)
    queue = (await status(program))["queue"]
    assert (queue["processing"], queue["jobTypeCounts"]) == (True, {"answer": 2})
    assert queue["oldestWaitsSeconds"] > 0
    kind = queue["byKind"]["answer"]
    assert (kind["waiting"], kind["retrying"], kind["running"], kind["dead"]) == (1, 1, 1, 0)
    assert kind["oldestWaitsSeconds"] == queue["oldestWaitsSeconds"]
    model.gate.set()

    async def are_done():
        return (await status(program))["queue"]["processed"] == 2

    await eventually(are_done)
    gained = {name: count - before[name] for name, count in (await status(program))["queue"]["sinceStart"].items()}
    assert gained == {"processed": 2, "failed": 1, "retried": 1, "dead": 0}
    for other in others:
        await other.close()


async def test_session_in_memory_is_a_hit_and_one_that_is_activated_a_miss(start):
    program = await start()
    hits = await program.metric('omi_session_lookups_total{outcome="hit"}')
    for number in range(3):
        await program.say("hello", uid="ada", sid=f"s{number}", start=float(number))
    await program.say("hello", uid="bob")

    caches = (await status(program))["caches"]

    assert (caches["sessionCache"], caches["sessionCacheHits"], caches["sessionCacheMisses"]) == (2, 2, 2)

    async def are_shown():
        return await program.metric('omi_session_lookups_total{outcome="hit"}') == hits + 2

    await eventually(are_shown)


async def test_queue_status_is_for_the_operator_only(start):
    program = await start()

    assert (await program.connection.request("GET", PATH)).status == 401
