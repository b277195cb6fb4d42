"""A person's own account over HTTP: profile, password and signed-in devices, on each database."""

import re

import pytest

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


async def test_profile_shows_and_takes_name_and_email(ada):
    made = await ada.register(display_name=" Ada ")

    shown = (await ada("GET", "/account/profile")).json["user"]
    assert shown == made["user"] | {"displayName": "Ada", "updatedAt": shown["createdAt"]}

    renamed = await ada("PATCH", "/account/profile", {"displayName": "  "})
    assert (renamed.json["ok"], renamed.json["user"]["displayName"]) == (True, None)
    assert TIME.fullmatch(renamed.json["user"]["updatedAt"])

    moved = {"email": " ADA@Example.org", "current_password": "correct horse"}
    assert (await ada("PATCH", "/account/profile", moved)).json["user"]["email"] == "ada@example.org"
    assert (await ada.other().login("ada@example.com")).status == 401
    assert (await ada.other().login("ada@example.org")).status == 200


async def test_profile_refuses_what_is_wrong_and_changes_nothing(ada):
    bob = ada.other()
    await bob.register("bob@example.com")
    before = (await ada.register())["user"]
    confirmed = {"current_password": "correct horse"}

    replies = [
        await ada("PATCH", "/account/profile", form)
        for form in (
            {},
            {"email": "  "} | confirmed,
            {"email": "x@example.com"},
            {"email": "x"} | confirmed,
            {"email": "x@example.com", "current_password": "wrong horse"},
            {"email": "bob@example.com", "display_name": "Bob"} | confirmed,
            {"display_name": "x" * 201},
            {"role": "ADMIN"},
        )
    ]

    assert [(reply.status, reply.json["error"]) for reply in replies] == [
        (400, "No changes provided"),
        (400, "Email cannot be empty"),
        (400, "current_password is required to change email"),
        (400, "Invalid email format"),
        (401, "Invalid current password"),
        (400, "Email already in use"),
        (400, "`display_name` has 201 characters."),
        (400, "`role` is not a field here."),
    ]
    assert (await ada("GET", "/me")).json["user"] == before


async def test_new_password_ends_all_other_sessions(ada):
    await ada.register()
    phone = ada.other()
    await phone.login()
    assert (await phone("GET", "/me")).status == 200  # now it is remembered

    changed = await ada(
        "POST", "/account/password", {"currentPassword": "correct horse", "newPassword": "battery staple"}
    )

    assert (changed.status, changed.json) == (200, {"ok": True})
    assert [(await one("GET", "/me")).status for one in (ada, phone)] == [200, 401]
    assert (await ada.other().login()).status == 401
    assert (await ada.other().login("ada@example.com", "battery staple")).status == 200


@pytest.mark.parametrize(
    ("form", "status", "error"),
    [
        ({"new_password": "battery staple"}, 400, "current_password and new_password are required"),
        ({"current_password": "correct horse", "new_password": "short"}, 400, "Password must be at least 8 characters"),
        ({"current_password": "x", "new_password": "battery staple"}, 401, "Invalid current password"),
    ],
)
async def test_password_stays_when_the_request_is_wrong(form, status, error, ada):
    await ada.register()

    reply = await ada("POST", "/account/password", form)

    assert (reply.status, reply.json["error"]) == (status, error)
    assert (await ada.other().login()).status == 200


async def test_sessions_are_listed_masked_and_end_by_id_or_token(ada):
    await ada.register()
    phone, tablet = ada.other(), ada.other()
    await phone.login()
    await tablet.login()

    listed = (await ada("GET", "/account/sessions")).json
    assert listed["ok"] is True
    assert listed["items"] == listed["sessions"]
    assert [one["is_current"] for one in listed["sessions"]] == [False, False, True]
    masked = {one["session_token_masked"]: one["id"] for one in listed["sessions"]}
    assert set(masked) == {f"{one.token[:8]}...{one.token[-4:]}" for one in (ada, phone, tablet)}
    assert all(TIME.fullmatch(one["createdAt"]) and one["expiresAt"] > one["createdAt"] for one in listed["items"])

    by_id = masked[f"{phone.token[:8]}...{phone.token[-4:]}"]
    assert (await ada("POST", "/account/sessions/revoke", {"id": by_id})).json == {"ok": True}
    assert (await ada("POST", "/account/sessions/revoke", {"session_token": tablet.token})).json == {"ok": True}
    assert [(await one("GET", "/me")).status for one in (ada, phone, tablet)] == [200, 401, 401]

    for form, status in (({"id": by_id}, 404), ({"session_token": "sid_x"}, 404), ({}, 400), ({"id": 1}, 400)):
        assert (await ada("POST", "/account/sessions/revoke", form)).status == status


async def test_session_of_another_person_cannot_be_ended(ada):
    await ada.register()
    bob = ada.other()
    await bob.register("bob@example.com")
    (mine,) = (await bob("GET", "/account/sessions")).json["items"]

    replies = [
        await ada("POST", "/account/sessions/revoke", form)
        for form in ({"id": mine["id"]}, {"session_token": bob.token})
    ]

    assert [reply.status for reply in replies] == [404, 404]
    assert (await bob("GET", "/me")).status == 200


async def test_all_other_sessions_end_at_once(ada):
    await ada.register()
    phone = ada.other()
    await phone.login()

    reply = await ada("POST", "/account/sessions/revoke-others")

    assert reply.json == {"ok": True, "revoked": 1}
    assert [(await one("GET", "/me")).status for one in (ada, phone)] == [200, 401]
