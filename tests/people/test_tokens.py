"""Tokens of persons: where they count, in which cookie, from which pages, and when they end."""

import asyncio
import json

import pytest
from structlog.testing import capture_logs

from omi_actors.clock import ManualClock, SystemClock
from omi_actors.domain.people.accounts import TOKEN_LIFETIME_S, Account, Role, digest_of, make_token
from omi_actors.errors import StoreUnavailableError
from omi_actors.ids import new_id, new_secret
from omi_actors.store.people import accounts
from tests.web.conftest import Starter, start, system
from tests.web.fake_system import InlineStore
from tests.web.http_client import Connection
from web.identity import REMEMBERED_ALONE_S, REMEMBERED_S
from web.people.base import PersonHandler

__all__ = ["start", "system"]

# A database that other nodes may use; the store is another one.
MANY_NODES = "postgresql://omi@localhost/omi"
HTTPS = {"X-Forwarded-Proto": "https", "X-Forwarded-For": "10.0.0.9"}
OURS = {"Origin": "http://localhost", "Sec-Fetch-Site": "same-origin"}


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    stored = InlineStore(tmp_path_factory.mktemp("store"), SystemClock())
    yield stored
    stored.close()


@pytest.fixture
def clock():
    return ManualClock()


class Stream(PersonHandler):
    """Stands for the event stream: shows its caller, and what it sees of the address."""

    route = "/stream"
    takes_sid_in_url = True

    def get(self):
        seen = [self.request.uri, self.request.query, str(self.request.arguments), str(self.request.query_arguments)]
        self.send_ok({"me": self.me.account_id, "seen": seen})

    head = post = get


@pytest.fixture
async def serve(start: Starter, system, store, clock, tmp_path):
    """Start a server with accounts and a stream; return a connection."""
    system.stored = store
    opened = []

    async def serve(**settings):
        port = await start(clock, TRUST_PROXY="1", DATA_DIR=str(tmp_path), REGISTRATION="open", **settings)
        application = start.server.http_server.request_callback._application
        application.add_handlers(".*", [("/stream", Stream)])
        opened.append(await Connection.open(port))
        return opened[-1]

    yield serve
    for connection in opened:
        await connection.close()


async def sign_in(store, clock, role=Role.PERSON):
    """Make an account with a session; return account id and token."""
    now_s = clock.now_s()
    account = Account(new_id(), f"{new_id()}@example.com", None, role, now_s, now_s)
    token, record = make_token(new_secret(), new_id(), now_s)
    await store.write_alone(accounts.create_account, account, "hash", record)
    return account.account_id, token


@pytest.mark.parametrize(
    ("headers", "name", "attributes"),
    [(HTTPS, "__Host-sid", {"Secure", "SameSite=Lax"}), ({}, "sid", {"SameSite=Lax"})],
)
async def test_cookie_has_the_name_and_the_attributes_of_its_scheme(headers, name, attributes, serve):
    connection = await serve()
    form = json.dumps({"email": f"{new_id()}@example.com", "password": "correct horse"}).encode()

    reply = await connection.request("POST", "/auth/register", form, headers)

    first, *rest = reply.headers["set-cookie"].split("; ")
    assert first == f"{name}={reply.json['session_token']}"
    assert set(rest) == {"HttpOnly", f"Max-Age={int(TOKEN_LIFETIME_S)}", "Path=/"} | attributes


async def test_signing_out_deletes_the_cookies_that_the_browser_has(serve, store, clock):
    connection = await serve()
    _, token = await sign_in(store, clock)
    headers = HTTPS | {"Cookie": f"__Host-sid={token}"}

    reply = await connection.request("POST", "/auth/logout", headers=headers)

    assert reply.headers["set-cookie"].startswith('__Host-sid=""')
    assert (await connection.request("GET", "/me", headers=headers)).status == 401


BROWSER = {"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "cors"}


@pytest.mark.parametrize(
    ("cookie", "headers", "who"),
    [
        ("sid={mine}", {}, "mine"),
        ("sid={mine}", OURS, "mine"),
        ("__Host-sid={mine}", {}, "mine"),
        ("__Host-sid={mine}; sid={other}", {}, "mine"),
        ("sid={other}; __Host-sid={mine}", HTTPS | BROWSER, "mine"),
        ("__Host-sid=invented; sid={other}", {}, None),
        ("sid={mine}", HTTPS, "mine"),
        ("sid={mine}", HTTPS | {"Origin": "https://localhost"}, None),
        ("sid={mine}", HTTPS | BROWSER, None),
        ("sid={mine}", {"Origin": "null"}, None),
        ("sid={mine}", {"Origin": "https://evil.example"}, None),
        ("sid={mine}", {"Sec-Fetch-Site": "same-site"}, None),
        ("sid={mine}", {"Sec-Fetch-Site": "cross-site"}, None),
        ("sid={mine}", {"Origin": "https://app.example.com", "Sec-Fetch-Site": "cross-site"}, "mine"),
    ],
)
async def test_cookie_counts_for_our_pages_listed_ones_and_scripts(cookie, headers, who, serve, store, clock):
    connection = await serve(CORS_ORIGINS="https://app.example.com")
    ids = {}
    ids["mine"], mine = await sign_in(store, clock)
    ids["other"], other = await sign_in(store, clock)

    reply = await connection.request("GET", "/me", headers={"Cookie": cookie.format(mine=mine, other=other)} | headers)

    assert (reply.status, reply.json.get("user", {}).get("id")) == ((200, ids[who]) if who else (401, None))


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        (OURS, 200),
        ({"Origin": "https://app.example.com", "Sec-Fetch-Site": "cross-site"}, 200),
        ({"Origin": "null"}, 403),
        ({"Origin": "https://evil.example"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Origin": "http://localhost:81"}, 403),
    ],
)
@pytest.mark.parametrize("carrier", ["cookie", "bearer"])
async def test_page_of_another_site_changes_nothing_with_any_token(headers, status, carrier, serve, store, clock):
    connection = await serve(CORS_ORIGINS="https://app.example.com")
    _, token = await sign_in(store, clock)
    own = {"Cookie": f"sid={token}"} if carrier == "cookie" else {"Authorization": f"Bearer {token}"}

    reply = await connection.request("POST", "/account/sessions/revoke-others", headers=own | headers)

    assert reply.status == status


async def test_stream_takes_a_token_in_its_address_and_nothing_sees_it(serve, store, clock):
    connection = await serve()
    account_id, token = await sign_in(store, clock)

    with capture_logs() as lines:
        reply = await connection.request("GET", f"/stream?a=1&sid={token}&%73id=2&b=%20")
        head = await connection.request("HEAD", f"/stream?sid={token}")
        page = await connection.request("GET", f"/nowhere?sid={token}", headers={"Accept": "text/html"})

    assert (reply.status, reply.json["me"], head.status) == (200, account_id, 200)
    assert reply.json["seen"][:2] == ["/stream?a=1&b=%20", "a=1&b=%20"]
    for seen in (str(reply.json["seen"]), str(lines), str(page)):
        assert token not in seen
    assert "sid" not in str(reply.json["seen"])


async def test_token_in_an_address_opens_nothing_else(serve, store, clock):
    connection = await serve()
    _, token = await sign_in(store, clock)
    _, other = await sign_in(store, clock)

    statuses = [
        (await connection.request("POST", f"/stream?sid={token}")).status,
        (await connection.request("GET", f"/me?sid={token}")).status,
        (await connection.request("GET", f"/account/sessions?sid={token}")).status,
        (await connection.request("GET", "/stream?sid=invented")).status,
        (await connection.request("GET", f"/stream?sid={token}", headers={"Authorization": "Bearer invented"})).status,
    ]
    own = await connection.request("GET", f"/stream?sid={other}", headers={"Authorization": f"Bearer {token}"})

    assert statuses == [401] * 5
    assert own.status == 200


async def test_operator_can_refuse_tokens_in_addresses(serve, store, clock):
    connection = await serve(STREAM_TOKEN_IN_URL="false")  # noqa: S106 (a switch)
    _, token = await sign_in(store, clock)

    assert (await connection.request("GET", f"/stream?sid={token}")).status == 401
    assert (await connection.request("GET", "/stream", headers={"Cookie": f"sid={token}"})).status == 200


async def test_token_ends_after_its_time_and_says_so(serve, store, clock):
    connection = await serve()
    _, token = await sign_in(store, clock)
    headers = {"Authorization": f"Bearer {token}"}

    clock.advance(TOKEN_LIFETIME_S - 1)
    assert (await connection.request("GET", "/me", headers=headers)).status == 200
    clock.advance(1)

    reply = await connection.request("GET", "/me", headers=headers)
    assert (reply.status, reply.json["error"]) == (401, "Session expired")


async def test_revocation_by_another_node_is_noticed_within_seconds(serve, store, clock):
    connection = await serve(DATABASE_URL=MANY_NODES)
    _, token = await sign_in(store, clock)
    headers = {"Authorization": f"Bearer {token}"}
    assert (await connection.request("GET", "/me", headers=headers)).status == 200

    await store.write_alone(accounts.close_session, digest_of(token))
    clock.advance(REMEMBERED_S)

    assert (await connection.request("GET", "/me", headers=headers)).status == 401


async def test_token_is_looked_up_rarely_where_no_other_node_can_revoke_it(serve, store, clock, start):
    await serve()
    identities = start.server._site.identities
    _, token = await sign_in(store, clock)
    await identities.find(digest_of(token))

    clock.advance(REMEMBERED_S + 1)
    assert identities.recall(digest_of(token)) is not None
    clock.advance(REMEMBERED_ALONE_S)
    assert identities.recall(digest_of(token)) is None


async def test_revocation_while_a_token_is_looked_up_wins(serve, store, clock, start, system):
    await serve(DATABASE_URL=MANY_NODES)
    identities = start.server._site.identities
    _, token = await sign_in(store, clock)
    (found,) = [await identities.find(digest_of(token))]
    clock.advance(REMEMBERED_S)

    class Slow:
        """A store whose first answer is from before the revocation."""

        def __init__(self):
            self.answers = [found, None]

        async def read_apart(self, *_):
            answer = self.answers.pop(0)
            if answer is not None:
                identities.forget((found.digest,))
            return answer

    system.stored = Slow()

    assert await identities.find(digest_of(token)) is None


async def test_watcher_of_a_token_returns_when_it_is_revoked(serve, store, clock, start):
    connection = await serve()
    identities = start.server._site.identities
    _, token = await sign_in(store, clock)
    person = await identities.find(digest_of(token))
    watching = asyncio.ensure_future(identities.wait_until_ended(person))
    await asyncio.sleep(0)
    assert not watching.done()

    await connection.request("POST", "/auth/logout", headers={"Authorization": f"Bearer {token}"})

    async with asyncio.timeout(2):
        await watching
        await identities.wait_until_ended(person)  # it is over already
    assert identities._watchers == {}


async def test_watcher_of_a_token_returns_when_it_expires(serve, store, clock, start):
    await serve()
    identities = start.server._site.identities
    _, token = await sign_in(store, clock)
    clock.advance(TOKEN_LIFETIME_S - 0.05)
    watching = asyncio.ensure_future(identities.wait_until_ended(await identities.find(digest_of(token))))
    await asyncio.sleep(0)
    assert not watching.done()

    clock.advance(0.05)

    async with asyncio.timeout(2):
        await watching


async def test_address_with_many_unknown_tokens_must_wait_and_others_need_not(serve, store, clock):
    connection = await serve(RATE_LIMIT_MAX_REQUESTS="3")
    _, token = await sign_in(store, clock)
    guesses = [
        (
            await connection.request(
                "GET", "/me", headers={"Authorization": f"Bearer sid_{new_secret()}", "X-Forwarded-For": "10.0.0.1"}
            )
        ).status
        for _ in range(4)
    ]

    own = await connection.request("GET", "/me", headers={"Authorization": f"Bearer {token}"})

    assert guesses == [401, 401, 401, 429]
    assert own.status == 200


async def test_guesses_from_an_address_do_not_lock_out_the_persons_who_are_signed_in_there(serve, store, clock):
    connection = await serve(DATABASE_URL=MANY_NODES, RATE_LIMIT_MAX_REQUESTS="3")
    _, token = await sign_in(store, clock)
    own = {"Authorization": f"Bearer {token}"}
    assert (await connection.request("GET", "/me", headers=own)).status == 200
    for _ in range(3):
        await connection.request("GET", "/me", headers={"Authorization": f"Bearer sid_{new_secret()}"})
    clock.advance(REMEMBERED_S)

    assert (await connection.request("GET", "/me", headers=own)).status == 200


async def test_persons_behind_one_address_have_limits_of_their_own(serve, store, clock):
    connection = await serve(RATE_LIMIT_MAX_REQUESTS="2")
    tokens = [(await sign_in(store, clock))[1] for _ in range(2)]

    statuses = [
        [(await connection.request("GET", "/me", headers={"Authorization": f"Bearer {token}"})).status for _ in "123"]
        for token in tokens
    ]

    assert statuses == [[200, 200, 429]] * 2


async def test_without_a_store_health_answers_and_persons_are_told(serve, store, clock, system):
    connection = await serve()
    _, token = await sign_in(store, clock, Role.ADMIN)
    store.error = StoreUnavailableError("planted")
    headers = {"Authorization": f"Bearer {token}"}

    try:
        replies = [await connection.request("GET", path, headers=headers) for path in ("/health", "/me")]
    finally:
        store.error = None

    assert [reply.status for reply in replies] == [200, 503]
    assert "settings" not in replies[0].json
