"""Every address, method and kind of caller: permitted ones pass, the others learn nothing.

The rows are held against the application's own table: an address or a method without a row fails.
"""

import itertools
from dataclasses import dataclass
from enum import Enum

import pytest

from config.settings import load_settings
from omi_actors.clock import ManualClock, SystemClock
from omi_actors.domain.sessions.records import StoredMessage, Transcript
from omi_actors.ids import new_secret
from tests.canaries import ADMIN_TOKEN, METRICS_TOKEN, WEBHOOK_TOKEN
from tests.web.conftest import UID
from tests.web.fake_system import FakeSystem
from tests.web.http_client import Connection
from tests.web.test_operator import SAME_ORIGIN, sign_in
from web.app import build_application
from web.auth import ChatSecrets
from web.edge.operator_sessions import SESSION_LIFETIME_S
from web.site import Site

FORM = {"error", "code", "hint", "request_id", "requestId", "timestamp"}
# Text of the system that only the operator may read.
PRIVATE = "a sentence that somebody said"
SAFE = ("GET", "HEAD")


class For(Enum):
    """Whom an address is for."""

    ANYBODY = "anybody"
    OPERATOR = "the operator"
    SCRAPER = "the operator and the scraper"
    CHATTERS = "the operator, and on a developer's own machine anybody, as themselves"
    OMI = "Omi, and on a developer's own machine programs there"


@dataclass(frozen=True)
class Row:
    """A request, and the status with which whom it is for gets it. 409: let in, and the queue's fake desk refuses."""

    method: str
    path: str
    whom: For
    status: int = 200
    body: bytes = b""


ROWS = [
    *(
        Row(method, path, For.ANYBODY)
        for method in SAFE
        for path in ("/", "/style.css", "/health", "/livez", "/readyz")
    ),
    *(Row(method, path, For.ANYBODY) for method in SAFE for path in ("/api/info", "/help")),
    *(Row(method, f"/metrics-dashboard/dashboard.{end}", For.ANYBODY) for method in SAFE for end in ("css", "js")),
    Row("POST", "/operator/sign-out", For.ANYBODY),
    Row("POST", "/omi-webhook", For.OMI, body=b'{"uid":"ada","segments":[]}'),
    Row("POST", "/omi-webhook/", For.OMI, body=b'{"uid":"ada","segments":[]}'),
    Row("POST", "/chat", For.CHATTERS, body=b'{"message":"hi"}'),
    Row("POST", "/context/switch", For.CHATTERS, body=b'{"session_id":"a"}'),
    Row("GET", "/context/status/a", For.CHATTERS),
    *(Row(method, "/metrics", For.SCRAPER) for method in SAFE),
    *(Row(method, "/metrics-dashboard", For.OPERATOR) for method in SAFE),
    *(Row(method, "/metrics-dashboard/data.json", For.OPERATOR) for method in SAFE),
    *(Row(method, "/omi-webhook/queue-status", For.OPERATOR) for method in SAFE),
    Row("GET", f"/transcript/{UID}", For.OPERATOR),
    Row("GET", "/transcript/nobody", For.OPERATOR, 404),
    Row("GET", "/operator", For.OPERATOR),
    Row("POST", "/operator/links", For.OPERATOR, 201),
    Row("GET", "/operator/events", For.OPERATOR, 409),
    Row("POST", "/operator/retention/resume", For.OPERATOR, 409),
    Row("GET", "/operator/queue/jobs", For.OPERATOR, 409),
    Row("GET", "/operator/queue/jobs/j1?text=1", For.OPERATOR, 409),
    Row("DELETE", "/operator/queue/jobs/j1", For.OPERATOR, 409),
    *(
        Row("POST", f"/operator/queue/{what}", For.OPERATOR, 409)
        for what in ("jobs/j1/retry", "retry", "discard", "pause", "resume")
    ),
]


@dataclass(frozen=True)
class Caller:
    """A kind of caller: `name` for the report, and the headers that it sends."""

    name: str
    headers: dict[str, str]
    is_operator: bool = False

    @property
    def token(self):
        return self.headers.get("Authorization", "").removeprefix("Bearer ")

    @property
    def is_page(self):
        return "Origin" in self.headers

    @property
    def is_foreign(self):
        return self.is_page and self.headers["Origin"] != SAME_ORIGIN["Origin"]


def bearer(token):
    return {"Authorization": f"Bearer {token}"}


async def callers(connection, start, clock):
    """Return every kind of caller."""
    expired = await sign_in(connection, start)
    clock.advance(SESSION_LIFETIME_S - 1)
    left = await sign_in(connection, start)
    await connection.request("POST", "/operator/sign-out", headers={"Cookie": left, **SAME_ORIGIN})
    open_session = await sign_in(connection, start)
    clock.advance(1)
    return [
        Caller("the operator's tool", bearer(ADMIN_TOKEN), is_operator=True),
        Caller("the operator's browser", {"Cookie": open_session} | SAME_ORIGIN, is_operator=True),
        Caller("a foreign page in the operator's browser", {"Cookie": open_session, "Origin": "https://evil.example"}),
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
    ]


def expected(row, caller, *, is_private):
    """Return the status; `is_private`: on a developer's own machine."""
    if row.whom is For.OMI:
        # In a request without a token nothing may tell of a browser or a proxy.
        is_let_in = is_private and not {"Authorization", "Origin", "X-Forwarded-For"} & set(caller.headers)
        return row.status if caller.token == WEBHOOK_TOKEN or is_let_in else 401
    if caller.is_foreign and row.method not in SAFE:
        return 403
    may = {
        For.ANYBODY: True,
        For.OPERATOR: caller.is_operator,
        For.SCRAPER: caller.is_operator or caller.token == METRICS_TOKEN,
        For.CHATTERS: caller.is_operator or (is_private and "Authorization" not in caller.headers),
    }
    return row.status if may[row.whom] else 401


@pytest.fixture
def told(system):
    """A system that would tell something."""
    said = {"message_id": "m1", "conversation_id": "c1", "role": "user", "kind": "", "source": "frontend", "model": ""}
    message = StoredMessage(**said, text=PRIVATE, created_at=1.0)
    page = Transcript(session_key=f"omi:{UID}", segments=(), messages=(message,), next_after_seq=None)
    system.transcripts = {page.session_key: page}
    return system


@pytest.mark.usefixtures("told")
@pytest.mark.parametrize("mode", ["development", "production"])
@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.method} {row.path}")
async def test_only_permitted_callers_pass_and_others_learn_nothing(row, mode, start, tmp_path):
    clock = ManualClock()
    given = {"APP_ENV": mode, "HOST": "127.0.0.1", "DATA_DIR": str(tmp_path), "ENABLE_RATE_LIMIT": "false"}
    async with await Connection.open(await start(clock, METRICS_TOKEN=METRICS_TOKEN, **given)) as connection:
        everyone = await callers(connection, start, clock)
        replies = [
            (caller, await connection.request(row.method, row.path, row.body, caller.headers)) for caller in everyone
        ]

    seen = {caller.name: reply.status for caller, reply in replies}
    assert seen == {one.name: expected(row, one, is_private=mode == "development") for one, _ in replies}
    for caller, reply in replies:
        if reply.status in (401, 403):
            assert_tells_nothing(row, caller, reply)


def assert_tells_nothing(row, caller, reply):
    assert "set-cookie" not in reply.headers, caller.name
    assert PRIVATE.encode() not in reply.body, caller.name
    if row.method != "HEAD":
        assert set(reply.json) == FORM, caller.name
        assert reply.json["code"] == {401: "unauthorized", 403: "foreign_origin"}[reply.status]


def rules():
    site = Site(FakeSystem(), load_settings(overrides={"ADMIN_TOKEN": ADMIN_TOKEN}), SystemClock())
    return build_application(site).wildcard_router.rules


def pattern_of(path):
    """Return the application's pattern for a path."""
    matchers = (rule.matcher.regex for rule in rules())
    return next(regex.pattern for regex in matchers if regex.match(path.partition("?")[0]))


def test_every_address_and_method_has_a_row():
    served = {(method, rule.matcher.regex.pattern) for rule in rules() for method in rule.target.allowed_methods()}

    assert {(row.method, pattern_of(row.path)) for row in ROWS} == served


@pytest.mark.usefixtures("told")
async def test_existing_and_missing_look_alike_to_callers_without_rights(connection):
    pairs = [(f"/transcript/{UID}", "/transcript/nobody"), ("/operator/queue/jobs/j1", "/operator/queue/jobs/none")]
    for known, unknown in pairs:
        one, other = [await connection.request("GET", path) for path in (known, unknown)]
        private = FORM - {"request_id", "requestId", "timestamp"}
        assert one.status == other.status == 401
        assert {name: one.json[name] for name in private} == {name: other.json[name] for name in private}


async def test_options_of_an_address_list_its_methods_only(connection):
    for path in dict.fromkeys(row.path for row in ROWS):
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
    assert not {"settings", "metrics", "sessions", "memory"} & set(strangers)
    assert "a note for the operator" not in str(strangers)
