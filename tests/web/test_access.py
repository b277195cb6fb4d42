"""Every address, method and kind of caller: permitted ones pass, the others learn nothing.

Rows come from the application's own table and the `access` that each handler states: a new address is tested without a
line here, unless it is open to all (`OPEN`), or reads or changes something that has an owner (`OWNED`).
"""

import itertools
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import cache

import pytest

from config.settings import load_settings
from omi_actors.clock import ManualClock, SystemClock
from omi_actors.domain.answers.budget import Spending
from omi_actors.domain.people.accounts import TOKEN_LIFETIME_S, Account, Role, make_token
from omi_actors.domain.people.memories import NewMemory
from omi_actors.domain.people.prompts import Draft
from omi_actors.domain.sessions.keys import api_key
from omi_actors.domain.sessions.records import StoredMessage, Transcript
from omi_actors.ids import new_id, new_secret
from omi_actors.store.people import accounts, linking, memories, prompts, tasks
from omi_actors.store.people.completions import KeptTurn, keep_turn
from omi_actors.store.people.tasks import Task
from tests.canaries import ADMIN_TOKEN, METRICS_TOKEN, WEBHOOK_TOKEN
from tests.people.talks import fill
from tests.web.conftest import UID
from tests.web.fake_system import FakeSystem, InlineStore
from tests.web.http_client import Connection
from tests.web.test_operator import SAME_ORIGIN, sign_in
from web.app import build_application
from web.auth import ChatSecrets
from web.edge.operator_sessions import SESSION_LIFETIME_S
from web.handlers.base import BaseHandler
from web.handlers.caller import Access
from web.site import Site

FORM = {"error", "code", "hint", "request_id", "requestId", "timestamp"}
# Text of the system that only the operator may read.
PRIVATE = "a sentence that somebody said"
SAFE = ("GET", "HEAD")


# Addresses that everybody may use. Each new one needs a reason to be here.
OPEN = {
    "/",
    "/style.css",
    "/app/:file",
    "/health",
    "/livez",
    "/readyz",
    "/api/info",
    "/help",
    "/health/db",
    "/rate-limit/:id",  # the rule only; figures are for the wearer and the operator
    "/openapi.json",
    "/docs",
    "/docs/:file",
    "/metrics-dashboard/dashboard.css",
    "/metrics-dashboard/:script",
    "/operator",  # its key, or the operator's cookie, is checked by the handler
    "/operator/sign-out",
    "/auth/register",
    "/auth/login",
    "/auth/logout",
    "/link/omi/undo",  # its key, from the wearer's notification, is checked by the handler
    "/auth/set-up",  # a one-time key is checked by the handler
    "/auth/reset",
    "/v1/:other",  # no address: the answer is 404 in OpenAI's form
    "/account/erasure",  # its key, from the reply of the deletion, is checked by the handler
}


async def make_link(store, account_id):
    """Link a wearable; it is named after its account, since only one account can have it."""
    await store.write_alone(linking.start_link, account_id, account_id, code_digest="c", now_s=1.0)
    return f"/link/omi/unlink/{account_id}"


def make_conversation(end=""):
    async def make(store, account_id):
        (conversation_id,) = await store.write(fill, account_id)
        return f"/conversations/{conversation_id}{end}"

    return make


async def make_message(store, account_id):
    """Store a conversation with a message."""
    await store.write(fill, account_id, messages=1)
    ((message_id,),) = await store.read(
        lambda tx: tx.fetch(
            "SELECT message.id FROM message JOIN session ON session.id = session_id WHERE account_id = ?", (account_id,)
        )
    )
    return f"/messages/{message_id}/sources"


async def make_entry(store, account_id):
    """Store a conversation with something that was said."""
    (conversation_id,) = await store.write(fill, account_id, segments=1)
    return f"/conversations/{conversation_id}/messages/{conversation_id}:1"


async def make_memory(store, account_id):
    """Keep a memory."""
    kept = await store.write_alone(memories.add_memory, account_id, NewMemory(text="mine"))
    return f"/memories/{kept.memory.memory_id}"


async def make_task(store, account_id):
    task = Task(new_id(), "todo", "null", 1.0)
    await store.write_alone(tasks.add_task, account_id, task, limit=1_000)
    return f"/agent-events/{task.task_id}/complete"


async def make_response(store, account_id):
    """Keep a turn with its response."""
    turn = KeptTurn(
        account_id=account_id,
        session_key=api_key(account_id, "default"),
        message_id=new_id(),
        question="how far",
        answer="far",
        model="m",
        spent=Spending("nobody", 1),
        body='{"model":"omi","echo":{},"messages":[],"answer":{"text":"far","model":"m"}}',
    )
    await store.write(keep_turn, turn)
    return f"/v1/responses/resp_{turn.message_id}"


def make_prompt(end=""):
    async def make(store, account_id):
        made = await store.write(prompts.add_prompt, account_id, f"p{new_id()}", Draft(text="x"), None)
        return f"/prompts/{made.prompt_id}{end}"

    return make


# What has an owner: for each address of persons with an id in it, how to make such a thing and get its path.
# `async def make(store, account_id) -> str`
OWNED: dict[str, Callable[[InlineStore, str], Awaitable[str]]] = {
    "/link/omi/unlink/:omi_user_id": make_link,
    "/conversations/:id": make_conversation(),
    "/conversations/:id/messages": make_conversation("/messages"),
    "/conversations/:id/messages/:message_id": make_entry,
    "/agent-events/:id/complete": make_task,
    "/conversations/:id/export": make_conversation("/export"),
    "/memories/:id": make_memory,
    "/v1/responses/:id": make_response,
    "/messages/:id/sources": make_message,
    "/prompts/:id": make_prompt(),
    "/prompts/:id/versions": make_prompt("/versions"),
}


@dataclass(frozen=True)
class Row:
    """A request. `status` is the one that permitted callers get; None: any but 401 and 403.

    503: let in, and the queue's fake desk refuses.
    """

    method: str
    path: str
    access: Access
    status: int | None = None
    body: bytes = b""
    is_owned: bool = False


# What is kept of requests in memory; r1 is not.
KEPT = ("requests", "webhooks")
# Requests with more than the handler says: a body, a path that exists, a status.
EXACT = [
    *(
        Row(method, path, Access.ANYBODY, 200)
        for method in SAFE
        for path in sorted(OPEN)
        if path[1:5] not in ("oper", "auth", "link", "acco") and ":" not in path
    ),
    *(Row(method, "/metrics-dashboard/live.js", Access.ANYBODY, 200) for method in SAFE),
    *(Row(method, "/app/main.js", Access.ANYBODY, 200) for method in SAFE),
    *(Row(method, "/docs/docs.js", Access.ANYBODY, 200) for method in SAFE),
    Row("GET", "/operator", Access.OPERATOR, 200),
    Row("POST", "/operator/sign-out", Access.ANYBODY, 200),
    Row("POST", "/auth/register", Access.ANYBODY, 400),
    Row("POST", "/auth/login", Access.ANYBODY, 400),
    Row("POST", "/auth/logout", Access.ANYBODY, 200),
    *(Row(method, f"/auth/{page}", Access.ANYBODY, 404) for method in ("GET", "POST") for page in ("set-up", "reset")),
    *(Row(method, "/link/omi/undo", Access.ANYBODY, 404) for method in ("GET", "POST")),
    Row("GET", "/account/erasure", Access.ANYBODY, 404),
    Row("POST", "/omi-webhook", Access.OMI, 200, b'{"uid":"ada","segments":[]}'),
    Row("POST", "/omi-webhook/", Access.OMI, 200, b'{"uid":"ada","segments":[]}'),
    Row("POST", "/realtime/transcripts", Access.OMI, 200, b'{"uid":"ada","segments":[{"text":"hi"}]}'),
    *(Row(method, "/metrics/activation", Access.SCRAPER, 200) for method in SAFE),
    *(Row(method, "/rate-limit/ada", Access.ANYBODY, 200) for method in SAFE),
    Row("PUT", "/prompts/:id", Access.PERSON, 200, b'{"name":"x","text":"y"}', is_owned=True),
    Row("POST", "/prompts/run", Access.CHATTER, 400, b"{}"),
    Row("POST", "/sessions/clear", Access.OPERATOR, 200, b'{"olderThan":"60000"}'),
    Row("POST", "/chat", Access.CHATTER, 200, b'{"message":"hi"}'),
    Row("POST", "/context/switch", Access.CHATTER, 200, b'{"session_id":"a"}'),
    Row("GET", "/context/status/a", Access.CHATTER, 200),
    *(Row(method, "/metrics", Access.SCRAPER, 200) for method in SAFE),
    *(Row(method, "/metrics-dashboard", Access.OPERATOR, 200) for method in SAFE),
    *(Row(method, "/metrics-dashboard/data.json", Access.OPERATOR, 200) for method in SAFE),
    *(Row(method, f"/metrics-dashboard/{what}/r1", Access.OPERATOR, 404) for method in SAFE for what in KEPT),
    *(Row("POST", f"/metrics-dashboard/webhooks/r1/{what}", Access.OPERATOR, 404) for what in ("reveal", "replay")),
    *(Row(method, "/omi-webhook/queue-status", Access.OPERATOR, 200) for method in SAFE),
    Row("PATCH", "/memories/:id", Access.PERSON, 200, b'{"text":"x"}', is_owned=True),
    Row("GET", "/v1/models/omi", Access.PERSON, 200),
    Row("POST", "/v1/responses", Access.PERSON, 200, b'{"model":"omi","input":"hi","store":false}'),
    Row("POST", "/v1/chat/completions", Access.PERSON, 200, b'{"model":"omi","messages":[{"role":"user"}]}'),
    Row("GET", f"/transcript/{UID}", Access.OPERATOR, 200),
    Row("GET", "/transcript/nobody", Access.OPERATOR, 404),
    Row("POST", "/operator/links", Access.OPERATOR, 201),
    Row("POST", "/metrics-dashboard/actors/restart", Access.OPERATOR, 404, b'{"path":"a"}'),
    Row("GET", "/operator/events", Access.OPERATOR, 503),
    Row("POST", "/operator/retention/resume", Access.OPERATOR, 503),
    Row("GET", "/operator/queue/jobs", Access.OPERATOR, 503),
    Row("GET", "/operator/queue/jobs/j1?text=1", Access.OPERATOR, 503),
    Row("DELETE", "/operator/queue/jobs/j1", Access.OPERATOR, 503),
    *(
        Row("POST", f"/operator/queue/{what}", Access.OPERATOR, 503)
        for what in ("jobs/j1/retry", "jobs/j1/discard", "retry", "discard", "pause", "resume")
    ),
]


@cache
def rules():
    site = Site(FakeSystem(), load_settings(overrides={"ADMIN_TOKEN": ADMIN_TOKEN}), SystemClock())
    return build_application(site).wildcard_router.rules


def pattern_of(path):
    """Return the application's pattern for a path."""
    matchers = (rule.matcher.regex for rule in rules())
    return next(regex.pattern for regex in matchers if regex.match(path.partition("?")[0]))


def all_rows():
    """Return the exact rows, and one row for each other address and method of the application."""
    told = {(row.method, pattern_of(row.path)) for row in EXACT}
    rest = [
        Row(method, handler.route, handler.access, is_owned=handler.access is Access.PERSON and ":" in handler.route)
        for rule in rules()
        for handler in [rule.target]
        for method in handler.allowed_methods()
        if (method, rule.matcher.regex.pattern) not in told
    ]
    return EXACT + rest


ROWS = all_rows()


@dataclass(frozen=True)
class Person:
    """An account with an open session."""

    account_id: str
    role: Role
    token: str

    @property
    def cookie(self):
        return {"Cookie": f"sid={self.token}"}


@dataclass(frozen=True)
class Caller:
    """A kind of caller: `name` for the report, and the headers that it sends."""

    name: str
    headers: dict[str, str]
    is_operator: bool = False
    person: Person | None = None  # if its token is valid

    @property
    def token(self):
        return self.headers.get("Authorization", "").removeprefix("Bearer ")

    @property
    def may_observe(self):
        return self.is_operator or (self.person is not None and self.person.role is Role.OBSERVER)

    @property
    def is_page(self):
        return "Origin" in self.headers

    @property
    def is_foreign(self):
        return self.headers.get("Sec-Fetch-Site") == "same-site" or (
            self.is_page and self.headers["Origin"] != SAME_ORIGIN["Origin"]
        )


def bearer(token):
    return {"Authorization": f"Bearer {token}"}


async def make_persons(store, now_s, **ages_and_roles):
    """Make an account with an open session for each name: `name=(seconds since the sign-in, role)`."""
    made = {}

    def make_all(tx):
        for name, (age_s, role) in ages_and_roles.items():
            account = Account(new_id(), f"{new_id()}@example.com", None, role, now_s, now_s)
            token, record = make_token(new_secret(), new_id(), now_s - age_s)
            accounts.create_account(tx, account, "hash", record)
            made[name] = Person(account.account_id, role, token)

    await store.write_alone(make_all)
    return made.values()


async def callers(connection, start, clock, store):
    """Return every kind of caller; the owner of what is read or changed comes last."""
    expired = await sign_in(connection, start)
    clock.advance(SESSION_LIFETIME_S - 1)
    left = await sign_in(connection, start)
    await connection.request("POST", "/operator/sign-out", headers={"Cookie": left, **SAME_ORIGIN})
    open_session = await sign_in(connection, start)
    clock.advance(1)
    owner, other, gone, late, admin, observer = await make_persons(
        store,
        clock.now_s(),
        owner=(0.0, Role.PERSON),
        other=(0.0, Role.PERSON),
        gone=(0.0, Role.PERSON),
        late=(TOKEN_LIFETIME_S, Role.PERSON),
        admin=(0.0, Role.ADMIN),
        observer=(0.0, Role.OBSERVER),
    )
    await connection.request("GET", "/health", headers=bearer(gone.token))  # remembered before it is revoked
    await connection.request("POST", "/auth/logout", headers=bearer(gone.token))
    evil = {"Origin": "https://evil.example"}
    return [
        Caller("the operator's tool", bearer(ADMIN_TOKEN), is_operator=True),
        Caller("the operator's browser", {"Cookie": open_session} | SAME_ORIGIN, is_operator=True),
        Caller("a foreign page in the operator's browser", {"Cookie": open_session} | evil),
        Caller("a sandboxed page in the operator's browser", {"Cookie": open_session, "Origin": "null"}),
        Caller("an expired session", {"Cookie": expired}),
        Caller("a session signed out of", {"Cookie": left}),
        Caller("a forged session", {"Cookie": f"omi_operator={new_secret()}; __Host-omi_operator={ADMIN_TOKEN}"}),
        Caller("nobody", {}),
        Caller("a guess", bearer("admin")),
        Caller("an empty token", bearer("")),
        Caller("Omi", bearer(WEBHOOK_TOKEN)),
        Caller("the scraper", bearer(METRICS_TOKEN)),
        Caller("another chatter", {"X-Chat-Secret": ChatSecrets(ADMIN_TOKEN.encode()).issue()}),
        Caller("somebody who says that it is a proxy", {"X-Forwarded-For": "127.0.0.1"}),
        Caller("an unknown person", bearer(f"sid_{new_secret()}")),
        Caller("a person whose token expired", bearer(late.token)),
        Caller("a person whose token is revoked", bearer(gone.token)),
        Caller("a token in the address's place", {"Referer": f"http://localhost/?sid={owner.token}"}),
        Caller("an admin", bearer(admin.token), is_operator=True, person=admin),
        Caller("an observer", bearer(observer.token), person=observer),
        Caller("another person", bearer(other.token), person=other),
        Caller("another person's browser", other.cookie | SAME_ORIGIN, person=other),
        Caller("a script with another person's cookie", other.cookie, person=other),
        Caller("a foreign page in the owner's browser", owner.cookie | evil),
        Caller("a sandboxed page in the owner's browser", owner.cookie | {"Origin": "null"}),
        Caller("a page of the same site in the owner's browser", owner.cookie | {"Sec-Fetch-Site": "same-site"}),
        Caller("a foreign page with the owner's token", bearer(owner.token) | evil, person=owner),
        Caller("the owner", bearer(owner.token), person=owner),
    ]


def expected(row, caller, *, is_private):
    """Return the status; `is_private`: on a developer's own machine. None: any but 401 and 403."""
    if row.access is Access.OMI:
        # In a request without a token nothing may tell of a browser or a proxy.
        outside = {"Authorization", "Origin", "Sec-Fetch-Site", "X-Forwarded-For"}
        is_let_in = is_private and not outside & set(caller.headers)
        return row.status if caller.token == WEBHOOK_TOKEN or is_let_in else 401
    if caller.is_foreign and row.method not in SAFE:
        return 403
    observes = caller.person is not None and caller.person.role is Role.OBSERVER
    if observes and row.access is Access.OPERATOR and row.method not in SAFE:
        return 403
    may = {
        Access.ANYBODY: True,
        Access.PERSON: caller.person is not None,
        Access.OPERATOR: caller.is_operator or observes,
        Access.OWNER: caller.is_operator or caller.person is not None,
        Access.SCRAPER: caller.is_operator or observes or caller.token == METRICS_TOKEN,
        Access.CHATTER: caller.is_operator
        or caller.person is not None
        or (is_private and "Authorization" not in caller.headers),
    }
    if not may[row.access]:
        return 401
    is_owner = caller.name in ("the owner", "a foreign page with the owner's token")
    return 404 if row.is_owned and not is_owner else row.status


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """A store for all tests of this file: their accounts differ."""
    stored = InlineStore(tmp_path_factory.mktemp("store"), SystemClock())
    yield stored
    stored.close()


@pytest.fixture
def told(system, store):
    """A system that would tell something."""
    system.stored = store
    said = {"message_id": "m1", "conversation_id": "c1", "role": "user", "kind": "", "source": "frontend", "model": ""}
    message = StoredMessage(**said, text=PRIVATE, created_at=1.0)
    page = Transcript(session_key=f"omi:{UID}", segments=(), messages=(message,), next_after_seq=None)
    system.transcripts = {page.session_key: page}
    return system


@pytest.mark.usefixtures("told")
@pytest.mark.parametrize(
    ("mode", "row"),
    # Only open addresses, Omi's and chatters' may differ in the two.
    [("production", row) for row in ROWS] + [("development", row) for row in EXACT],
    ids=lambda value: value if isinstance(value, str) else f"{value.method} {value.path}",
)
async def test_only_permitted_callers_pass_and_others_learn_nothing(row, mode, start, tmp_path, store):
    clock = ManualClock()
    given = {"APP_ENV": mode, "HOST": "127.0.0.1", "DATA_DIR": str(tmp_path), "ENABLE_RATE_LIMIT": "false"}
    async with await Connection.open(await start(clock, METRICS_TOKEN=METRICS_TOKEN, **given)) as connection:
        everyone = await callers(connection, start, clock, store)
        path = await OWNED[row.path](store, everyone[-1].person.account_id) if row.is_owned else row.path
        replies = []
        for caller in everyone:
            reply = await connection.request(row.method, path, row.body, caller.headers)
            replies.append((caller, reply))
            if reply.headers.get("content-type", "").startswith("text/event-stream"):
                await connection.reopen()

    wanted = {one.name: expected(row, one, is_private=mode == "development") for one, _ in replies}
    seen = {
        caller.name: None if wanted[caller.name] is None and reply.status not in (401, 403) else reply.status
        for caller, reply in replies
    }
    assert seen == wanted
    for caller, reply in replies:
        if reply.status in (401, 403):
            assert_tells_nothing(row, caller, reply)


def assert_tells_nothing(row, caller, reply):
    assert "set-cookie" not in reply.headers, caller.name
    assert PRIVATE.encode() not in reply.body, caller.name
    if row.path.startswith("/v1/"):
        assert set(reply.json) == {"error"}, caller.name
        assert reply.json["error"]["code"] == {401: "invalid_api_key", 403: "foreign_origin"}[reply.status]
    elif row.method != "HEAD":
        # Observers and the operator's tool also get the address of the request's timeline.
        assert set(reply.json) - ({"timeline"} if caller.may_observe else set()) == FORM, caller.name
        refused = "not_permitted" if caller.person and not caller.is_foreign else "foreign_origin"
        assert reply.json["code"] == {401: "unauthorized", 403: refused}[reply.status]


def test_every_address_states_who_may_come_in_and_open_ones_are_listed():
    handlers = [rule.target for rule in rules()]

    assert [handler.route for handler in handlers if not isinstance(getattr(handler, "access", None), Access)] == []
    assert not hasattr(BaseHandler, "access"), "a default would hide a handler without a decision"
    assert {handler.route for handler in handlers if handler.access is Access.ANYBODY} == OPEN


def test_exact_rows_are_of_addresses_that_are_served():
    served = {(method, rule.matcher.regex.pattern) for rule in rules() for method in rule.target.allowed_methods()}

    assert {(row.method, pattern_of(row.path)) for row in EXACT} <= served


def test_everything_with_an_owner_can_be_made_by_this_test():
    assert {row.path for row in ROWS if row.is_owned} == set(OWNED)


@pytest.mark.usefixtures("told")
async def test_existing_and_missing_look_alike_to_callers_without_rights(connection):
    pairs = [(f"/transcript/{UID}", "/transcript/nobody"), ("/operator/queue/jobs/j1", "/operator/queue/jobs/none")]
    for known, unknown in pairs:
        one, other = [await connection.request("GET", path) for path in (known, unknown)]
        private = FORM - {"request_id", "requestId", "timestamp"}
        assert one.status == other.status == 401
        assert {name: one.json[name] for name in private} == {name: other.json[name] for name in private}


async def test_options_of_an_address_list_its_methods_only(connection):
    for path in dict.fromkeys(re.sub(r":\w+", new_id(), row.path) for row in ROWS):
        reply = await connection.request("OPTIONS", path)
        assert (reply.status, reply.body) == (204, b""), path


async def test_chatters_reach_only_their_own_sessions(connection, system):
    chats = ChatSecrets(ADMIN_TOKEN.encode())
    secrets = [chats.issue(), chats.issue()]
    mine, others = ({"X-Chat-Secret": secret} for secret in secrets)
    await connection.request("POST", "/context/switch", b'{"session_id":"a","space":"memories"}', mine)
    for who in (mine, others):
        await connection.request("POST", "/chat", b'{"session_id":"a","message":"hi"}', who)
    statuses = [(await connection.request("GET", "/context/status/a", headers=who)).json for who in (mine, others, {})]

    keys = {question.session_key for question in system.questions}
    assert len(keys) == 2
    assert [status["space"] for status in statuses] == ["memories", "default", "default"]
    assert not any(secret in key for secret, key in itertools.product(secrets, keys))


async def test_health_shows_states_to_all_and_the_rest_to_the_operator(connection):
    strangers = (await connection.request("GET", "/health")).json
    operators = (await connection.request("GET", "/health", headers=bearer(ADMIN_TOKEN))).json

    assert {"settings", "metrics"} <= set(operators)
    assert not {"settings", "metrics", "sessions"} & set(strangers)
    assert "a note for the operator" not in str(strangers)
