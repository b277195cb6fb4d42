"""A run of the simulation: the plan sent at its pace, Omi's side of the notifications, the wait for the last answers.

Not here: what is sent (plan.py), what is right (judge.py). Threads: one event loop.
"""

import asyncio
from collections import Counter
from collections.abc import Sequence

from omi_actors.clock import Clock
from scripts.lab.replay.fake_omi import FakeOmi
from scripts.lab.replay.sender import Outcome, Sender, Signer
from scripts.lab.replay.targets import Target
from scripts.lab.simulate.judge import Delivery, Question, Verdict, judge
from scripts.lab.simulate.plan import Options, Plan, build_plan
from scripts.lab.simulate.report import Report

_POLL_S = 0.5


class Simulation:
    """Runs one plan against a server that is there and notifies `omi`.

    When all is sent it waits up to `answers_within_s` for missing answers, and then `settle_s` in any case: longer than
    an answer waits before it becomes a notification, so that a second one is seen, too.
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
        """Send everything, wait, judge."""
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
        questions = [Question(one.uid, one.kind, one.words, one.body, due_mono_s[one.body]) for one in self._plan.asked]
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
