"""Run of a simulation: start or check the server, send the plan, collect the answers, judge.

Not here: the plan (plan.py), the judgement (judge.py). Threads: one event loop.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec

from omi_actors.clock import Clock
from omi_actors.ids import new_secret
from scripts.lab.replay.fake_omi import FakeOmi
from scripts.lab.replay.http import ConnectionFailedError, HttpClient, Target
from scripts.lab.replay.sender import Outcome, Sender, Signer, build_signer
from scripts.lab.replay.server_process import ServerFailedError, build_server
from scripts.lab.simulate.judge import AskedQuestion, Delivery, Verdict, judge
from scripts.lab.simulate.plan import Options, Plan, build_plan
from scripts.lab.simulate.report import Report

_POLL_S = 0.5


class Simulation:
    """Runner of one plan against a running server that notifies `omi`.

    After sending, it waits up to `answers_within_s` for missing answers. Then it waits `settle_s` to see second
    deliveries. That is longer than the time after which an answer becomes a notification.
    """

    def __init__(  # noqa: PLR0913 (one per part)
        self,
        options: Options,
        *,
        target: Target,
        sign: Signer | None,
        omi: FakeOmi,
        clock: Clock,
        speed: float = 1.0,
        answers_within_s: float = 30.0,
        settle_s: float = 7.0,
    ) -> None:
        self._options = options
        self._plan: Plan = build_plan(options)
        self._sender = Sender(target, clock=clock, sign=sign)
        self._omi = omi
        self._clock = clock
        self._speed = speed
        self._answers_within_s = answers_within_s
        self._settle_s = settle_s

    async def run(self) -> Report:
        """Send everything, wait, and judge."""
        await self._sender.send(self._plan.webhooks, speed=self._speed)
        await self._wait_for_answers()
        await asyncio.sleep(self._settle_s)
        return Report(
            options=self._options,
            speed=self._speed,
            webhooks=len(self._plan.webhooks),
            failures=_count_failures(self._sender.outcomes),
            verdict=self._judge(),
        )

    async def _wait_for_answers(self) -> None:
        deadline_mono_s = self._clock.mono_s() + self._answers_within_s
        while self._judge().missing:
            if self._clock.mono_s() >= deadline_mono_s:
                return
            await asyncio.sleep(_POLL_S)

    def _judge(self) -> Verdict:
        outcomes = self._sender.outcomes
        due_mono_s = {one.request.body: one.replied_mono_s - one.latency_s for one in reversed(outcomes)}
        questions = [
            AskedQuestion(one.uid, one.kind, one.words, one.body, due_mono_s[one.body]) for one in self._plan.asked
        ]
        replies = [
            Delivery(one.request.query["uid"], one.message, one.request.body, one.replied_mono_s)
            for one in outcomes
            if one.message
        ]
        pushes = [Delivery(one.uid, one.text, "", one.at_mono_s) for one in self._omi.pushes]
        return judge(questions, [*replies, *pushes])


def _count_failures(outcomes: Sequence[Outcome]) -> dict[str, int]:
    failed = [outcome for outcome in outcomes if not outcome.is_acknowledged]
    return dict(Counter(f"dropped: {one.dropped}" if one.dropped else f"status {one.status}" for one in failed))


class UnfitTargetError(RuntimeError):
    """A target that cannot be judged; the message gives the reason."""


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
    """Start a server that has its data and log in `folder` and notifies `omi`. Yield its address and its signer.

    Raises: ServerFailedError if the server does not start, or does not stop cleanly.
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
    """Check that the server uses the demo model, since only this model repeats the question.

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
