"""Run of a simulation: start or check the server, send the plan, collect the answers, judge.

Not here: the plan (plan.py), the judgement (judge.py). Threads: one event loop.
"""

import asyncio
import itertools
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec

from omi_actors.clock import Clock
from omi_actors.ids import new_secret
from scripts.lab.replay.fake_omi import FakeOmi
from scripts.lab.replay.http import ConnectionFailedError, HttpClient, Target
from scripts.lab.replay.recording import build_webhook
from scripts.lab.replay.sender import Outcome, Sender, Signer, build_signer
from scripts.lab.replay.server_process import ServerFailedError, build_server
from scripts.lab.simulate.judge import AskedQuestion, Delivery, Verdict, judge
from scripts.lab.simulate.plan import Options, Plan, build_plan
from scripts.lab.simulate.report import Report

_POLL_S = 0.5
# What a wearer says to get kept answers; no question in any language.
_CONTACT = "Well, that was it."


class Simulation:
    """Runner of one plan against a running server that notifies `omi`, or with `notifies` False does not notify.

    After sending, it waits up to `answers_within_s` for missing answers. Then it waits `settle_s` to see second
    deliveries. That is longer than the time after which an answer becomes a notification. Without notifications such an
    answer is kept for the wearer's next contact; then the simulation makes that contact. `say` gets lines of progress,
    one every `say_every_s`.
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
        notifies: bool = True,
        say: Callable[[str], object] = bool,
        say_every_s: float = 5.0,
    ) -> None:
        self._options = options
        self._plan: Plan = build_plan(options)
        self._sender = Sender(target, clock=clock, sign=sign)
        self._omi = omi
        self._clock = clock
        self._speed = speed
        self._answers_within_s = answers_within_s
        self._settle_s = settle_s
        self._notifies = notifies
        self._say = say
        self._say_every_s = say_every_s
        # Bodies of the webhooks that fetch kept answers.
        self._contacts: set[str] = set()

    async def run(self) -> Report:
        """Send everything, wait, and judge."""
        saying = asyncio.create_task(self._say_progress())
        await self._sender.send(self._plan.webhooks, speed=self._speed)
        saying.cancel()
        if self._notifies:
            await self._wait_for_answers()
        self._say(f"all is sent; watching for {self._settle_s:.0f} s whether an answer comes twice")
        await asyncio.sleep(self._settle_s)
        if not self._notifies:
            await self._fetch_kept()
        return Report(
            options=self._options,
            speed=self._speed,
            webhooks=len(self._plan.webhooks) + len(self._contacts),
            failures=_count_failures(self._sender.outcomes),
            verdict=self._judge(),
        )

    async def _say_progress(self) -> None:
        begin_mono_s, lasts_s = self._clock.mono_s(), self._plan.webhooks[-1].at_s / self._speed
        while True:
            await asyncio.sleep(self._say_every_s)
            passed_s, outcomes = self._clock.mono_s() - begin_mono_s, self._sender.outcomes
            answers = sum(bool(one.message) for one in outcomes) + len(self._omi.pushes)
            self._say(f"{passed_s:.0f} of {lasts_s:.0f} s: webhooks answered {len(outcomes)}, answers {answers}")

    async def _fetch_kept(self) -> None:
        """Speak once more for each wearer with a missing answer, until no reply brings one: each brings one answer."""
        for number in itertools.count(1):
            uids = sorted({one.question.uid for one in self._judge().missing})
            start_s = self._plan.webhooks[-1].at_s + 10.0 * number
            words = {"text": _CONTACT, "speaker": "SPEAKER_00", "is_user": True, "start": start_s, "end": start_s + 1.0}
            webhooks = [build_webhook(uid, [{"id": f"contact-{number}", **words}]) for uid in uids]
            self._contacts.update(webhook.body for webhook in webhooks)
            known = len(self._sender.outcomes)
            await self._sender.send(webhooks)
            if not any(outcome.message for outcome in self._sender.outcomes[known:]):
                return

    async def _wait_for_answers(self) -> None:
        deadline_mono_s = self._clock.mono_s() + self._answers_within_s
        while missing := len(self._judge().missing):
            self._say(f"waiting for missing answers: {missing}")
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
            Delivery(
                one.request.query["uid"],
                one.message,
                one.request.body,
                one.replied_mono_s,
                was_kept=one.request.body in self._contacts,
            )
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


class _Features(msgspec.Struct):
    notifications: str = "off"


class _Checks(msgspec.Struct):
    model: _Model = msgspec.field(default_factory=_Model)


class _Health(msgspec.Struct):
    checks: _Checks = msgspec.field(default_factory=_Checks)
    features: _Features = msgspec.field(default_factory=_Features)


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


async def check_target(target: Target) -> bool:
    """Check that the server uses the demo model, since only this model repeats the question.

    Return True if it sends notifications.

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
    return health.features.notifications == "on"
