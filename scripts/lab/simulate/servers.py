"""The server of a simulation: one of our own, set up as in production, or a running one that can be judged.

Not here: what is sent to it (run.py). Threads: one event loop.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec

from omi_actors.clock import Clock
from omi_actors.ids import new_secret
from scripts.lab.replay.fake_omi import FakeOmi
from scripts.lab.replay.http import ConnectionFailedError, HttpClient
from scripts.lab.replay.sender import Signer
from scripts.lab.replay.server_process import ServerFailedError
from scripts.lab.replay.signing import build_signer
from scripts.lab.replay.targets import Target
from scripts.lab.replay.under_test import build_server


class UnfitTargetError(RuntimeError):
    """The target cannot be judged; the message says why."""


class _Model(msgspec.Struct):
    provider: str = ""


class _Checks(msgspec.Struct):
    model: _Model = msgspec.field(default_factory=_Model)


class _Health(msgspec.Struct):
    checks: _Checks = msgspec.field(default_factory=_Checks)


@asynccontextmanager
async def start_own(
    folder: Path, omi: FakeOmi, clock: Clock, *, extra: Mapping[str, str] | None = None
) -> AsyncIterator[tuple[Target, Signer]]:
    """Start a server with data and log in `folder`, which notifies `omi`; yield how to reach it and how to sign for it.

    Raises: ServerFailedError when it does not start, or does not end well when it is told to.
    """
    secret = f"whsec_{new_secret()}"
    production = {"APP_ENV": "production", "OMI_SIGNING_SECRETS": secret, **omi.settings, **(extra or {})}
    server, target = build_server(folder, clock=clock, extra=production)
    try:
        await server.start()
        yield target, build_signer([secret], clock)
        exit_code = await server.stop()
        if exit_code != 0:
            raise ServerFailedError(f"the server ended with {exit_code}")
    finally:
        server.kill()


async def check_model(target: Target) -> None:
    """Let only the demo model be judged: it repeats what was heard.

    Raises: UnfitTargetError
    """
    async with HttpClient(target.host, target.port, timeout_s=5.0) as http:
        try:
            response = await http.request("GET", "/health", headers=target.operator_headers)
            health = msgspec.json.decode(response.body, type=_Health)
        except (ConnectionFailedError, msgspec.DecodeError) as error:
            raise UnfitTargetError(f"there is no server of ours at {target.host}:{target.port} ({error})") from error
    provider = health.checks.model.provider
    if provider != "demo":
        raise UnfitTargetError(
            f"the target answers with the model of {provider or 'nobody'}; only the demo model, which repeats the "
            "question, can be judged: start the target without OPENAI_API_KEY"
        )
