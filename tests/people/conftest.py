"""Clients of a real server with accounts, on each database."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest

from tests.canaries import PASSWORD
from tests.system.conftest import (
    Running,
    database_url,
    module_postgres_url,
    notifier,
    omi,
    postgres_url,
    redis_server,
    start,
)
from tests.web.http_client import Connection, Reply

__all__ = [
    "Client",
    "database_url",
    "module_postgres_url",
    "notifier",
    "omi",
    "postgres_url",
    "redis_server",
    "start",
]


@dataclass
class Client:
    """A client of the server: sends JSON, and its token once it has one."""

    connection: Connection
    token: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)

    async def __call__(self, method, target, form=None, **headers) -> Reply:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        own = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        body = b"" if form is None else form if isinstance(form, bytes) else json.dumps(form).encode()
        reply: Reply = await self.connection.request(method, target, body, {**self.headers, **own, **named})
        return reply

    async def register(self, email="ada@example.com", password=PASSWORD, **more):
        """Make an account and sign in; return the reply's body."""
        reply = await self("POST", "/auth/register", {"email": email, "password": password, **more})
        assert reply.status == 201, reply
        self.token = reply.json["session_token"]
        return reply.json

    async def login(self, email="ada@example.com", password=PASSWORD):
        """Sign in; return the reply."""
        reply = await self("POST", "/auth/login", {"email": email, "password": password})
        self.token = reply.json.get("session_token", "")
        return reply

    def other(self) -> "Client":
        """Return another client of the same server, who is not signed in."""
        return Client(self.connection)


@pytest.fixture
async def running(start, database_url) -> Running:
    """A server with an empty database."""
    program: Running = await start(database_url)
    return program


@pytest.fixture
def ada(running) -> Client:
    """A client who has no account yet."""
    return Client(running.connection)
