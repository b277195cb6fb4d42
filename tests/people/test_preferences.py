"""Preferences over HTTP, on each database: both verbs, both key styles, and texts that are typed key by key."""

import asyncio
from typing import Any

from omi_actors.domain.people.preferences import FIELDS
from omi_actors.store.people.preferences import load_changed_sessions
from tests.people.conftest import Client
from tests.web.http_client import Connection

KEYS = {
    *("listenMode", "followupWindowMs", "wakeNames", "wakeBy", "activationRegex", "activationSensitivity", "mute"),
    *("quietHoursEnabled", "quietHoursStart", "quietHoursEnd", "dndQuietHoursStart", "dndQuietHoursEnd", "timeZone"),
    *("meetingTranscribe", "injectMemories", "language", "defaultConversationId", "invalid"),
}


async def save(client, form, method="PATCH"):
    reply = await client(method, "/preferences", form)
    assert reply.status == 200, reply
    assert reply.json == (await client("GET", "/preferences")).json
    assert set(reply.json["preferences"]) == KEYS
    return reply.json["preferences"]


async def test_preferences_have_the_same_keys_before_and_after_each_change(ada):
    await ada.register()

    before = (await ada("GET", "/preferences")).json
    assert (before["ok"], set(before["preferences"])) == (True, KEYS)
    assert before["preferences"]["listenMode"] == "TRIGGER"
    assert before["preferences"]["followupWindowMs"] == 8_000

    for method, form, shown in (
        ("PUT", {"listenMode": "followup"}, {"listenMode": "FOLLOWUP"}),
        ("PATCH", {"followup_window_ms": "9000"}, {"listenMode": "FOLLOWUP", "followupWindowMs": 9_000}),
        ("PUT", {"followupWindowMs": 7_000.0, "mute": "true"}, {"followupWindowMs": 7_000, "mute": True}),
        ("PATCH", {"activation_sensitivity": "-2"}, {"activationSensitivity": -2, "mute": True}),
        ("PUT", {"quietHoursStart": 22}, {"quietHoursStart": "22:00", "dndQuietHoursStart": "22:00"}),
        ("PATCH", {"dnd_quiet_hours_end": "07:00"}, {"quietHoursEnd": "07:00", "quietHoursStart": "22:00"}),
        ("PUT", {"wakeNames": ["Zorro", "Bella"]}, {"wakeNames": "Zorro, Bella"}),
        ("PATCH", {"wake_by": "owner", "language": "de"}, {"wakeBy": "OWNER", "language": "de"}),
        ("PUT", {"mute": None, "wakeNames": "", "listen_mode": None}, {"mute": False, "listenMode": "TRIGGER"}),
    ):
        saved = await save(ada, form, method)
        assert {name: saved[name] for name in shown} == shown
        assert saved["invalid"] == []


TYPED: dict[str, Any] = {
    "activation_regex": ("activationRegex", ["h", "hey (", "hey (comp", "hey (comp)"], {"hey (", "hey (comp"}),
    "dndQuietHoursStart": ("quietHoursStart", ["2", "22", "22:", "22:0", "22:00"], {"2", "22", "22:", "22:0"}),
    "timeZone": ("timeZone", ["E", "Europe", "Europe/Ber", "Europe/Berlin"], {"E", "Europe", "Europe/Ber"}),
    "followup_window_ms": ("followupWindowMs", [8, 80, 800, 8_000], {8, 80, 800}),
    "followupWindowMs": ("followupWindowMs", ["8s", "100000000"], {"8s", "100000000"}),
    "wake_names": ("wakeNames", ["Z", "Zo", "Zo,", "Zo, B", "Zo, Bo"], {"Z", "Zo, B"}),
    "language": ("language", ["x", "d", "de", "de-AT"], {"x", "d"}),
}


async def test_texts_that_are_typed_key_by_key_are_kept_shown_and_marked_until_valid(ada):
    await ada.register()

    for name, (shown, texts, half) in TYPED.items():
        for text in texts:
            saved = await save(ada, {name: text})
            assert str(saved[shown]) == str(text)
            assert [one["field"] for one in saved["invalid"]] == ([shown] if text in half else [])
            assert all(one["reason"] for one in saved["invalid"])
        cleared = await save(ada, {name: ""})
        assert cleared["invalid"] == []


REFUSED = [
    ({}, "No changes provided"),
    ({"listen_mode": "SOMETIMES"}, "Invalid listen mode"),
    ({"listenMode": 3}, "Invalid listen mode"),
    ({"followup_window_ms": -1}, "`followup_window_ms` must be a whole number from 0 to 1000000000."),
    ({"followup_window_ms": 1.5}, "`followup_window_ms` must be a whole number from 0 to 1000000000."),
    ({"followup_window_ms": True}, "`followup_window_ms` must be a whole number from 0 to 1000000000."),
    ({"followup_window_ms": {"a": 1}}, "`followup_window_ms` must be a whole number from 0 to 1000000000."),
    ({"mute": "perhaps"}, "`mute` must be true or false."),
    ({"mute": 1}, "`mute` must be true or false."),
    ({"activation_sensitivity": 3}, "`activation_sensitivity` must be a whole number from -2 to 2."),
    ({"activation_sensitivity": 0.5}, "`activation_sensitivity` must be a whole number from -2 to 2."),
    ({"activation_sensitivity": [1]}, "`activation_sensitivity` must be a whole number from -2 to 2."),
    ({"quietHoursStart": 24}, "Quiet hours start must be 0-23"),
    ({"quietHoursStart": [22]}, "Quiet hours start must be 0-23"),
    ({"activation_regex": "x" * 201}, "`activation_regex` must have at most 200 characters."),
    ({"activation_regex": 7}, "`activation_regex` must be a string."),
    ({"activation_regex": "a\0"}, "`activation_regex` must be text."),
    ({"time_zone": 1}, "`time_zone` must be a string."),
    ({"wake_names": ["Zorro", ""]}, "`wake_names` must hold names: strings that are not empty, without commas."),
    ({"wake_names": ["Zorro", 7]}, "`wake_names` must hold names: strings that are not empty, without commas."),
    ({"wake_names": ["Z"]}, "`wake_names` each name must have 2 to 40 characters, two of them letters."),
    ({"wake_by": "DOG"}, "`wake_by` must be one of ANYONE, OWNER."),
    ({"default_conversation_id": "7"}, "`default_conversation_id` must be the id of a conversation."),
    ({"default_conversation_id": 7}, "`default_conversation_id` must be the id of a conversation."),
    ({"quietHoursEnd": -1}, "Quiet hours end must be 0-23"),
    ({"volume": 1}, "`volume` is not a field here."),
    ({"mute": True, "Mute": True}, "`Mute` is not a field here."),
    ({"listenMode": "ALWAYS", "listen_mode": "ALWAYS"}, "`listen_mode` is given twice."),
    ({"quietHoursEnd": "1", "dndQuietHoursEnd": "2"}, "`quiet_hours_end` is given twice."),
    (b'{"mute": true, "mute": true}', "`mute` is given twice."),
    (b'["mute"]', "The body is not a JSON object."),
    ({"followup_window_ms": 10**400}, "`followup_window_ms` must be a whole number from 0 to 1000000000."),
    ({"activation_sensitivity": 10**400}, "`activation_sensitivity` must be a whole number from -2 to 2."),
    (b'{"followup_window_ms": 1e999}', "`followup_window_ms` must be a whole number from 0 to 1000000000."),
]


async def test_wrong_value_is_refused_with_its_field_and_nothing_of_the_body_is_stored(ada):
    await ada.register()
    await save(ada, {"mute": True, "timeZone": "Asia/Tokyo"})
    before = (await ada("GET", "/preferences")).json

    for form, error in REFUSED:
        more = {"language": "fr", **form} if isinstance(form, dict) and form else form
        reply = await ada("PATCH", "/preferences", more)
        assert (reply.status, reply.json["error"]) == (400, error), form
    assert (await ada("GET", "/preferences")).json == before


async def test_refusal_with_a_text_of_the_original_names_the_field_in_its_hint(ada):
    await ada.register()

    reply = await ada("PATCH", "/preferences", {"listenMode": "LOUD"})

    assert (reply.status, reply.json["error"]) == (400, "Invalid listen mode")
    assert reply.json["hint"].startswith("`listen_mode` must be one of TRIGGER, FOLLOWUP, ALWAYS.")


async def test_default_conversation_is_one_of_the_persons_own_and_can_be_cleared(running, ada):
    me = (await ada.register())["user"]["id"]
    await running.say("hello", uid="w1")
    (conversation_id,) = await running.system.store.read(lambda tx: tx.fetch_one("SELECT id FROM conversation"))

    form = {"default_conversation_id": conversation_id, "mute": True}
    refused = await ada("PUT", "/preferences", form)
    assert (refused.status, refused.json["error"]) == (404, "Conversation not found")
    assert not (await ada("GET", "/preferences")).json["preferences"]["mute"]

    await running.system.store.write(
        lambda tx: tx.run("UPDATE session SET account_id = ? WHERE session_key = 'omi:w1'", (me,))
    )
    assert await load_changed(running, within_s=60.0) == ()
    assert (await save(ada, form))["defaultConversationId"] == conversation_id
    assert await load_changed(running, within_s=60.0) == ("omi:w1",)
    assert await load_changed(running, within_s=-60.0) == ()
    assert (await save(ada, {"mute": False}))["defaultConversationId"] == conversation_id
    assert (await save(ada, {"defaultConversationId": None}))["defaultConversationId"] is None


async def load_changed(program, within_s):
    """Load the sessions that other nodes find to have other preferences."""
    return await program.system.store.read(load_changed_sessions, within_s=within_s, limit=10)


async def test_keys_that_are_saved_at_the_same_time_are_all_kept(running, ada):
    await ada.register()
    forms: list[dict[str, Any]] = [
        {"mute": True},
        {"language": "de"},
        {"timeZone": "Asia/Tokyo"},
        {"wakeNames": "Zorro"},
    ]
    clients = [Client(await Connection.open(running.port), ada.token) for _ in forms]

    await asyncio.gather(*(client("PATCH", "/preferences", form) for client, form in zip(clients, forms, strict=True)))

    saved = (await ada("GET", "/preferences")).json["preferences"]
    for client, form in zip(clients, forms, strict=True):
        await client.connection.close()
        assert form.items() <= saved.items()


async def test_preferences_are_each_persons_own(ada, running):
    bob = Client(running.connection)
    await ada.register()
    await bob.register("bob@example.com")

    await save(ada, {"mute": True, "activation_regex": "hey (comp"})

    assert (await bob("GET", "/preferences")).json["preferences"]["mute"] is False
    assert (await ada.other()("GET", "/preferences")).status == 401


def test_every_field_is_shown_under_its_name_in_camel_case():
    assert len(FIELDS) + 4 == len(KEYS)
