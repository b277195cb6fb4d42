"""Accounts that the operator makes, and one-time links with their pages, on each database."""

import re
from urllib.parse import urlencode

from tests.canaries import PASSWORD
from tests.people.conftest import Client
from tests.system.conftest import ADMIN
from tests.web.test_operator import SAME_ORIGIN

ROOT = {"email": "root@example.com", "role": "ADMIN", "password": PASSWORD}
FORM = {"Content-Type": "application/x-www-form-urlencoded", **SAME_ORIGIN}


def operator(running):
    return Client(running.connection, headers=ADMIN)


async def send_form(running, path, password, **fields):
    """Fill in the form of a link's page, as a browser does."""
    page, _, query = path.partition("?")
    body = urlencode({"key": query.removeprefix("key="), "password": password, **fields}).encode()
    return await running.connection.request("POST", page, body, FORM)


async def test_set_up_link_makes_one_account_with_its_role(start, database_url):
    running = await start(database_url, REGISTRATION="link")
    link = (await operator(running)("POST", "/operator/accounts/invite", {"role": "ADMIN"})).json
    assert link["expiresInS"] == 7 * 86_400

    page = await running.connection.request("GET", link["path"])
    assert (page.status, page.headers["referrer-policy"]) == (200, "same-origin")
    assert "script" not in page.body.decode()
    again = await send_form(running, link["path"], "correct horse", email="ada", display_name="<b>")
    assert (again.status, b"Invalid email format" in again.body, b"&lt;b&gt;" in again.body) == (400, True, True)
    made = await send_form(running, link["path"], "correct horse", email="ada@example.com")
    assert (made.status, b"ada@example.com is made" in made.body) == (200, True)

    ada = Client(running.connection)
    assert (await ada.login()).json["user"]["role"] == "ADMIN"
    second = await send_form(running, link["path"], "correct horse", email="eve@example.com")
    assert (second.status, (await ada.other().login("eve@example.com")).status) == (404, 401)


async def test_key_of_a_set_up_link_registers_over_the_api_once(start, database_url):
    running = await start(database_url, REGISTRATION="link")
    ada, bob = Client(running.connection), Client(running.connection)
    path = (await operator(running)("POST", "/operator/accounts/invite", {})).json["path"]
    key = path.partition("key=")[2]
    await ada.register(setupKey=key)

    reply = await bob("POST", "/auth/register", {"email": "b@b.c", "password": "correct horse", "setup_key": key})

    assert (reply.status, reply.json["code"]) == (403, "not_permitted")


async def test_taken_email_leaves_the_link_valid(running, ada):
    await ada.register()
    path = (await operator(running)("POST", "/operator/accounts/invite", {})).json["path"]

    taken = await send_form(running, path, "correct horse", email="ada@example.com")
    other = await send_form(running, path, "correct horse", email="bob@example.com")

    assert (taken.status, b"already exists" in taken.body, other.status) == (400, True, 200)


async def test_reset_link_sets_a_password_once_and_ends_all_sessions(running, ada):
    await ada.register()
    assert (await ada("GET", "/me")).status == 200
    link = (await operator(running)("POST", "/operator/accounts/reset", {"email": "ADA@example.com"})).json

    assert (await send_form(running, link["path"], "short")).status == 400
    assert (await send_form(running, link["path"], "battery staple")).status == 200
    assert (await send_form(running, link["path"], "another one")).status == 404

    assert (await ada("GET", "/me")).status == 401
    assert (await ada.other().login()).status == 401
    assert (await ada.other().login("ada@example.com", "battery staple")).status == 200


async def test_account_of_the_operator_has_no_password_until_its_person_sets_one(running):
    made = (await operator(running)("POST", "/operator/accounts", {"email": "ada@example.com"})).json
    ada = Client(running.connection)

    assert (await ada.login()).status == 401
    assert (await ada.login("ada@example.com", "none")).status == 401
    assert (await send_form(running, made["path"], "correct horse")).status == 200
    assert (await ada.login()).status == 200


async def test_operator_lists_accounts_by_email_page_by_page(running):
    ask = operator(running)
    for name, role in (("cyd", "OBSERVER"), ("ada", "ADMIN"), ("bob", "USER")):
        form = {"email": f"{name}@example.com", "role": role, "password": "correct horse"}
        assert (await ask("POST", "/operator/accounts", form)).status == 201

    first = (await ask("GET", "/operator/accounts?limit=2")).json
    rest = (await ask("GET", f"/operator/accounts?limit=2&after={first['nextAfter']}")).json

    shown = [(one["email"][:3], one["role"]) for one in first["items"] + rest["items"]]
    assert shown == [("ada", "ADMIN"), ("bob", "USER"), ("cyd", "OBSERVER")]
    assert rest["nextAfter"] is None


async def test_odd_requests_about_accounts_are_refused_with_their_field(running, ada):
    await ada.register()
    ask = operator(running)

    replies = [
        await ask("POST", "/operator/accounts", {"email": "x"}),
        await ask("POST", "/operator/accounts", {"email": "x@y.z", "role": "KING"}),
        await ask("POST", "/operator/accounts", {"email": "x@y.z", "password": "short"}),
        await ask("POST", "/operator/accounts", {"email": "ada@example.com"}),
        await ask("POST", "/operator/accounts/reset", {"email": "nobody@example.com"}),
        await ask("POST", "/operator/accounts/invite", {"role": 1}),
        await ask("GET", "/operator/accounts?limit=0"),
    ]

    assert [reply.status for reply in replies] == [400, 400, 400, 409, 404, 400, 400]
    assert len((await ask("GET", "/operator/accounts")).json["items"]) == 1


async def test_roles_open_what_they_say(running):
    ask = operator(running)
    persons = {}
    for role in ("USER", "ADMIN", "OBSERVER"):
        form = {"email": f"{role}@example.com", "role": role, "password": "correct horse"}
        await ask("POST", "/operator/accounts", form)
        persons[role] = Client(running.connection)
        await persons[role].login(form["email"])

    seen = {
        role: [
            (await person("GET", "/operator/accounts")).status,
            (await person("POST", "/operator/accounts/invite", {})).status,
            "settings" in (await person("GET", "/health")).json,
        ]
        for role, person in persons.items()
    }

    assert seen == {"USER": [401, 401, False], "ADMIN": [200, 201, True], "OBSERVER": [200, 403, True]}


async def test_actions_about_accounts_are_recorded_without_emails(running):
    ask = operator(running)
    made = (await ask("POST", "/operator/accounts", {"email": "ada@example.com"})).json
    await ask("POST", "/operator/accounts/invite", {"role": "ADMIN"})

    events = (await ask("GET", "/operator/events")).json["events"]

    account = {"account": made["user"]["id"]}
    assert [(one["action"], one["target"]) for one in events] == [
        ("issue_link", {"role": "admin"}),
        ("issue_link", account),
        ("make_account", account),
    ]
    assert not re.search("example", str(events))


async def test_action_of_an_admin_is_recorded_as_theirs(running):
    made = (await operator(running)("POST", "/operator/accounts", ROOT)).json["user"]
    admin = Client(running.connection)
    await admin.login(ROOT["email"])

    await admin("POST", "/operator/queue/pause", {"kind": "answer"})
    await admin("POST", "/operator/accounts/invite", {})

    events = (await admin("GET", "/operator/events")).json["events"]
    assert [(one["action"], one["who"]) for one in events] == [
        ("issue_link", made["id"]),
        ("pause", made["id"]),
        ("make_account", "operator"),
    ]


async def test_closed_server_makes_no_account_by_a_link(start, database_url):
    running = await start(database_url, REGISTRATION="closed")
    ask = operator(running)

    assert (await ask("POST", "/operator/accounts/invite", {})).status == 403
    assert (await running.connection.request("GET", "/auth/set-up?key=x")).status == 403
    assert (await ask("POST", "/operator/accounts", {"email": "ada@example.com"})).status == 201
