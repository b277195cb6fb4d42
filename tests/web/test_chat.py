"""`POST /chat` as one JSON object: owners, bodies, answers."""

import asyncio
import hashlib
import json
import threading

import pytest

from omi_actors.actors.session.messages import AskerLeft, ChatAnswered, ReplySent
from omi_actors.errors import AnswerLateError, QueueFullError, StoreUnavailableError
from omi_actors.kit.errors import ActorUnavailableError, AskTimeoutError, MailboxFullError
from tests.canaries import ADMIN_TOKEN
from tests.web.conftest import ADMIN
from tests.web.http_client import Connection, request_bytes
from web.auth import ChatSecrets
from web.edge.limits import BodyReaders

FORM = {"error", "code", "hint", "request_id", "requestId", "timestamp"}
PRODUCTION = {"APP_ENV": "production", "HOST": "127.0.0.1"}


async def chat(connection, body, target="/chat", **headers):
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return await connection.request("POST", target, data, {name.replace("_", "-"): v for name, v in headers.items()})


async def test_answer_has_the_fields_that_chat_clients_read(connection):
    reply = await chat(connection, {"message": "how far is the moon?", "session_id": "s-1"})

    assert reply.status == 200
    form = reply.json
    assert 0 <= form.pop("duration") < 5_000
    assert form == {"response": "384,400 km.", "session_id": "s-1", "conversationId": "c1"}
    assert reply.headers["cache-control"] == "no-store"


async def test_question_is_passed_on_whole(connection, system):
    await chat(connection, {"message": " hi ", "context": {"place": "home"}}, **ADMIN)

    (question,) = system.questions
    assert (question.session_key, question.text) == ("chat:operator:default", "hi")
    assert (question.context, question.on_delta, question.may_be_known) == ('{"place":"home"}', None, False)
    assert question.key.startswith("made:")


async def test_answer_that_went_out_is_reported_once(connection, system):
    sent = asyncio.Event()
    system.on_sent = sent.set

    await chat(connection, {"message": "hi"}, **ADMIN)
    await asyncio.wait_for(sent.wait(), 5)

    assert system.sent == [ReplySent("chat:operator:default", "d1", reached=True, is_spoken=False)]


async def test_answer_is_reported_as_sent_on_a_connection_that_closes_after_it(connection, system):
    sent = asyncio.Event()
    system.on_sent = sent.set

    await chat(connection, {"message": "hi"}, **ADMIN, Connection="close")
    await asyncio.wait_for(sent.wait(), 5)

    assert [one.reached for one in system.sent] == [True]


async def test_duplicate_is_marked(connection, system):
    system.answers.append(ChatAnswered("I just answered that question.", is_duplicate=True))

    reply = await chat(connection, {"message": "hi"})

    assert (reply.status, reply.json["duplicate"], reply.json["response"]) == (
        200,
        True,
        "I just answered that question.",
    )


async def test_question_that_could_not_be_answered_is_502_with_the_honest_sentence(connection, system):
    system.answers.append(ChatAnswered("I can't answer right now.", "c1", "d1", is_failure=True))

    reply = await chat(connection, {"message": "hi"})

    assert (reply.status, set(reply.json), reply.json["code"]) == (502, FORM, "no_answer")
    assert reply.json["error"] == "I can't answer right now."


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (AnswerLateError("as told"), 504, "answer_late"),
        (QueueFullError("as told"), 429, "overloaded"),
        (StoreUnavailableError("as told"), 503, "store_unavailable"),
        (AskTimeoutError("as told"), 504, "timeout"),
        (MailboxFullError("as told"), 429, "overloaded"),
    ],
)
async def test_trouble_is_answered_honestly(error, status, code, connection, system):
    system.answers.append(error)

    reply = await chat(connection, {"message": "hi"})

    assert (reply.status, set(reply.json), reply.json["code"]) == (status, FORM, code)


# --- owners


async def test_anonymous_client_gets_a_secret_and_only_its_digest_is_passed_on(connection, system):
    reply = await chat(connection, {"message": "hi"})

    secret = reply.headers["x-chat-secret"]
    assert system.questions[0].session_key == f"anon:{hashlib.sha256(secret.encode()).hexdigest()}:default"
    cookie = reply.headers["set-cookie"]
    assert cookie.startswith(f"omi_chat={secret};")
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= {part.strip() for part in cookie.split(";")}
    assert "Secure" not in cookie


@pytest.mark.parametrize("way", ["cookie", "header"])
async def test_anonymous_client_is_recognized_by_its_secret(way, connection, system):
    secret = (await chat(connection, {"message": "hi"})).headers["x-chat-secret"]
    sent_back = {"Cookie": f"omi_chat={secret}"} if way == "cookie" else {"X-Chat-Secret": secret}

    again = await chat(connection, {"message": "hi"}, **sent_back)

    first, second = system.questions
    assert first.session_key == second.session_key
    assert "x-chat-secret" not in again.headers


@pytest.mark.parametrize("way", ["cookie", "header"])
@pytest.mark.parametrize(
    "given", ["x", "a" * 44, "../../etc", "ä" * 43, "A" * 43, "a-b_" * 10 + "abc", "0xJ4v" * 8 + "k_Q"]
)
async def test_secret_that_this_server_has_not_issued_opens_no_session(given, way, connection, system):
    sent = {"Cookie": f"omi_chat={given}"} if way == "cookie" else {"X-Chat-Secret": given}

    replies = [await chat(connection, {"message": "hi"}, **sent) for _ in range(2)]

    issued = {reply.headers["x-chat-secret"] for reply in replies}
    assert len(issued | {given}) == 3
    assert len({question.session_key for question in system.questions}) == 2


def test_changed_secret_is_not_the_same_and_not_ours():
    chats = ChatSecrets(b"admin-token")
    secret = chats.issue()

    for place in range(len(secret)):
        other = "B" if secret[place] == "A" else "A"
        assert not chats.is_ours(secret[:place] + other + secret[place + 1 :])
    assert not any(chats.is_ours(changed) for changed in (secret + "A", secret[:-1], secret + "\n", ""))


def test_secrets_are_known_at_each_node_of_the_same_operator_and_at_no_other():
    secret = ChatSecrets(b"admin-token").issue()

    known = [ChatSecrets(token).is_ours(secret) for token in (b"admin-token", b"another", b"")]

    assert known == [True, False, False]


@pytest.mark.parametrize(("session_secret", "is_known"), [("", True), ("a-session-secret-of-the-operator", False)])
async def test_chats_secret_is_sealed_by_the_session_secret_or_the_operators_token(session_secret, is_known, start):
    given = ChatSecrets(ADMIN_TOKEN.encode()).issue()
    async with await Connection.open(await start(SESSION_SECRET=session_secret)) as connection:
        reply = await chat(connection, {"message": "hi"}, X_Chat_Secret=given)

    assert ("x-chat-secret" not in reply.headers) is is_known


@pytest.mark.parametrize(("trusted", "is_secure"), [("loopback", True), ("", False)])
async def test_cookie_is_secure_when_a_trusted_proxy_reports_https(trusted, is_secure, start):
    async with await Connection.open(await start(TRUST_PROXY=trusted)) as connection:
        reply = await chat(connection, {"message": "hi"}, X_Forwarded_Proto="https")

    assert ("Secure" in reply.headers["set-cookie"]) is is_secure


async def test_anonymous_clients_are_refused_in_production_with_advice(start, system):
    async with await Connection.open(await start(**PRODUCTION)) as connection:
        reply = await chat(connection, {"message": "hi"})

    assert (reply.status, reply.json["code"]) == (401, "unauthorized")
    assert "ALLOW_ANONYMOUS_CHAT" in reply.json["error"]
    assert system.questions == []


async def test_anonymous_clients_are_admitted_where_a_setting_allows_them(start):
    async with await Connection.open(await start(**PRODUCTION, ALLOW_ANONYMOUS_CHAT="true")) as connection:
        reply = await chat(connection, {"message": "hi"})

    assert reply.status == 200


async def test_wrong_token_is_refused_even_where_anonymous_chat_is_allowed(connection, system):
    reply = await chat(connection, {"message": "hi"}, Authorization="Bearer wrong")

    assert reply.status == 401
    assert system.questions == []


async def test_only_the_operator_may_continue_a_wearers_conversation(connection, system):
    own = await chat(connection, {"message": "hi", "session_id": "omi:ada"}, **ADMIN)
    foreign = await chat(connection, {"message": "hi", "session_id": "omi:ada"})

    assert (own.status, foreign.status) == (200, 400)
    assert [question.session_key for question in system.questions] == ["omi:ada"]


@pytest.mark.parametrize("label", ["a b", "x" * 129, "a/b", "a:b", "é", "omi:", 7, [], "\u0000"])
async def test_odd_label_is_refused_by_name(label, connection, system):
    reply = await chat(connection, {"message": "hi", "session_id": label}, **ADMIN)

    assert (reply.status, set(reply.json)) == (400, FORM | {"timeline"})
    assert "`session_id`" in reply.json["error"]
    assert system.questions == []


# --- pages of other sites


@pytest.mark.parametrize(
    "headers",
    [{"Origin": "http://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}, {"Origin": "http://["}],
)
async def test_page_of_another_site_is_refused(headers, connection, system):
    reply = await connection.request("POST", "/chat", b'{"message":"hi"}', headers | ADMIN)

    assert (reply.status, reply.json["code"]) == (403, "foreign_origin")
    assert system.questions == []


@pytest.mark.parametrize("headers", [{"Origin": "http://localhost", "Sec-Fetch-Site": "same-origin"}, {}])
async def test_own_page_and_programs_are_served(headers, connection):
    assert (await connection.request("POST", "/chat", b'{"message":"hi"}', headers)).status == 200


# --- bodies


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"{}", "session_id and message are required"),
        (b'{"message":""}', "session_id and message are required"),
        (b'{"message":"  "}', "`message`"),
        (b'{"message":7}', "`message`"),
        (b'{"message":{"a":1}}', "`message`"),
        (b'{"message":"a\\u0000"}', "`message`"),
        (b'{"message":"\\ud800"}', "`message`"),
        (b'{"message":"%s"}' % (b"x" * 8_001), "`message`"),
        (b'{"message":"hi","context":"%s"}' % (b"x" * 8_001), "`context`"),
        (b'{"message":"hi","context":"\\udc00"}', "`context`"),
        (b"[]", "object"),
        (b"", "JSON"),
        (b'{"message":', "JSON"),
        (b'{"message":"\xff"}', "UTF-8: byte 12"),
        (b"[" * 100_000, "JSON"),
    ],
)
async def test_odd_body_is_refused_with_the_reason(body, words, connection, system):
    reply = await chat(connection, body)

    assert (reply.status, set(reply.json)) == (400, FORM)
    assert words in reply.json["error"]
    assert system.questions == []


async def test_body_that_no_message_can_need_is_413_before_it_is_read(connection):
    reply = await chat(connection, b'{"message":"hi","x":"%s"}' % (b"x" * 300_000))

    assert (reply.status, reply.json["code"]) == (413, "too_large")


async def test_message_of_the_longest_allowed_is_taken(connection, system):
    reply = await chat(connection, {"message": "ü" * 8_000})

    assert reply.status == 200
    assert len(system.questions[0].text) == 8_000


# So many that they take a while to read, and no message is too long.
ODD_BODY = b'{"message":"hi"' + b',"":1' * 25_000 + b"}"
ODD_CHARS = 20_000


class HeldReaders(BodyReaders):
    """Reads in its threads once the test allows it."""

    def __init__(self):
        super().__init__()
        self.may_read = threading.Event()

    def read(self, size_bytes, read):
        return super().read(size_bytes, lambda: (self.may_read.wait(5), read())[1])


async def test_odd_body_that_is_slow_to_read_delays_no_other_request(start, system):
    port = await start(CHAT_MAX_MESSAGE_CHARS=str(ODD_CHARS))
    readers = start.server._site.readers = HeldReaders()

    async with await Connection.open(port) as opened, await Connection.open(port) as other:
        asking = asyncio.ensure_future(chat(opened, ODD_BODY))
        while not start.traffic.active:  # noqa: ASYNC110 (no event marks it)
            await asyncio.sleep(0)
        served = await chat(other, {"message": "hello"})

        assert (served.status, [question.text for question in system.questions]) == (200, ["hello"])
        readers.may_read.set()
        assert (await asking).status == 200


async def test_client_that_disconnects_while_a_large_body_is_read_asks_nothing(start, system):
    connection = await Connection.open(await start(CHAT_MAX_MESSAGE_CHARS=str(ODD_CHARS)))
    connection.write(request_bytes("POST", "/chat", ODD_BODY, ADMIN))
    while not start.traffic.active:  # noqa: ASYNC110 (no event marks it)
        await asyncio.sleep(0)

    connection.abort()
    while start.traffic.active:  # noqa: ASYNC110 (no event marks it)
        await asyncio.sleep(0)

    assert system.questions == []


# --- keys, retries, leaving


async def test_idempotency_key_names_the_question(connection, system):
    await chat(connection, {"message": "hi"}, Idempotency_Key="k-1")

    (question,) = system.questions
    assert (question.key, question.may_be_known) == ("given:k-1", True)


async def test_question_is_asked_once_more_by_its_key_when_its_session_stops(connection, system):
    system.answers.append(ActorUnavailableError("as told"))

    reply = await chat(connection, {"message": "hi"})

    first, second = system.questions
    assert (reply.status, first.key) == (200, second.key)
    assert (first.may_be_known, second.may_be_known) == (False, True)


async def test_session_that_stays_away_is_503(connection, system):
    system.answers.extend([ActorUnavailableError("as told")] * 2)

    assert (await chat(connection, {"message": "hi"})).status == 503


async def test_client_that_disconnects_is_reported_and_counted_as_closed(start, system, metric):
    labels = {"route": "/chat", "method": "POST", "status": "closed"}
    before = metric("omi_http_requests_total", **labels)
    system.answers.append(None)
    connection = await Connection.open(await start())
    connection.write(request_bytes("POST", "/chat", b'{"message":"hi"}', ADMIN))
    await asyncio.wait_for(system.on_asked.wait(), 5)

    connection.abort()
    await asyncio.wait_for(system.on_left.wait(), 5)

    (question,) = system.questions
    assert system.left == [AskerLeft("chat:operator:default", question.asker_id)]
    assert system.open[0].done
    await start.server.stop(1.0)
    assert metric("omi_http_requests_total", **labels) == before + 1
    assert start.traffic.active == 0


async def test_server_that_closes_is_no_asker_that_leaves(start, system):
    system.answers.append(None)
    connection = await Connection.open(await start())
    connection.write(request_bytes("POST", "/chat", b'{"message":"hi"}', ADMIN))
    await asyncio.wait_for(system.on_asked.wait(), 5)

    await start.server.stop(0.0)

    assert await connection.ends()
    assert system.left == []
    system.open[0].try_fail(StoreUnavailableError("the test is over"))
    await connection.close()
