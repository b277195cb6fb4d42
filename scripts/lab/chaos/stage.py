"""Stage: a server under traffic with its own model, fake Omi and database, and the methods that faults use.

Not here: the faults (faults/), the judgement (judgement.py). Threads: one event loop.
"""

import asyncio
import itertools
import random
import re
import signal
import sys
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import Self

from omi_actors.clock import Clock
from scripts.lab.chaos.link import Link
from scripts.lab.chaos.proxy import Proxy
from scripts.lab.chaos.sizes import Sizes
from scripts.lab.chaos.traffic import Pulse, Traffic
from scripts.lab.replay.accept_log import AcceptLog, build_promise
from scripts.lab.replay.fake_omi import FakeOmi
from scripts.lab.replay.fake_omi import Mode as OmiMode
from scripts.lab.replay.fake_openai import FakeOpenAI, Mode
from scripts.lab.replay.http import HttpClient, Target
from scripts.lab.replay.postgres_server import DURABLE, PostgresServer
from scripts.lab.replay.recording import RecordedRequest, build_webhook
from scripts.lab.replay.redis_server import RedisServer
from scripts.lab.replay.report import percentile
from scripts.lab.replay.sender import Outcome, Poster
from scripts.lab.replay.server_process import SERVE, ServerProcess, build_server, find_free_port

# Delays (s) long enough that faults hit every stage of an answer.
_MODEL_DELAY_S = 0.1
_OMI_DELAY_S = 0.05
# Longer than a healthy server's reply deadline (12 s), and than Omi waits (30 s).
_TIMEOUT_S = 30.0
# Shorter than the defaults (5,000 and 12,000 ms), so that late answers use the other channels during a fault. A still
# shorter reply deadline would drop webhooks on a busy machine.
_SETTINGS = {
    "NEXT_WEBHOOK_GRACE_MS": "300",
    "WEBHOOK_REPLY_DEADLINE_MS": "3000",
    # These people ask more than real ones.
    "MODEL_USER_REQUESTS_PER_MINUTE": "0",
}
_WARM_WITHIN_S, _POLL_S = 60.0, 0.1
_SECOND_NODE = {"NODE_NAME": "second"}
_SABOTAGED = (sys.executable, "-m", "scripts.lab.chaos.sabotaged_server")
# File in the folder of a server with the plant `clock`: the seconds by which its clock is off; right without it.
CLOCK_FILE = "clock_off_s"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """Plan of a stage."""

    seed: int
    sizes: Sizes
    folder: Path
    database: str = "sqlite"
    settings: Mapping[str, str] = field(default_factory=dict)
    plants: tuple[str, ...] = ()
    has_proxy: bool = False
    has_redis: bool = False
    has_second: bool = False
    has_links: bool = False
    at_second: bool = False


class Stage:
    """Surroundings of one fault: a server under traffic, with a fake model, a fake Omi and a database.

    Entering the `async with` block starts all except the traffic; leaving it stops all.
    `aside` are webhooks that the fault itself sent. `cuts` are the times at which the fault may have interrupted a
    delivery, `ends` the ends of the fault. All times are of `clock`, monotonic.
    """

    # Set on entering.
    server: ServerProcess
    target: Target
    http: HttpClient
    traffic: Traffic
    pulse: Pulse

    def __init__(self, scene: Scene, clock: Clock) -> None:
        self.sizes = scene.sizes
        self.seed = scene.seed
        self.clock = clock
        self.rng = random.Random(scene.seed)  # noqa: S311 (moments of a test)
        self.model = FakeOpenAI(mode=Mode.DELAY, delay_s=_MODEL_DELAY_S)
        self.omi = FakeOmi(mode=OmiMode.DELAY, delay_s=_OMI_DELAY_S, clock=clock)
        self.accept_file = scene.folder / "accepted.jsonl"
        self.postgres: PostgresServer | None = None
        self.redis: RedisServer | None = None
        self.proxy: Proxy | None = None
        self.second: ServerProcess | None = None
        self.links: dict[str, Link] = {}
        self.aside: list[Outcome] = []
        self.cuts: list[float] = []
        self.ends: list[float] = []
        self.is_restarted = False
        self._scene = scene
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        """Start everything. Raises: ServerFailedError, PostgresUnusableError, RedisUnusableError."""
        async with AsyncExitStack() as stack:
            self._scene.folder.mkdir()
            await self._start_neighbours(stack)
            folder = self._scene.folder
            linked = await self._link(stack) if self._scene.has_links else {}
            self._sane_server, self.target = self._build_server(folder, extra=linked)
            self.server = self._sane_server
            if self._scene.plants:
                self.server, _ = self._build_server(folder, like=self.target, sabotaged=True, extra=linked)
            stack.callback(self._sane_server.kill)
            stack.callback(self.server.kill)
            await self.server.start()
            if self._scene.has_second:
                self.second = await self._start_second(stack)
            await self._meet_people(stack)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End everything."""
        await self._stack.aclose()

    async def warm_up(self) -> None:
        """Ask, and wait for the answer, since the first answer waits until the server has imported the model's client.

        Raises: TimeoutError
        """
        poster = Poster(self.target, self.http, clock=self.clock)
        async with asyncio.timeout(_WARM_WITHIN_S):
            for number in itertools.count():
                request = _build_warm_up(number)
                outcome = await poster.post(request, self.clock.mono_s())
                if outcome.message or self.omi.texts_of(request.query["uid"]):
                    return
                await asyncio.sleep(_POLL_S)

    def note_cut(self) -> None:
        """Record that a delivery may be cut now."""
        self.cuts.append(self.clock.mono_s())

    def note_end(self) -> None:
        """Record the end of a fault: the recovery time starts here."""
        self.ends.append(self.clock.mono_s())

    async def post(self, request: RecordedRequest) -> Outcome:
        """Send a webhook for the fault. Its acknowledgement is a promise of the server, as for any webhook."""
        outcome = await self._poster.post(request, self.clock.mono_s())
        self.aside.append(outcome)
        return outcome

    def measure_others_ms(self, since: int) -> float:
        """Return the 99th percentile of people's webhooks without a question, from attempt number `since` on."""
        attempts = [one.outcome for one in self.traffic.attempts[since:]]
        plain_s = [one.latency_s for one in attempts if not build_promise(one.request).questions]
        return round(percentile(plain_s, 99) * 1000, 1)

    async def fetch_metric(self, name: str, label: str = "", *, of: ServerProcess | None = None) -> float:
        """Return a server's metric, summed over all labels, or over labels that contain `label`."""
        text = (await self.fetch("/metrics", of=of)).decode()
        found = re.findall(rf"^{name}(\{{[^}}]*\}})? (\S+)$", text, re.MULTILINE)
        return sum(float(value) for labels, value in found if label in labels)

    async def fetch(self, path: str, *, of: ServerProcess | None = None) -> bytes:
        """Return the body of a GET; over a new connection, since the server may be closing an idle one."""
        async with HttpClient(self.target.host, (of or self.server).port, timeout_s=_TIMEOUT_S) as http:
            return (await http.request("GET", path, headers=self.target.operator_headers)).body

    def set_clock(self, off_s: float, server: ServerProcess) -> None:
        """Set the clock of a server with the plant `clock`, off by `off_s`: now if it runs, else at its start."""
        (server.log_file.parent / CLOCK_FILE).write_text(str(off_s))
        if server.is_running:
            server.send_signal(signal.SIGUSR2)

    async def restart(self) -> None:
        """Start the server again with the same data and address."""
        self.is_restarted = True
        await self.server.start()

    async def restart_sane(self) -> None:
        """Start the server with the same data and address, without its planted bugs."""
        self.server = self._sane_server
        await self.restart()

    async def _start_neighbours(self, stack: AsyncExitStack) -> None:
        for listening in (self.model.listen(), self.omi.listen()):
            stack.push_async_callback(listening.close_all_connections)
            stack.callback(listening.stop)
        if self._scene.database == "postgres":
            self.postgres = await asyncio.to_thread(PostgresServer, DURABLE)
            stack.callback(self.postgres.discard)
            await asyncio.to_thread(self.postgres.start)
        if self._scene.has_redis:
            self.redis = RedisServer()
            stack.callback(self.redis.discard)
            await asyncio.to_thread(self.redis.start)

    async def _link(self, stack: AsyncExitStack) -> dict[str, str]:
        """Put links before PostgreSQL and Redis, and return the settings of a server that uses them."""
        if self.postgres is None or self.redis is None:
            raise ValueError("links need a stage with PostgreSQL and Redis")
        path, redis_port = self.postgres.socket_path, self.redis.port
        self.links = {
            "postgres": Link(lambda: asyncio.open_unix_connection(path)),
            "redis": Link(lambda: asyncio.open_connection("127.0.0.1", redis_port)),
        }
        for link in self.links.values():
            await link.start()
            stack.push_async_callback(link.stop)
        return {
            "DATABASE_URL": self.postgres.url_of(self.links["postgres"].port),
            "REDIS_URL": f"redis://127.0.0.1:{self.links['redis'].port}/0",
        }

    async def _start_second(self, stack: AsyncExitStack) -> ServerProcess:
        """Start a second node, on its own port, with the secrets and planted bugs of the first node."""
        folder = self._scene.folder / "second"
        folder.mkdir()
        like = replace(self.target, port=find_free_port())
        server, _ = self._build_server(folder, like=like, sabotaged=bool(self._scene.plants), extra=_SECOND_NODE)
        stack.callback(server.kill)
        await server.start()
        return server

    def _build_server(
        self,
        folder: Path,
        *,
        like: Target | None = None,
        sabotaged: bool = False,
        extra: Mapping[str, str] | None = None,
    ) -> tuple[ServerProcess, Target]:
        redis = {"REDIS_URL": self.redis.url} if self.redis else {}
        return build_server(
            folder,
            clock=self.clock,
            database_url=self.postgres.admin_url if self.postgres else "",
            model_url=self.model.url,
            command=(*_SABOTAGED, *self._scene.plants) if sabotaged else SERVE,
            extra={**_SETTINGS, **self.omi.settings, **redis, **self._scene.settings, **(extra or {})},
            like=like,
        )

    async def _meet_people(self, stack: AsyncExitStack) -> None:
        people_port = self.second.port if self.second is not None and self._scene.at_second else self.target.port
        if self._scene.has_proxy:
            self.proxy = Proxy(people_port)
            await self.proxy.start()
            stack.push_async_callback(self.proxy.stop)
            people_port = self.proxy.port
        clock, sizes, log = self.clock, self.sizes, stack.enter_context(AcceptLog(self.accept_file))
        people, self.http, pulse = [
            await stack.enter_async_context(HttpClient(self.target.host, port, timeout_s=_TIMEOUT_S))
            for port in (people_port, self.target.port, self.target.port)
        ]
        self._poster = Poster(self.target, self.http, clock=clock, accept_log=log)
        poster = Poster(self.target, people, clock=clock, accept_log=log)
        self.traffic = Traffic(poster, people=sizes.people, period_s=sizes.period_s, seed=self._scene.seed, clock=clock)
        self.pulse = Pulse(pulse, clock)


def _build_warm_up(number: int) -> RecordedRequest:
    """Return the webhook of one person: number 0 asks a question, later numbers only wait for the answer."""
    text = f"I am still here, for the time number {number}." if number else "Hey Omi, are you there?"
    return build_webhook("first", [{"id": f"first-{number}", "text": text, "start": number, "end": number + 1}])
