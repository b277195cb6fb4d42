"""Linking a wearable over HTTP, with Omi's notifications, on each database."""

import re

import pytest

from omi_actors.domain.people.linking import (
    CODE_LIFETIME_S,
    MAX_ATTEMPTS,
    REST_S,
    UNDO_LIFETIME_S,
    Confirm,
    Start,
    digest_of_code,
)
from omi_actors.store.people import linking
from tests.fakes.omi_server import Mode
from tests.people.conftest import Client
from tests.system.conftest import notifier, omi

__all__ = ["notifier", "omi"]

UID = "wearer-1"


@pytest.fixture
async def program(start, database_url, notifier):
    """A server that can notify."""
    return await start(database_url, notifier=notifier)


@pytest.fixture
async def people(program):
    """Ada and Bob, signed in."""
    ada, bob = Client(program.connection), Client(program.connection)
    await ada.register("ada@example.com")
    await bob.register("bob@example.com")
    return ada, bob


def last_text(omi):
    return omi.pushes[-1].text


def find(pattern, text):
    """Return the first group of a pattern in a text that has it."""
    (found,) = re.findall(pattern, text)
    return found


async def ask_code(omi, client, uid=UID):
    reply = await client("POST", "/link/omi/start", {"omi_user_id": uid})
    assert reply.status == 200, reply
    return find(r"\d{6}", last_text(omi))


async def link(omi, client, uid=UID):
    code = await ask_code(omi, client, uid)
    reply = await client("POST", "/link/omi/confirm", {"omiUserId": uid, "code": code})
    assert (reply.status, reply.json) == (200, {"ok": True})


async def test_code_of_the_notification_links_the_wearable_and_its_wearer_is_told(omi, people):
    ada, _ = people

    await link(omi, ada)

    (item,) = (await ada("GET", "/link/omi")).json["items"]
    assert (item["omiUserId"], item["isVerified"], item["verifiedAt"] is None) == (UID, True, False)
    assert (await ada("GET", "/me")).json["omi_links"] == [item]
    assert "a***@example.com" in last_text(omi)
    assert (await ada("POST", "/link/omi/start", {"omi_user_id": UID})).json["already_linked"] is True
    assert (await ada("POST", "/link/omi/resend", {"omi_user_id": UID})).status == 400


async def test_session_of_a_linked_wearable_is_its_accounts_before_and_after_it_began(omi, program, people):
    ada, bob = people
    await program.say("hello", uid="early")

    await link(omi, ada, "early")
    await link(omi, ada, "late")
    await program.say("hello", uid="late")

    for uid in ("early", "late"):
        reply = await ada("POST", "/sessions/link", {"session_id": uid})
        assert reply.json == {"ok": True, "session": {"id": uid, "linked": True, "hasConversations": True}}
        assert (await bob("POST", "/sessions/link", {"session_id": uid})).status == 404
    assert (await ada("POST", "/link/omi/sync-conversations")).json["synced"] == 0
    assert (await ada("DELETE", "/link/omi/unlink/early")).status == 200
    assert (await ada("DELETE", "/link/omi/unlink", {"omi_user_id": "late"})).status == 200
    assert (await ada("DELETE", "/link/omi/unlink/late")).status == 404
    assert (await ada("POST", "/sessions/link", {"session_id": "early"})).status == 404


async def test_verified_wearable_is_not_taken_and_a_pending_link_blocks_nobody(omi, people):
    ada, bob = people
    of_bob = await ask_code(omi, bob)

    await link(omi, ada)

    late = await bob("POST", "/link/omi/confirm", {"omi_user_id": UID, "code": of_bob})
    again = await bob("POST", "/link/omi/start", {"omi_user_id": UID})
    assert (late.status, again.status) == (409, 409)
    assert again.json["error"] == "This OMI device is already linked to another account"
    (item,) = (await ada("GET", "/link/omi")).json["items"]
    assert item["isVerified"]


async def test_wrong_codes_are_counted_over_all_codes_and_then_the_right_one_is_refused(omi, people):
    ada, _ = people
    await ask_code(omi, ada)
    wrong = {"omi_user_id": UID, "code": "none"}

    statuses = [(await ada("POST", "/link/omi/confirm", wrong)).status for _ in range(MAX_ATTEMPTS - 1)]
    code = (await ada("POST", "/link/omi/resend", {"omi_user_id": UID})).json["dev_code"]
    last = await ada("POST", "/link/omi/confirm", wrong)
    right = await ada("POST", "/link/omi/confirm", {"omi_user_id": UID, "code": code})

    assert statuses == [401] * (MAX_ATTEMPTS - 1)
    assert (last.status, right.status, right.json["error"]) == (401, 429, "Too many attempts")
    assert (await ada("POST", "/link/omi/start", {"omi_user_id": UID})).status == 429


async def test_code_of_one_account_or_wearable_links_no_other(omi, people):
    ada, bob = people
    of_ada = await ask_code(omi, ada)
    await ask_code(omi, bob)
    await ask_code(omi, ada, "wearer-2")

    assert (await bob("POST", "/link/omi/confirm", {"omi_user_id": UID, "code": of_ada})).status == 401
    assert (await ada("POST", "/link/omi/confirm", {"omi_user_id": "wearer-2", "code": of_ada})).status == 401
    assert (await ada("POST", "/link/omi/confirm", {"omi_user_id": "wearer-3", "code": of_ada})).status == 404


async def test_wearable_gets_three_codes_an_hour_whoever_asks(omi, people):
    ada, bob = people

    replies = [await client("POST", "/link/omi/start", {"omi_user_id": UID}) for client in (ada, ada, ada, bob)]

    assert [reply.status for reply in replies] == [200, 200, 200, 429]
    assert len(omi.pushes) == 3
    # A code that was not sent cannot be guessed.
    assert (await bob("POST", "/link/omi/confirm", {"omi_user_id": UID, "code": "000000"})).status == 404


async def test_wearer_undoes_a_link_by_the_notifications_page(omi, program, people):
    ada, _ = people
    await program.say("hello", uid=UID)
    await link(omi, ada)
    path = find(r"https?://[^/]+(/\S+)", last_text(omi))
    anybody = ada.other()

    page = await anybody("GET", path)
    assert (page.status, b"Undo the link" in page.body) == (200, True)
    assert len((await ada("GET", "/link/omi")).json["items"]) == 1

    form = {"content_type": "application/x-www-form-urlencoded"}
    body = path.partition("?")[2].encode()
    assert (await anybody("POST", "/link/omi/undo", body, **form)).status == 200
    assert (await ada("GET", "/link/omi")).json["items"] == []
    assert (await ada("POST", "/sessions/link", {"session_id": UID})).status == 404
    assert (await anybody("POST", "/link/omi/undo", body, **form)).status == 404
    assert (await anybody("GET", path)).status == 404


async def test_failing_notification_is_an_error_and_another_code_can_be_asked_for(omi, people):
    ada, _ = people
    omi.mode = Mode.NOT_ENABLED
    assert (await ada("POST", "/link/omi/start", {"omi_user_id": UID})).status == 502

    omi.mode = Mode.NORMAL
    await link(omi, ada)


BODIES = [
    ("/link/omi/start", {}, "omi_user_id is required"),
    ("/link/omi/start", {"omi_user_id": "a b"}, "`omi_user_id` has characters that no uid of Omi has."),
    ("/link/omi/start", {"omi_user_id": 7}, "`omi_user_id` must be a string."),
    ("/link/omi/confirm", {"omi_user_id": UID}, "omi_user_id and code are required"),
    ("/sessions/link", {}, "Validation failed"),
]


@pytest.mark.parametrize(("path", "form", "error"), BODIES)
async def test_wrong_body_is_refused_by_the_name_of_its_field(ada, path, form, error):
    await ada.register()

    reply = await ada("POST", path, form)

    assert (reply.status, reply.json["error"]) == (400, error)


async def test_only_development_shows_the_code_and_without_notifications_nothing_else_can(start):
    program = await start(
        APP_ENV="production", OPENAI_API_KEY="sk-of-the-tests", ALLOWED_HOSTS="*", REGISTRATION="open", HOST="127.0.0.1"
    )
    ada = Client(program.connection)
    await ada.register()

    reply = await ada("POST", "/link/omi/start", {"omi_user_id": UID})

    assert (reply.status, reply.json["error"]) == (409, "No code can be sent.")
    assert "dev_code" not in reply.json


async def test_codes_attempts_and_the_undo_have_their_times(running):
    me = (await Client(running.connection).register())["user"]["id"]
    store, right, wrong = running.system.store, digest_of_code(me, UID, "1"), digest_of_code(me, UID, "2")

    async def start_at(now_s):
        return await store.write_alone(linking.start_link, me, UID, code_digest=right, now_s=now_s)

    async def confirm_at(now_s, code=right):
        return await store.write_alone(linking.confirm_link, me, UID, code_digest=code, undo_digest="u", now_s=now_s)

    assert await confirm_at(0.0) is Confirm.NOT_STARTED
    assert await start_at(0.0) is Start.STARTED
    assert await confirm_at(CODE_LIFETIME_S) is Confirm.EXPIRED
    assert await start_at(CODE_LIFETIME_S) is Start.STARTED
    for _ in range(MAX_ATTEMPTS):
        assert await confirm_at(CODE_LIFETIME_S, wrong) is Confirm.WRONG
    over = 2 * CODE_LIFETIME_S + REST_S
    assert (await start_at(over - 1), await confirm_at(over - 1)) == (Start.RESTING, Confirm.RESTING)
    assert await start_at(over) is Start.STARTED
    assert await confirm_at(over) is Confirm.LINKED
    assert await confirm_at(over) is Confirm.ALREADY_LINKED
    assert not await store.read_cold(linking.can_undo, "u", now_s=over + UNDO_LIFETIME_S)
    assert await store.read_cold(linking.can_undo, "u", now_s=over + UNDO_LIFETIME_S - 1)
