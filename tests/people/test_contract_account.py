"""The account's part of a day of the shipped app, against the wire that it was made for; one server per database.

The shapes and texts come from the original's interface, not from this program. The other part: test_contract.py.
"""

import pytest

from tests.canaries import PASSWORD
from tests.people.conftest import Client
from tests.people.wire import (
    AUTH_ME,
    DEVICE,
    ME,
    NOBODY,
    OK,
    PREFERENCES,
    PROFILE,
    SIGNED_IN,
    App,
    in_both_modes,
    preflights,
    start_in_mode,
)

NEW_PASSWORD = "a longer correct horse"  # noqa: S105 (the test's own)
ROUTES = {
    *("POST /auth/register", "POST /auth/login", "POST /auth/logout", "GET /auth/me", "GET /me"),
    *("GET /account/profile", "PATCH /account/profile", "POST /account/password", "DELETE /account"),
    *("GET /account/sessions", "POST /account/sessions/revoke", "POST /account/sessions/revoke-others"),
    *("GET /preferences", "PUT /preferences", "PATCH /preferences"),
}


@pytest.fixture
async def program(mode, start, database_url):
    """A server whose web app has another origin."""
    return await start_in_mode(start, mode, database_url)


@in_both_modes
async def test_shipped_app_finds_accounts_and_preferences_as_it_reads_them(program, subtests):
    ada, eve = App(Client(program.connection)), App(Client(program.connection))
    for part in (registers, signs_in, edits_the_profile, types_preferences, manages_devices, leaves):
        with subtests.test(part.__name__):
            await part(ada, eve)
    assert await preflights(ada.client.other(), ada.asked) == ROUTES


async def registers(ada, eve):
    for form, text in (
        ({}, "Email and password are required"),
        ({"email": "ada@example.com"}, "Email and password are required"),
        ({"email": "ada", "password": "short"}, "Password must be at least 8 characters"),
        ({"email": "ada", "password": PASSWORD}, "Invalid email format"),
    ):
        await ada.refused("POST", "/auth/register", form, 400, text)
    form = {"email": " Ada@Example.com ", "password": PASSWORD, "display_name": "Ada", "name": "Nobody"}
    made = await ada.post("/auth/register", form, SIGNED_IN, 201)
    assert (made["user"]["email"], made["user"]["displayName"]) == ("ada@example.com", "Ada")
    assert made["sid"] == made["session_token"]
    ada.client.token = made["session_token"]
    await eve.refused("POST", "/auth/register", form, 409, "User with this email already exists")
    form = {"email": "eve@example.com", "password": PASSWORD, "displayName": "Eve"}
    made = await eve.post("/auth/register", form, SIGNED_IN, 201)
    assert made["user"]["displayName"] == "Eve"
    eve.client.token = made["session_token"]


async def signs_in(ada, _):
    guest = App(ada.client.other(), ada.asked)
    await guest.refused("POST", "/auth/login", {"email": "ada@example.com"}, 400, "Email and password are required")
    for email in ("ada@example.com", "unknown@example.com"):
        form = {"email": email, "password": "a wrong password"}
        await guest.refused("POST", "/auth/login", form, 401, "Invalid credentials")
    made = await guest.post("/auth/login", {"email": " ADA@example.com", "password": PASSWORD}, SIGNED_IN)
    await guest.refused("GET", "/auth/me", None, 401, "No session token provided")
    for scheme in ("Bearer", "bearer", "Sid", "SID"):
        await guest.get("/me", ME, Authorization=f"{scheme} {made['sid']}")
    me = await guest.get("/auth/me", AUTH_ME, Authorization=f"Bearer {made['sid']}")
    assert me["user"]["stats"] == {"memories": 0, "conversations": 0, "sessions": 2}
    guest.client.token = made["sid"]
    await guest.post("/auth/logout", None, OK)
    await guest.refused("GET", "/auth/me", None, 401, "Invalid session")
    await guest.post("/auth/logout", None, OK)
    guest.client.token = ""
    reply = await guest.client("POST", "/auth/login", {"email": "ada@example.com", "password": PASSWORD})
    cookie = {part.strip().lower() for part in reply.headers["set-cookie"].split(";")}
    assert {f"sid={reply.json['sid']}".lower(), "httponly", "samesite=lax", "max-age=2592000"} <= cookie
    assert (await ada.get("/me", ME))["user"]["role"] == "USER"


async def edits_the_profile(ada, _):
    path = "/account/profile"
    await ada.get(path, PROFILE)
    for name, shown in (({"display_name": "Ada L."}, "Ada L."), ({"displayName": ""}, None)):
        assert (await ada.call("PATCH", path, name, PROFILE))["user"]["displayName"] == shown
    for form, status, text in (
        ({}, 400, "No changes provided"),
        ({"email": ""}, 400, "Email cannot be empty"),
        ({"email": "new@example.com"}, 400, "current_password is required to change email"),
        ({"email": "new@example.com", "current_password": "wrong one"}, 401, "Invalid current password"),
        ({"email": "eve@example.com", "current_password": PASSWORD}, 400, "Email already in use"),
    ):
        await ada.refused("PATCH", path, form, status, text)
    form = {"email": "Ada2@example.com ", "currentPassword": PASSWORD}
    assert (await ada.call("PATCH", path, form, PROFILE))["user"]["email"] == "ada2@example.com"


async def types_preferences(ada, _):
    shape = {"ok": True, "preferences": PREFERENCES}
    first = (await ada.get("/preferences", shape))["preferences"]
    assert (first["listenMode"], first["followupWindowMs"], first["mute"]) == ("TRIGGER", 8000, False)
    for name, shown, typed in (
        ("activation_regex", "activationRegex", ("h", "hey (comp", "hey (computer)")),
        ("dnd_quiet_hours_start", "dndQuietHoursStart", ("2", "22", "22:", "22:00")),
        ("dndQuietHoursEnd", "dndQuietHoursEnd", ("0", "07:", "07:00")),
        ("listen_mode", "listenMode", ("FOLLOWUP", "ALWAYS", "TRIGGER")),
        ("followup_window_ms", "followupWindowMs", (1000, 60000)),
        ("activation_sensitivity", "activationSensitivity", (-2, 2, 0)),
        ("meeting_transcribe", "meetingTranscribe", (True, False)),
        ("inject_memories", "injectMemories", (True,)),
        ("mute", "mute", (True, False)),
    ):
        for value in typed:
            for verb in ("PATCH", "PUT"):
                saved = await ada.call(verb, "/preferences", {name: value}, shape)
                assert saved["preferences"][shown] == value, (verb, name)
    assert await ada.get("/preferences", shape) == saved
    for name in ("activation_regex", "dnd_quiet_hours_start", "dnd_quiet_hours_end"):
        saved = await ada.call("PATCH", "/preferences", {name: ""}, shape)
    assert not saved["preferences"]["activationRegex"]
    assert not saved["preferences"]["dndQuietHoursStart"]
    for form, text in (
        ({"listenMode": "LOUD"}, "Invalid listen mode"),
        ({"quietHoursStart": 24}, "Quiet hours start must be 0-23"),
        ({"quietHoursEnd": -1}, "Quiet hours end must be 0-23"),
    ):
        await ada.refused("PUT", "/preferences", form, 400, text)
    # A number may be half typed, too: kept, and without effect.
    saved = await ada.call("PUT", "/preferences", {"followupWindowMs": 0}, shape)
    assert saved["preferences"]["followupWindowMs"] == 0
    assert [one["field"] for one in saved["preferences"]["invalid"]] == ["followupWindowMs"]
    await ada.call("PATCH", "/preferences", {"followup_window_ms": None, "default_conversation_id": None}, shape)


async def manages_devices(ada, _):
    phone = App(ada.client.other(), ada.asked)
    form = {"email": "ada2@example.com", "password": PASSWORD}
    phone.client.token = (await phone.post("/auth/login", form, SIGNED_IN))["session_token"]
    shape = {"ok": True, "sessions": [DEVICE]}
    devices = (await ada.get("/account/sessions", shape))["sessions"]
    assert sum(one["is_current"] for one in devices) == 1 < len(devices)
    await ada.refused("POST", "/account/sessions/revoke", {}, 400, "session_token")
    await ada.refused("POST", "/account/sessions/revoke", {"sessionToken": NOBODY}, 404, "not found")
    await ada.post("/account/sessions/revoke", {"session_token": phone.client.token}, OK)
    await phone.refused("GET", "/me", None, 401, "Invalid session")
    phone.client.token = (await phone.post("/auth/login", form, SIGNED_IN))["session_token"]
    await ada.post("/account/sessions/revoke-others", None, OK)
    await phone.refused("GET", "/me", None, 401, "Invalid session")
    path = "/account/password"
    await ada.refused(
        "POST", path, {"current_password": "wrong one", "new_password": NEW_PASSWORD}, 401, "Invalid current password"
    )
    await ada.refused("POST", path, {"current_password": PASSWORD, "new_password": "short"}, 400, "8 characters")
    await ada.post(path, {"currentPassword": PASSWORD, "newPassword": NEW_PASSWORD}, OK)


async def leaves(ada, _):
    await ada.refused("DELETE", "/account", {}, 400, "current_password is required")
    await ada.refused("DELETE", "/account", {"current_password": PASSWORD}, 401, "Invalid current password")
    await ada.call("DELETE", "/account", {"current_password": NEW_PASSWORD}, OK, 202)
    await ada.refused("GET", "/me", None, 401, "Invalid session")
