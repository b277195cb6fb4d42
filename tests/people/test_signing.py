"""Sign-up and sign-in over HTTP, by the shapes that clients read, on each database."""

import asyncio
import re

import pytest

from tests.people.conftest import Client
from tests.web.http_client import Connection

UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


def assert_user(user, **expected):
    assert {name: user[name] for name in expected} == expected
    assert UUID.fullmatch(user["id"])
    assert TIME.fullmatch(user["createdAt"])


async def test_person_registers_signs_in_and_out(ada):
    made = await ada.register("  Ada@Example.com ", name="Ada")
    assert (made["ok"], made["sid"]) == (True, made["session_token"])
    assert_user(made["user"], email="ada@example.com", displayName="Ada", role="USER")

    me = (await ada("GET", "/auth/me")).json
    assert me["user"] == made["user"] | {
        "preferences": (await ada("GET", "/preferences")).json["preferences"],
        "stats": {"memories": 0, "conversations": 0, "sessions": 1},
    }
    assert (await ada("GET", "/me")).json == {"ok": True, "user": made["user"], "omi_links": []}

    phone = ada.other()
    reply = await phone.login("ADA@example.com")
    assert (reply.status, reply.json["ok"], reply.json["user"]) == (200, True, made["user"])
    assert reply.json["session_token"] != made["session_token"]

    assert (await ada("POST", "/auth/logout")).json["ok"] is True
    assert (await ada("GET", "/me")).status == 401
    assert (await phone("GET", "/me")).status == 200


async def test_token_is_taken_as_bearer_sid_and_cookie_and_never_in_the_address(ada):
    await ada.register()
    plain = ada.other()

    for headers in ({"Authorization": f"bearer {ada.token}"}, {"Authorization": f"Sid {ada.token}"}):
        assert (await plain("GET", "/me", **headers)).status == 200
    assert (await plain("GET", "/me", Cookie=f"sid={ada.token}")).status == 200
    assert (await plain("GET", f"/me?sid={ada.token}")).status == 401


async def test_wrong_password_and_unknown_email_look_alike(ada):
    await ada.register()

    replies = [await ada.other().login("ada@example.com", "wrong horse"), await ada.other().login("bob@example.com")]

    assert [reply.status for reply in replies] == [401, 401]
    assert [reply.json["error"] for reply in replies] == ["Invalid credentials"] * 2
    assert replies[0].json["hint"] == replies[1].json["hint"]


async def test_two_registrations_of_one_email_at_once_make_one_account(running):
    connections = [await Connection.open(running.port) for _ in range(2)]
    form = {"email": "ada@example.com", "password": "correct horse"}

    replies = await asyncio.gather(*(Client(one)("POST", "/auth/register", form) for one in connections))

    assert sorted(reply.status for reply in replies) == [201, 409]
    (refused,) = [reply.json for reply in replies if reply.status == 409]
    assert refused["error"] == "User with this email already exists"
    assert (await Client(connections[0]).login()).status == 200
    for connection in connections:
        await connection.close()


BODIES = [
    (b"", "Email and password are required"),
    (b"{}", "Email and password are required"),
    ({"email": "ada@example.com"}, "Email and password are required"),
    ({"email": "", "password": "correct horse"}, "Email and password are required"),
    ({"email": "a@b.c", "password": "short"}, "Password must be at least 8 characters"),
    ({"email": "a@b.c", "password": "x" * 1025}, "Password must be at most 1024 characters"),
    ({"email": "ada", "password": "correct horse"}, "Invalid email format"),
    ({"email": "a b@c.de", "password": "correct horse"}, "Invalid email format"),
    ({"email": "a@b", "password": "correct horse"}, "Invalid email format"),
    ({"email": "a@b..c", "password": "correct horse"}, "Invalid email format"),
    ({"email": "a@@b.c", "password": "correct horse"}, "Invalid email format"),
    ({"email": "a\u202e@b.c", "password": "correct horse"}, "Invalid email format"),
    ({"email": "a" * 251 + "@b.c", "password": "correct horse"}, "Invalid email format"),
    ({"email": "a" * 2000 + "@b.c", "password": "correct horse"}, "`email` has 2004 characters."),
    ({"email": 7, "password": "correct horse"}, "`email` must be a string."),
    ({"email": "a@b.c", "password": 12345678}, "`password` must be a string."),
    ({"email": "a@b.c", "password": None}, "`password` must not be null."),
    ({"email": ["a@b.c"], "password": "correct horse"}, "`email` must be a string."),
    ({"email": {"a": 1}, "password": "correct horse"}, "`email` must be a string."),
    ({"email": "a@b.c", "password": "correct horse\x00"}, "`password` must be text."),
    (rb'{"email":"a@b.c","password":"correct \ud83d horse"}', "`password` must be text."),
    ({"email": "a@b.c", "password": "correct horse", "role": "admin"}, "`role` is not a field here."),
    ({"email": "a@b.c", "password": "correct horse", "name": 1}, "`name` must be a string."),
    (b'{"email":"a@b.c","email":"b@b.c","password":"correct horse"}', "`email` is given twice."),
    (b'{"display_name":"A","displayName":"B"}', "`display_name` is given twice."),
    (b'{"email":', "The body is not JSON: line 1, column 10."),
    (b'["a@b.c"]', "The body is not a JSON object."),
    (b'{"email":' + b"[" * 3000, "The body is not JSON that can be read: it is nested too deeply."),
    (b'{"email":"\xff"}', "The body is not UTF-8: byte 10."),
    (b'{"a`\\n<b>":1}', "`a??<b>` is not a field here."),
]


async def test_odd_registration_is_refused_with_its_field_and_stores_nothing(start):
    running = await start(ENABLE_RATE_LIMIT="false")
    ada = Client(running.connection)

    replies = [await ada("POST", "/auth/register", body) for body, _ in BODIES]

    assert [(reply.status, reply.json["error"]) for reply in replies] == [(400, error) for _, error in BODIES]
    assert all(reply.json["hint"] for reply in replies)
    assert (await ada("POST", "/auth/register", b'{"email":"' + b" " * 100_000)).status == 413
    await ada.register("a@b.c")


async def test_odd_login_is_refused_and_costs_no_hash_for_bad_forms(start):
    ada = Client((await start()).connection)

    statuses = [
        (await ada("POST", "/auth/login", form)).status
        for form in ({"email": 1, "password": "x"}, {"password": "x"}, {"email": "not an email", "password": "x"})
    ]

    assert statuses == [400, 400, 401]


async def test_wrong_passwords_are_limited_by_account_and_address(start):
    running = await start(LOGIN_MAX_FAILURES="2", TRUST_PROXY="1", ENABLE_RATE_LIMIT="false")
    ada = Client(running.connection)
    await ada.register()
    wrong = {"email": "ada@example.com", "password": "wrong horse"}

    before = await running.metric('omi_sign_ins_total{verdict="wrong"}')
    statuses = [(await ada.other()("POST", "/auth/login", wrong)).status for _ in range(2)]
    refused = await ada.other().login()
    elsewhere = await ada.other()(
        "POST", "/auth/login", wrong | {"password": "correct horse"}, X_Forwarded_For="10.1.1.1"
    )

    assert statuses == [401, 401]
    assert (refused.status, refused.json["code"]) == (429, "rate_limited")
    assert 1 <= int(refused.headers["retry-after"]) <= 900
    assert elsewhere.status == 200

    assert await running.metric('omi_sign_ins_total{verdict="wrong"}') == before + 2

    spread = [await ada.other()("POST", "/auth/login", wrong, X_Forwarded_For=f"10.2.0.{n}") for n in range(20)]
    assert [reply.status for reply in spread] == [401] * 18 + [429] * 2


async def test_guesses_from_elsewhere_lock_nobody_out_where_they_have_signed_in_before(start):
    running = await start(LOGIN_MAX_FAILURES="2", TRUST_PROXY="1", ENABLE_RATE_LIMIT="false")
    ada = Client(running.connection)
    await ada.register()
    right = {"email": "ada@example.com", "password": "correct horse"}
    wrong = right | {"password": "wrong horse"}
    assert (await ada.other()("POST", "/auth/login", right, X_Forwarded_For="10.1.1.1")).status == 200

    for n in range(20):
        assert (await ada.other()("POST", "/auth/login", wrong, X_Forwarded_For=f"10.2.0.{n}")).status == 401
    statuses = [
        (await ada.other()("POST", "/auth/login", right, **({"X_Forwarded_For": place} if place else {}))).status
        for place in ("", "10.1.1.1", "10.1.1.2")
    ]

    assert statuses == [200, 200, 429]
    # The limit of one account at one address holds there, too.
    here = [await ada.other()("POST", "/auth/login", wrong, X_Forwarded_For="10.1.1.1") for _ in range(3)]
    assert [reply.status for reply in here] == [401, 401, 429]


@pytest.mark.parametrize(("mode", "statuses"), [("open", [201, 403]), ("link", [403, 403]), ("closed", [403, 403])])
async def test_registration_is_for_those_whom_the_setting_names(mode, statuses, start):
    ada = Client((await start(REGISTRATION=mode)).connection)
    form = {"email": "ada@example.com", "password": "correct horse"}

    replies = [await ada("POST", "/auth/register", form | more) for more in ({}, {"setup_key": "invented"})]

    assert [reply.status for reply in replies] == statuses
    assert {reply.json["code"] for reply in replies if reply.status == 403} == {"not_permitted"}


async def test_without_the_user_system_addresses_of_persons_say_so(start):
    ada = Client((await start(ENABLE_USER_SYSTEM="false")).connection)

    replies = [await ada("GET", "/me"), await ada("POST", "/auth/register", {}), await ada("POST", "/auth/logout")]

    assert [(reply.status, reply.json["error"]) for reply in replies] == [(503, "User system disabled")] * 3


async def test_person_chats_in_a_conversation_of_their_own_on_every_device(running, ada):
    await ada.register()
    phone, bob = ada.other(), ada.other()
    await phone.login()
    await bob.register("bob@example.com")

    first = (await ada("POST", "/chat", {"message": "How far is the moon?"})).json
    others = [(await one("POST", "/chat", {"message": "And the sun?"})).json for one in (phone, bob)]

    assert [one["conversationId"] == first["conversationId"] for one in others] == [True, False]
    counted = [(await one("GET", "/auth/me")).json["user"]["stats"]["conversations"] for one in (ada, bob)]
    assert counted == [1, 1]
    assert (await ada("POST", "/context/switch", {"session_id": "default", "space": "tasks"})).status == 200
    spaces = [(await one("GET", "/context/status/default")).json["space"] for one in (phone, bob)]
    assert spaces == ["tasks", "default"]
