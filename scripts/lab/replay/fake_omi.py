"""Fake of Omi's API: notifications, v1 and v2, with their budget and faults on demand; wearers' memories and talks.

Not here: webhooks, which Omi sends (sender.py). Threads: the loop that started it.
Source: Omi's integration API; v1 takes JSON, v2 takes everything from the query and no body.
"""

import asyncio
import json
from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import tornado.httpserver
import tornado.netutil
import tornado.web

from omi_actors.clock import Clock, SystemClock

APP_ID = "app-1"
SECRET = "sk-omi"  # noqa: S105 (the fake's own)


class Mode(StrEnum):
    """Modes of the fake.

    `delay` waits `delay_s` first. `cut` and `server_error` deliver the notification, and then fail.
    """

    NORMAL = "normal"
    DELAY = "delay"
    HANG = "hang"
    CUT = "cut"
    SERVER_ERROR = "server_error"
    NOT_ENABLED = "not_enabled"
    REDIRECT = "redirect"


@dataclass(frozen=True)
class Push:
    """A notification that reached a wearer's phone, with its time."""

    uid: str
    text: str
    version: str
    at_mono_s: float = field(default=0.0, compare=False)


@dataclass
class FakeOmi:
    """State of the fake: set fields at any time; read `pushes` (oldest first) and `calls` (of all kinds).

    `memories` are those of each wearer, in Omi's order, `conversations` likewise; `written` is what was sent to either.
    """

    mode: Mode = Mode.NORMAL
    delay_s: float = 0.0
    per_hour: int = 10
    retry_after_s: int = 1_200
    pushes: list[Push] = field(default_factory=list)
    memories: dict[str, list[Any]] = field(default_factory=dict)
    conversations: dict[str, list[Any]] = field(default_factory=dict)
    written: list[tuple[str, str, Any]] = field(default_factory=list)
    calls: int = 0
    called: asyncio.Event = field(default_factory=asyncio.Event)
    url: str = ""
    clock: Clock = field(default_factory=SystemClock)

    def listen(self, port: int = 0) -> tornado.httpserver.HTTPServer:
        """Serve on the running loop and set `url`. The caller stops the returned server."""
        sockets = tornado.netutil.bind_sockets(port, "127.0.0.1")
        self.url = f"http://127.0.0.1:{sockets[0].getsockname()[1]}"
        routes: list[Any] = [
            ("/v1/integrations/notification", _V1, {"fake": self}),
            ("/v2/integrations/([^/]+)/notification", _V2, {"fake": self}),
            ("/v2/integrations/([^/]+)/(memories|conversations)", _Lists, {"fake": self}),
            ("/v2/integrations/([^/]+)/user/(memories|conversations)", _Writes, {"fake": self}),
        ]
        server = tornado.httpserver.HTTPServer(tornado.web.Application(routes, log_function=lambda _: None))
        server.add_sockets(sockets)
        return server

    @property
    def settings(self) -> dict[str, str]:
        """Return the settings with which the server notifies this fake. The fake must already listen."""
        return {"OMI_APP_ID": APP_ID, "OMI_APP_SECRET": SECRET, "OMI_API_URL": self.url}

    def texts_of(self, uid: str) -> list[str]:
        """Return the texts on one wearer's phone."""
        return [push.text for push in self.pushes if push.uid == uid]


class _Notification(tornado.web.RequestHandler):
    """Handler of one call of either version."""

    fake: FakeOmi

    def initialize(self, fake: FakeOmi) -> None:
        """Take the arguments of the route."""
        self.fake = fake
        self.gone = asyncio.Event()

    def on_connection_close(self) -> None:
        """End a call that hangs."""
        self.gone.set()

    async def notify(self, app_id: str, uid: str, text: str, version: str) -> None:
        """Check key, app and budget in Omi's order, then deliver the notification."""
        fake = self.fake
        fake.calls += 1
        fake.called.set()
        if self._refuse(app_id, uid):
            return
        if fake.mode is Mode.HANG:
            await self.gone.wait()
            return
        if fake.mode is Mode.DELAY:
            await asyncio.sleep(fake.delay_s)
        fake.pushes.append(Push(uid, text, version, fake.clock.mono_s()))
        if fake.mode is Mode.CUT:
            self.detach().close()
        elif fake.mode is Mode.SERVER_ERROR:
            self._fail(500, "Internal Server Error")
        else:
            left = fake.per_hour - Counter(push.uid for push in fake.pushes)[uid]
            self.set_header("X-RateLimit-Limit", str(fake.per_hour))
            self.set_header("X-RateLimit-Remaining", str(left))
            self.finish({"status": "Ok"})

    def _refuse(self, app_id: str, uid: str) -> bool:
        header = self.request.headers.get("Authorization", "")
        if not header.startswith("Bearer "):
            self._fail(401, "Missing or invalid Authorization header.")
        elif header != f"Bearer {SECRET}" or self.fake.mode is Mode.NOT_ENABLED:
            self._fail(403, "Invalid API key, or the app is not enabled for this user.")
        elif app_id != APP_ID:
            self._fail(404, "App not found")
        elif self.fake.mode is Mode.REDIRECT:
            self.redirect("/elsewhere")
        elif Counter(push.uid for push in self.fake.pushes)[uid] >= self.fake.per_hour:
            self.set_header("Retry-After", str(self.fake.retry_after_s))
            self._fail(429, "Rate limit exceeded")
        else:
            return False
        return True

    def _fail(self, status: int, detail: str) -> None:
        self.set_status(status)
        self.finish({"detail": detail})


class _V1(_Notification):
    async def post(self) -> None:
        """Deliver a notification from a JSON body."""
        body = json.loads(self.request.body)
        if not all(body.get(name) for name in ("uid", "aid", "message")):
            self._fail(400, "uid, aid and message are required")
            return
        await self.notify(body["aid"], body["uid"], body["message"], "v1")


class _V2(_Notification):
    async def post(self, app_id: str) -> None:
        """Deliver a notification from the query."""
        uid, text = self.get_query_argument("uid", ""), self.get_query_argument("message", "")
        if not uid or not text or self.request.headers.get("Content-Length") != "0":
            self._fail(422, "uid and message are required, and no body")
            return
        await self.notify(app_id, uid, text, "v2")


class _Lists(_Notification):
    async def get(self, app_id: str, what: str) -> None:
        """Send a page of a wearer's memories or conversations."""
        self.fake.calls += 1
        uid = self.get_query_argument("uid")
        if self._refuse(app_id, uid):
            return
        if self.fake.mode is Mode.SERVER_ERROR:
            self._fail(500, "Internal Server Error")
            return
        start, limit = (int(self.get_query_argument(name)) for name in ("offset", "limit"))
        found = {"memories": self.fake.memories, "conversations": self.fake.conversations}[what]
        self.finish({what: found.get(uid, [])[start : start + limit]})


class _Writes(_Notification):
    async def post(self, app_id: str, what: str) -> None:
        """Take a wearer's memories, or a conversation."""
        self.fake.calls += 1
        uid = self.get_query_argument("uid")
        if self._refuse(app_id, uid):
            return
        if self.fake.mode is Mode.SERVER_ERROR:
            self._fail(500, "Internal Server Error")
            return
        self.fake.written.append((what, uid, json.loads(self.request.body)))
        self.finish({})
