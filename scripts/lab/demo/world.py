"""The running demo: the server, its fake model and Omi, wearables that talk, a person, and faults in a cycle.

Not here: the person's words (story.py), the command (__main__.py). Threads: one event loop.
"""

import asyncio
import itertools
import json
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from omi_actors.clock import Clock
from omi_actors.ids import new_secret
from scripts.lab.chaos.sabotaged_server import CRASH_WORD, JOB_WORD
from scripts.lab.chaos.stage import CLOCK_FILE
from scripts.lab.demo.story import EMAIL, PASSWORD, PAST, TYPED, Person, answer
from scripts.lab.replay.fake_omi import FakeOmi
from scripts.lab.replay.fake_openai import FakeOpenAI, Mode
from scripts.lab.replay.http import ConnectionFailedError, HttpClient, Target
from scripts.lab.replay.recording import build_webhook
from scripts.lab.replay.sender import Sender
from scripts.lab.replay.server_process import ServerFailedError, ServerProcess, build_server
from scripts.lab.simulate.plan import Options, build_plan

_DAY_S = 86_400
# Seconds of one plan of the wearables; then they are other people.
_PLAN_S = 60.0
# Seconds between two pieces of a slow model's answer, and for how long it stays slow.
_PIECE_S, _SLOW_S = 0.4, 10.0
# Seconds of the longest demo.
_LONGEST_S = 30 * _DAY_S
_COMMAND = (sys.executable, "-m", "scripts.lab.chaos.sabotaged_server", "clock", "crash_word", "job_word")


@dataclass(frozen=True)
class World:
    """The demo while it runs."""

    url: str
    target: Target
    server: ServerProcess
    model: FakeOpenAI
    http: HttpClient
    person: Person
    clock: Clock
    # Seconds between two faults.
    pause_s: float
    wearables: int

    async def run(self) -> None:
        """Let wearables talk and faults happen until cancelled.

        Raises: ServerFailedError, in a group, when the server has ended.
        """
        async with asyncio.TaskGroup() as group:
            group.create_task(self._watch())
            for seed in range(self.wearables):
                group.create_task(self._talk(seed))
            group.create_task(self._live())
            group.create_task(self._fail())

    async def _watch(self) -> None:
        code = await self.server.wait(within_s=_LONGEST_S)
        raise ServerFailedError(f"the server has ended with {code}")

    async def _talk(self, seed: int) -> None:
        for number in itertools.count():
            plan = build_plan(Options(seed=1_000 * seed + number, wearables=1, seconds=_PLAN_S))
            await Sender(self.target, clock=self.clock).send(plan.webhooks)

    async def _live(self) -> None:
        """Let the person speak, and type a question at times."""
        for number in itertools.count():
            for text, voice in PAST[1]:
                await self._quietly(self.person.speak(text, voice, f"today-{number}"))
                await asyncio.sleep(self.pause_s)
            await self._quietly(self.person.ask(TYPED[number % len(TYPED)]))

    async def _fail(self) -> None:
        """Make one fault after another."""
        for fault in itertools.cycle(self.faults):
            await asyncio.sleep(self.pause_s)
            await self._quietly(fault())

    async def make_link(self) -> str:
        """Return a link that signs a browser in as the operator, once."""
        reply = await self.http.request("POST", "/operator/links", headers=self.target.operator_headers)
        return f"{self.url}{json.loads(reply.body)['path']}"

    @property
    def faults(self) -> Sequence[Callable[[], Awaitable[object]]]:
        """Return the faults in the order of their cycle."""
        return (self._refuse, self._slow_down, self._crash, self._kill_job)

    async def _refuse(self) -> None:
        """Send a webhook with a wrong token, and one that is no JSON."""
        path = "/omi-webhook?uid=stranger&token="
        await self.http.request("POST", f"{path}wrong", body=b"{}")
        await self.http.request("POST", f"{path}{self.target.token}", body=b"{not json")

    async def _slow_down(self) -> None:
        self.model.mode, self.model.delay_s = Mode.TRICKLE, _PIECE_S
        asking = asyncio.create_task(self._quietly(self._say("Hey Omi, how far is the moon?", "demo-patient")))
        try:
            await asyncio.sleep(_SLOW_S)
        finally:
            self.model.mode = Mode.NORMAL
        await asking

    async def _crash(self) -> None:
        await self._say(f"This is a {CRASH_WORD}.", "demo-unlucky")

    async def _kill_job(self) -> None:
        await self._say(f"Hey Omi, what is a {JOB_WORD}?", "demo-unanswered")

    async def _say(self, text: str, uid: str) -> None:
        start_s = self.clock.mono_s()
        words = {"text": text, "speaker": "SPEAKER_00", "is_user": True, "start": start_s, "end": start_s + 2.0}
        webhook = build_webhook(uid, [{"id": f"{uid}-{start_s}", **words}])
        path = self.target.webhook_path(webhook.path, webhook.query)
        await self.http.request("POST", path, headers=webhook.headers, body=webhook.payload())

    @staticmethod
    async def _quietly(doing: Awaitable[object]) -> None:
        """Do something of which the server may be the victim."""
        try:
            await doing
        except ConnectionFailedError:
            return


@asynccontextmanager
async def start_world(  # noqa: PLR0913 (one per part)
    folder: Path,
    clock: Clock,
    *,
    port: int = 0,
    days: Sequence[int] = (3, 1),
    wearables: int = 5,
    pause_s: float = 6.0,
    say: Callable[[str], object] = bool,
) -> AsyncIterator[World]:
    """Start everything, tell the person's past days, the oldest first, and yield the running demo.

    Raises: ServerFailedError if the server does not start, or refuses the person.
    """
    model, omi = FakeOpenAI(say=answer), FakeOmi(clock=clock)
    listening = [model.listen(), omi.listen()]
    server, target = _build(folder, clock, model, omi, port)
    try:
        async with HttpClient(target.host, target.port) as http:
            person = Person(http, target)
            for day in (*sorted(days, reverse=True), 0):
                say(f"the server of {day} days ago" if day else "the server of today")
                (folder / CLOCK_FILE).write_text(str(-day * _DAY_S))
                await server.start()
                await (person.come_back() if day < max(days) else person.begin())
                if day:
                    await person.live(day)
                    await server.stop()
            await person.remember()
            url = f"http://localhost:{target.port}"
            yield World(url, target, server, model, http, person, clock, pause_s, wearables)
    finally:
        server.kill()
        for one in listening:
            one.stop()
            await one.close_all_connections()


def _build(folder: Path, clock: Clock, model: FakeOpenAI, omi: FakeOmi, port: int) -> tuple[ServerProcess, Target]:
    extra = {**omi.settings, "OPENAI_MODEL": "demo-model", "NEXT_WEBHOOK_GRACE_MS": "1500"}
    like = Target("127.0.0.1", port, new_secret(), new_secret()) if port else None
    return build_server(folder, clock=clock, model_url=model.url, command=_COMMAND, extra=extra, like=like)


async def describe(world: World) -> str:
    """Return where to look, for a person at a terminal."""
    page = f"{world.url}/metrics-dashboard"
    return (
        f"\n  Operator   {await world.make_link()}\n             (works once: it signs this browser in; then {page})\n"
        f"  Person     {world.url}/\n             sign in as {EMAIL} with the password: {PASSWORD}\n"
        f"  Terminal   ADMIN_TOKEN={world.target.admin_token} .venv/bin/omi-actors top --port {world.target.port}\n\n"
        "Ctrl-C stops it and leaves nothing.\n"
    )
