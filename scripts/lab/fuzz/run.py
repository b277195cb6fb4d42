"""One run of Schemathesis against a fresh server: what is sent, by whom, and what counts as a fault.

A fault is a reply 5xx, a status, type or form that the document does not have, a value that is taken though the
document forbids it, a request without a token that is let in, or a method that the document does not have.
Not here: declarations (web/declare.py). Threads: none.
"""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from omi_actors.clock import SystemClock
from scripts.lab.replay.http import HttpClient, Target
from scripts.lab.replay.server_process import build_server

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "response_headers_conformance",
    "negative_data_rejection",
    "ignored_auth",
    "unsupported_method",
)
# A forbidden value may also be refused for its length, before it is read.
_CONFIG = """
[checks.negative_data_rejection]
expected-statuses = [400, 401, 403, 404, 405, 409, 413, 414, 415, 422, 431]
"""
_PASSWORD = "a password of the fuzzer"  # noqa: S105 (of a server that lives for the run)
# Never sent: what ends the caller's sign-in or the queue, and streams that do not end.
_LEFT_OUT = "^/(auth/logout|operator/queue/pause|.*/(stream|events|transcripts))$"
# Paths of the operator; the rest is a person's, or for all.
_OPERATORS = "^/(operator|metrics|transcript|omi-webhook/queue-status|sessions/clear)"
_SETTINGS = {
    "ENABLE_RATE_LIMIT": "false",
    "LOG_LEVEL": "warning",
    "MODEL_USER_REQUESTS_PER_MINUTE": "0",
    "MODEL_REQUESTS_PER_MINUTE": "0",
}


@dataclass(frozen=True, slots=True)
class Caller:
    """The sender of a run: a person or the operator, by a token."""

    name: Literal["person", "operator"]
    token: str

    def arguments(self) -> list[str]:
        """Return the arguments that choose the caller's routes and token."""
        paths = ["--exclude-path-regex", f"{_OPERATORS}|{_LEFT_OUT}"]
        if self.name == "operator":
            paths = ["--include-path-regex", _OPERATORS, "--exclude-path-regex", _LEFT_OUT]
        return [*paths, "--header", f"Authorization: Bearer {self.token}"]


async def with_server(
    folder: Path, work: Callable[[Target], Awaitable[list[str]]], *, database_url: str = ""
) -> list[str]:
    """Do the work with a server of its own."""
    server, target = build_server(folder, clock=SystemClock(), database_url=database_url, extra=_SETTINGS)
    await server.start()
    try:
        return await work(target)
    finally:
        server.kill()


async def run_all(target: Target, folder: Path, options: Sequence[str]) -> list[str]:
    """Run every caller, and return the names of those that found faults."""
    callers = (Caller("person", await _sign_up(target)), Caller("operator", target.admin_token))
    return [caller.name for caller in callers if await run(target, caller, folder, options)]


async def run(target: Target, caller: Caller, folder: Path, options: Sequence[str]) -> int:
    """Run Schemathesis as one caller, and return its exit code."""
    command = [
        *(sys.executable, "-m", "schemathesis.cli", "run", f"http://{target.host}:{target.port}/openapi.json"),
        *("--checks", ",".join(CHECKS), "--no-color", "--warnings", "off", "--continue-on-failure"),
        *("--suppress-health-check", "all"),
        *caller.arguments(),
        *options,
    ]
    (folder / "schemathesis.toml").write_text(_CONFIG)
    process = await asyncio.create_subprocess_exec(*command, cwd=folder)
    return await process.wait()


async def _sign_up(target: Target) -> str:
    async with HttpClient(target.host, target.port, timeout_s=30.0) as http:
        form = {"email": "fuzzer@example.com", "password": _PASSWORD}
        headers = {"Content-Type": "application/json"}
        reply = await http.request("POST", "/auth/register", headers=headers, body=json.dumps(form).encode())
    return str(json.loads(reply.body)["session_token"])
