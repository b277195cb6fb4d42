"""Authentication of webhooks."""

import json
from pathlib import Path

import pytest
from tornado.httputil import HTTPHeaders

from config.settings import load_settings
from omi_actors.clock import ManualClock
from omi_actors.errors import SignatureMismatchError
from tests.web.http_client import Connection
from web.auth import WebhookAuth, bearer_token, is_same

VECTOR = json.loads((Path(__file__).parents[1] / "samples" / "omi" / "17_signed_v1_vector.json").read_text())
SIGNATURE = VECTOR["headers"]["X-Omi-Signature"]
SECRET, UID, SIGNED_AT, BODY = VECTOR["secret"], VECTOR["uid"], VECTOR["timestamp"], VECTOR["body_utf8"].encode()
BODY_A = b'{"segments":[{"text":"a"}]}'


async def answer(port, target, body=BODY_A, **headers):
    async with await Connection.open(port) as connection:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await connection.request("POST", target, body, named)


@pytest.mark.parametrize(
    ("query", "headers", "status"),
    [
        ("uid=u&token=hook-token-of-the-tests-alone", {}, 200),
        ("token=hook-token-of-the-tests-alone&uid=u", {}, 200),
        ("uid=u&token=hook%2Dtoken-of-the-tests-alone", {}, 200),
        ("uid=u", {"Authorization": "Bearer hook-token-of-the-tests-alone"}, 200),
        ("uid=u", {"Authorization": "bearer hook-token-of-the-tests-alone"}, 200),
        ("uid=u&token=wrong", {"Authorization": "Bearer hook-token-of-the-tests-alone"}, 200),
        ("uid=u", {}, 401),
        ("uid=u&token=", {}, 401),
        ("uid=u&token=hook-toke", {}, 401),
        ("uid=u&token=h%C3%B6k", {}, 401),
        ("uid=u", {"Authorization": "Bearer admin-token-of-the-tests-alone"}, 401),
        ("uid=u", {"Authorization": "Basic hook-token-of-the-tests-alone"}, 401),
    ],
)
async def test_production_takes_the_right_token_only(query, headers, status, start, system):
    port = await start(APP_ENV="production", HOST="127.0.0.1")

    reply = await answer(port, f"/omi-webhook?{query}", **headers)

    assert reply.status == status
    assert len(system.received) == (status == 200)


async def test_refusal_is_json_and_counted(start, metric):
    before = metric("omi_webhooks_total", kind="unknown", outcome="refused")

    reply = await answer(await start(), "/omi-webhook?uid=u&token=wrong", X_Request_Id="req-1")

    assert reply.status == 401
    assert set(reply.json) == {"error", "code", "hint", "request_id", "requestId", "timestamp"}
    assert (reply.json["code"], reply.json["requestId"]) == ("unauthorized", "req-1")
    assert metric("omi_webhooks_total", kind="unknown", outcome="refused") == before + 1


@pytest.mark.parametrize(
    ("query", "status"), [("uid=u", 200), ("uid=u&token=hook-token-of-the-tests-alone", 200), ("uid=u&token=x", 401)]
)
async def test_development_on_loopback_may_go_without_a_token_but_not_with_a_wrong_one(query, status, start):
    assert (await answer(await start(), f"/omi-webhook?{query}")).status == status


@pytest.mark.parametrize("sign", ["Origin", "Sec-Fetch-Site"])
async def test_page_in_a_browser_on_this_machine_needs_the_token(sign, start, system):
    port = await start()
    async with await Connection.open(port) as connection:
        without = await connection.request("POST", "/omi-webhook?uid=u", BODY_A, {sign: "https://evil.example"})
        with_it = await connection.request(
            "POST", "/omi-webhook?uid=u&token=hook-token-of-the-tests-alone", BODY_A, {sign: "null"}
        )

    assert (without.status, with_it.status) == (401, 200)


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.7", "example.org"])  # noqa: S104 (addresses that must be closed)
def test_development_in_reach_of_others_needs_the_token(host):
    auth = WebhookAuth(load_settings(overrides={"HOST": host, "WEBHOOK_TOKEN": "t"}), ManualClock())

    with pytest.raises(SignatureMismatchError, match="needs its token"):
        auth.check_token(None, HTTPHeaders())
    auth.check_token("t", HTTPHeaders())


def test_server_without_a_token_takes_no_token():
    auth = WebhookAuth(load_settings(overrides={"HOST": "0.0.0.0"}), ManualClock())  # noqa: S104 (see above)

    for given in (None, "", "None"):
        with pytest.raises(SignatureMismatchError):
            auth.check_token(given, HTTPHeaders())


def signed(secrets=SECRET, now_s=SIGNED_AT):
    return WebhookAuth(load_settings(overrides={"OMI_SIGNING_SECRETS": secrets}), ManualClock(now_s))


@pytest.mark.parametrize("seconds", [-300, 0, 300])
def test_signature_is_accepted_within_300_s(seconds):
    signed(now_s=SIGNED_AT + seconds).check_signature(SIGNATURE, UID, BODY)


@pytest.mark.parametrize(
    "header",
    [
        SIGNATURE + ",v1=" + "0" * 64,
        SIGNATURE.replace(",v1=", ",v1=" + "0" * 64 + ",v1="),
        SIGNATURE.replace(",", ", "),
        SIGNATURE + ",v9=x",
    ],
)
def test_signature_may_stand_among_others(header):
    signed().check_signature(header, UID, BODY)


@pytest.mark.parametrize("secrets", [f"whsec_new,{SECRET}", f"{SECRET},whsec_old"])
def test_signature_by_any_of_our_secrets_is_accepted(secrets):
    signed(secrets).check_signature(SIGNATURE, UID, BODY)


@pytest.mark.parametrize(
    ("header", "uid", "body", "seconds"),
    [
        (SIGNATURE, "somebody-else", BODY, 0),
        (SIGNATURE, None, BODY, 0),
        (SIGNATURE, "", BODY, 0),
        (SIGNATURE, UID, json.dumps(json.loads(BODY)).encode(), 0),
        (SIGNATURE, UID, BODY[:-1] + b" ", 0),
        (SIGNATURE, UID, BODY, 301),
        (SIGNATURE, UID, BODY, -301),
        (SIGNATURE.replace("v1=", "v2="), UID, BODY, 0),
        (SIGNATURE.replace(str(SIGNED_AT), str(SIGNED_AT + 1)), UID, BODY, 0),
        (SIGNATURE + f",t={SIGNED_AT}", UID, BODY, 0),
        (SIGNATURE.replace("t=", "t=-"), UID, BODY, 0),
        ("t=" + "9" * 5000 + ",v1=00", UID, BODY, 0),
        ("t=,v1=", UID, BODY, 0),
        ("nonsense", UID, BODY, 0),
        ("", UID, BODY, 0),
        (None, UID, BODY, 0),
    ],
)
def test_any_other_signature_is_refused(header, uid, body, seconds):
    with pytest.raises(SignatureMismatchError):
        signed(now_s=SIGNED_AT + seconds).check_signature(header, uid, body)


def test_signature_by_a_secret_that_is_not_ours_is_refused():
    with pytest.raises(SignatureMismatchError, match="does not match"):
        signed("whsec_other").check_signature(SIGNATURE, UID, BODY)


async def test_with_signing_secrets_the_signature_is_demanded_and_the_token_not_enough(start, system):
    port = await start(ManualClock(SIGNED_AT), OMI_SIGNING_SECRETS=SECRET)

    accepted = await answer(port, f"/omi-webhook?uid={UID}", BODY, X_Omi_Signature=SIGNATURE)
    escaped = await answer(port, f"/omi-webhook?uid=%76{UID[1:]}", BODY, X_Omi_Signature=SIGNATURE)
    unsigned = await answer(port, f"/omi-webhook?uid={UID}&token=hook-token-of-the-tests-alone", BODY)
    other_owner = await answer(port, "/omi-webhook?uid=other", BODY, X_Omi_Signature=SIGNATURE)

    assert [accepted.status, escaped.status, unsigned.status, other_owner.status] == [200, 200, 401, 401]
    # However its uid is written, it is the same webhook and is sent once.
    assert [message.uid for message in system.received] == [UID]


def test_bearer_token_is_found_in_any_case():
    assert [bearer_token(given) for given in ("Bearer a", "BEARER a ", "Basic a", "", None)] == [
        "a",
        "a",
        None,
        None,
        None,
    ]


def test_empty_secret_equals_nothing():
    assert not is_same("", b"")
    assert not is_same(None, b"x")
    assert not is_same("\ud800", b"x")
