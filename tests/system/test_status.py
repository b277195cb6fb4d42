"""Health, the operator's page and help of a running system."""

import json
import re

from omi_actors.status.fault import Part
from tests.fakes.omi_server import Mode
from tests.system.conftest import ADMIN, eventually
from tests.system.test_deliveries import AT_ONCE, ask_late
from tests.system.test_promises import GatedModel

DOCUMENT = {"status", "timestamp", "uptime", "memory", "metrics", "activeRequests", "features", "database"}
CHECKS = {
    "store",
    "queue",
    "supervisor",
    "loop",
    "model",
    "notifications",
    "budget",
    "backplane",
    "nodes",
    "clock",
    "retention",
    "erasures",
}


async def get(program, target, headers=ADMIN):
    reply = await program.connection.request("GET", target, b"", headers)
    return json.loads(reply.body)


async def tables(program):
    return {
        name: {row[0]: row[1:] for row in table["rows"]}
        for name, table in (await get(program, "/metrics-dashboard/data.json"))["tables"].items()
    }


async def test_health_has_the_documents_keys_and_a_check_of_every_part(start, database_url):
    program = await start(database_url)
    await program.say("Hey Omi, how far is the moon?")

    health = await get(program, "/health")

    assert set(health) >= DOCUMENT
    assert set(health["checks"]) == CHECKS | ({"other_nodes"} if database_url else set())
    assert health["metrics"]["webhooks"]["processed"] >= 1
    assert health["database"]["kind"] == ("postgres" if database_url else "sqlite")


async def test_strangers_learn_no_figure_of_a_real_system(start):
    program = await start(APP_ENV="production")

    health = await get(program, "/health", {})

    assert set(health) == {"status", "ready", "checks", "features", "database", "timestamp"}
    assert not [value for value in numbers_in(health) if not isinstance(value, bool)]


def numbers_in(value):
    if isinstance(value, dict):
        return [found for part in value.values() for found in numbers_in(part)]
    return [value] if isinstance(value, int | float) else []


async def test_page_counts_what_the_system_did(start):
    program = await start()
    before = await tables(program)
    await program.say("Hey Omi, how far is the moon?")
    await program.post(b"{}", query="")

    after = await tables(program)

    def gained(table, row, column=0):
        earlier = before[table].get(row, ("0",) * 9)[column]
        return int(after[table][row][column].replace(",", "")) - int(earlier.replace(",", ""))

    assert gained("outcomes", "Questions") == gained("outcomes", "Answered") == 1
    assert gained("drops", "no_owner") == gained("fates", "dropped") == gained("fates", "stored") == 1
    assert gained("requests", "/omi-webhook", column=1) == 2
    assert after["cache"]["In memory now"] == ["1"]
    assert gained("actors", "session") == 1


async def test_page_has_every_part_that_a_cause_links_to(start):
    program = await start()

    page = (await program.connection.request("GET", "/metrics-dashboard", b"", ADMIN)).body.decode()

    ids = set(re.findall(r'id="([\w-]+)"', page))
    assert {part.value.removeprefix("#") for part in Part} <= ids


async def test_page_shows_a_crash_and_a_remedy(start):
    program = await start()
    program.system._tree.router.tell(object())  # no actor knows that message

    async def is_shown():
        data = await get(program, "/metrics-dashboard/data.json")
        shown = [cause for cause in data["causes"] if "An actor crashed: session_router" in cause["what"]]
        return bool(shown) and "TypeError" in shown[0]["what"]

    await eventually(is_shown)


async def test_refused_notification_is_a_warning_with_a_remedy(start, omi, notifier):
    omi.mode = Mode.NOT_ENABLED
    model = GatedModel()
    program = await start(model=model, notifier=notifier, **AT_ONCE)
    await ask_late(program, model)

    async def is_shown():
        check = (await get(program, "/health"))["checks"]["notifications"]
        return check.get("last_outcome") == "unauthorized" and check["status"] == "warn"

    await eventually(is_shown)

    async def is_told():
        return "OMI_APP_SECRET" in str((await get(program, "/metrics-dashboard/data.json"))["causes"])

    await eventually(is_told)


async def test_minutes_of_before_a_restart_are_there_after_it(start, database_url):
    program = await start(database_url)
    await program.say("Hey Omi, how far is the moon?")
    await program.system.stop(grace_s=1.0)

    again = await start(database_url)

    async def is_there():
        minutes = await get(again, "/metrics-dashboard/minutes.json")
        return sum(minutes.get("accepted", ())) == 1 and max(minutes["webhook_p95"]) > 0

    await eventually(is_there)

    async def is_in_the_last_hour():
        health = await get(again, "/health")
        data = await get(again, "/metrics-dashboard/data.json")
        (webhooks,) = [tile for tile in data["tiles"] if tile["name"] == "webhooks"]
        return health["metrics"]["performance"]["p95"] is not None and sum(filter(None, webhooks["series"])) == 1

    await eventually(is_in_the_last_hour)


async def test_examples_of_help_are_answered(start):
    program = await start()
    helped = await get(program, "/help", {})

    spoken = [
        *helped["examples"],
        *(f"{phrase}, how far is the moon?" for phrase in helped["trigger_phrases"]["phrases"]),
    ]
    for number, words in enumerate(spoken):
        reply = await program.say(words, uid=f"wearer{number}")
        assert "message" in reply.json, words
