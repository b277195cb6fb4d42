"""Shapes of the wire: keys that the shipped app reads, with their types; and an app that compares replies with them.

A shape is a dict of the keys that must be there (more may be), a list with the shape of each item, a type, or a value.
"""

import re
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.people.conftest import Client


@dataclass(frozen=True)
class Like:
    """A text that the pattern matches as a whole."""

    pattern: str


@dataclass(frozen=True)
class Or:
    """One of several shapes."""

    shapes: tuple[Any, ...]


def maybe(shape):
    """Return the shape of a value that may be null."""
    return Or((shape, None))


OK = {"ok": True}
ORIGIN = "https://app.example.com"
NOBODY = "00000000-0000-4000-8000-000000000000"

# Ids in addresses: ours, a wearable's, and one that is none.
_BY_ID = re.compile(r"(?<=/)([0-9a-f-]{36}|7|\w{28}|kitchen|a%20b)(?=/|$)")
ID = Like("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
TIME = Like(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")

USER = {"id": ID, "email": str, "displayName": maybe(str), "createdAt": TIME}
SIGNED_IN = {"ok": True, "session_token": Like(r"\S{40,}"), "sid": Like(r"\S{40,}"), "user": USER}
ROLE = Or(("USER", "ADMIN"))
PROFILE = {"ok": True, "user": {**USER, "role": ROLE, "updatedAt": TIME}}
LINK = {"omiUserId": str, "isVerified": bool, "verifiedAt": maybe(TIME)}
ME = {"ok": True, "user": {"id": ID, "email": str, "displayName": maybe(str), "role": ROLE}, "omi_links": [LINK]}
AUTH_ME = {
    "user": {**USER, "stats": {"memories": int, "conversations": int, "sessions": int}, "preferences": maybe({})}
}
DEVICE = {
    "session_token_masked": Like(r"\S{8}\.\.\.\S{4}"),
    "createdAt": TIME,
    "expiresAt": TIME,
    "is_current": bool,
}
PREFERENCES = {
    "listenMode": Or(("TRIGGER", "FOLLOWUP", "ALWAYS")),
    "followupWindowMs": int,
    "meetingTranscribe": bool,
    "injectMemories": bool,
    "defaultConversationId": maybe(ID),
    "activationRegex": maybe(str),
    "activationSensitivity": int,
    "mute": bool,
    "dndQuietHoursStart": maybe(str),
    "dndQuietHoursEnd": maybe(str),
}
MEMORY = {"id": ID, "text": str, "createdAt": TIME}
CONVERSATION = {
    "id": ID,
    "title": maybe(str),
    "summary": maybe(str),
    "createdAt": TIME,
    "openaiConversationId": maybe(str),
    "omiSessionKey": maybe(str),
}
MESSAGE = {
    "id": ID,
    "role": Or(("USER", "ASSISTANT", "SYSTEM", "TOOL")),
    "text": str,
    "source": Or(("FRONTEND", "OMI_TRANSCRIPT", "SYSTEM", "TOOL")),
    "createdAt": TIME,
}
EVENT = {"id": ID, "type": str, "payload": maybe({}), "createdAt": TIME}
WINDOW = {
    "slot": int,
    "isActive": bool,
    "conversationId": maybe(ID),
    "title": maybe(str),
    "summary": maybe(str),
    "createdAt": maybe(TIME),
}
STATS = {
    "overall": {"memories": int, "conversations": int, "sessions": int, "messages": int},
    "recentActivity": [{"id": ID, "role": MESSAGE["role"], "createdAt": TIME, "text": str}],
    "dailyStats": [{"date": Like(r"\d{4}-\d\d-\d\d"), "count": int}],
}


def page(item):
    """Return the shape of a list that is paged by cursor."""
    return {"ok": True, "items": [item], "nextCursor": maybe(str)}


def offset_page(name, item):
    """Return the shape of a list that is paged by offset."""
    return {name: [item], "total": int, "limit": int, "offset": int, "hasMore": bool}


def differences(shape, value, at="$"):
    """Return where a value differs from its shape."""
    if isinstance(shape, Or):
        return [] if any(not differences(one, value, at) for one in shape.shapes) else [f"{at}: {value!r}"]
    if isinstance(shape, dict):
        if not isinstance(value, dict):
            return [f"{at}: {value!r} is not an object"]
        missing = [f"{at}.{name} is missing" for name in shape if name not in value]
        return missing + [
            line for name in shape if name in value for line in differences(shape[name], value[name], f"{at}.{name}")
        ]
    if isinstance(shape, list):
        if not isinstance(value, list):
            return [f"{at}: {value!r} is not a list"]
        return [line for n, item in enumerate(value) for line in differences(shape[0], item, f"{at}[{n}]")]
    if isinstance(shape, Like):
        fits = isinstance(value, str) and re.fullmatch(shape.pattern, value)
        return [] if fits else [f"{at}: {value!r} is not like {shape.pattern}"]
    if isinstance(shape, type):
        return [] if type(value) is shape else [f"{at}: {value!r} is not {shape.__name__}"]
    return [] if (type(shape), shape) == (type(value), value) else [f"{at}: {value!r} is not {shape!r}"]


# Refusals of the first version by those of the second: text and status.
_SHORT = ("Invalid email or password too short", 400)
LEGACY = {
    "No session token provided": ("Not authenticated", 401),
    "Invalid session": ("Session invalid", 401),
    ("/auth/register", "Email and password are required"): _SHORT,
    ("/auth/register", "Password must be at least 8 characters"): _SHORT,
    ("/auth/register", "Invalid email format"): _SHORT,
    ("/auth/register", "User with this email already exists"): ("Email already in use", 400),
}


@dataclass
class App:
    """The app of one person: it sends what the shipped app sends, and compares each reply with its shape."""

    client: Client
    asked: set[tuple[str, str]] = field(default_factory=set)

    @property
    def is_legacy(self) -> bool:
        """Return True if the server answers in the shapes of the first version."""
        return not self.client.connection.holds

    async def get(self, target, shape, status=200, **headers) -> Any:
        """Read; return the reply's body."""
        return await self.call("GET", target, None, shape, status, **headers)

    async def post(self, target, form, shape, status=200, **headers) -> Any:
        """Send a form; return the reply's body."""
        return await self.call("POST", target, form, shape, status, **headers)

    async def call(self, method, target, form, shape, status=200, **headers) -> Any:
        """Send a request; its reply has the status and the shape. Return the reply's body."""
        reply = await self.client(method, target, form, **headers)
        assert reply.status == status, (method, target, form, reply)
        assert reply.headers["content-type"].startswith("application/json"), reply
        found: Any = reply.json
        assert differences(shape, found) == [], (method, target, form)
        self.asked.add((method, target.partition("?")[0]))
        return found

    async def refused(self, method, target, form, status, text) -> None:
        """Send a request that is refused, with the text that clients know."""
        if self.is_legacy:
            text, status = LEGACY.get((target, text)) or LEGACY.get(text) or (text, status)
        found = await self.call(method, target, form, {"error": str}, status)
        assert text in found["error"], (method, target, form, found)


async def preflights(client, asked) -> set[str]:
    """Ask for each route what a page of another origin may send; return the routes, without ids."""
    found = set()
    for method, target in asked:
        wanted = {"Origin": ORIGIN, "Access-Control-Request-Method": method}
        reply = await client("OPTIONS", target, Access_Control_Request_Headers="authorization,content-type", **wanted)
        shape = {
            "access-control-allow-origin": ORIGIN,
            "access-control-allow-credentials": "true",
            "access-control-allow-methods": Like(rf".*\b{method}\b.*"),
            "access-control-allow-headers": Like("(?i)(?=.*authorization)(?=.*content-type).*"),
            "access-control-max-age": "86400",
        }
        assert (reply.status, differences(shape, reply.headers)) == (204, []), (method, target)
        found.add(f"{method} {_BY_ID.sub(':id', target)}")
    return found


# The shapes of the second version on each database, and those of the first.
in_both_modes = pytest.mark.parametrize(
    ("database_url", "mode"),
    [("sqlite", ""), pytest.param("postgres", "", marks=pytest.mark.service), ("sqlite", "legacy")],
    indirect=["database_url"],
)


async def start_in_mode(start, mode, database_url, **more):
    """Start a program whose web app has another origin, in the shapes of the second version, or of the first."""
    program = await start(database_url, CORS_ORIGINS=ORIGIN, LEGACY_SHAPES=str(mode == "legacy"), **more)
    program.connection.holds = mode != "legacy"
    return program
