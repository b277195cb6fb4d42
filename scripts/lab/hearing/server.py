"""Time to answer of a real server: play the cases to it at real pace, each as a person of its own who can be notified.

The server has the demo model, which answers at once and repeats the question. Not here: the cases (play.py), the
assignment of answers to questions (scripts/lab/simulate/judge.py). Threads: one event loop.
"""

import asyncio
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from omi_actors.clock import SystemClock
from omi_actors.domain.hearing.state import EndedBy
from scripts.lab.hearing.play import CASES, Case, Webhook, load_cases, play
from scripts.lab.hearing.score import REQUIRED_P50_S, REQUIRED_P95_S, quantile
from scripts.lab.replay.fake_omi import FakeOmi
from scripts.lab.replay.recording import RecordedRequest, build_webhook
from scripts.lab.replay.sender import Sender
from scripts.lab.simulate.judge import AskedQuestion, Channel, Delivery, Verdict, judge
from scripts.lab.simulate.kinds import Kind
from scripts.lab.simulate.run import start_own

# Longer cases test limits, not answers.
_LONGEST_S = 30.0
# Cases begin this far apart, so that the times are those of one question and not of the load.
_APART_S = 0.05
# Seconds after the last webhook in which every answer, and every second answer, has come.
_SETTLE_S = 12.0
# The same for a few cases, which only show that the measurement runs: an answer after the longest pause has come.
_SETTLE_FEW_S = 3.0


@dataclass(frozen=True, slots=True)
class Answered:
    """One question that was answered: the sign that ended it, the channel of its answer, seconds since its words."""

    ended_by: str
    channel: str
    seconds: float


@dataclass(frozen=True, slots=True)
class ServerReport:
    """Report on one run: its answers; questions without an answer or with two; answers to other words."""

    answered: Sequence[Answered]
    missing: int
    twice: int
    false_wakes: int
    notified: int

    @property
    def is_soon(self) -> bool:
        """Return True if the answers came once and soon enough."""
        is_soon = self._quantile(0.5, EndedBy.WORDS) <= REQUIRED_P50_S and self._quantile(0.95) <= REQUIRED_P95_S
        return is_soon and not self.twice

    @property
    def figures(self) -> dict[str, object]:
        """Return the report as named figures."""
        by_sign = {f"{sign}_p50_s": round(self._quantile(0.5, sign), 3) for sign in (EndedBy.WORDS, EndedBy.PAUSE)}
        return {
            **by_sign,
            "p50_s": round(self._quantile(0.5), 3),
            "p95_s": round(self._quantile(0.95), 3),
            "longest_s": round(self._quantile(1.0), 3),
            "questions": len(self.answered),
            "notified": self.notified,
            "missing": self.missing,
            "twice": self.twice,
            "false": self.false_wakes,
        }

    def render(self) -> Iterator[str]:
        """Return the report's lines."""
        yield f"answered {len(self.answered)}, missing {self.missing}, twice {self.twice}, false {self.false_wakes}"
        yield f"notifications {self.notified}, each of a person with budget in hand"
        yield f"{'time to answer (s)':22}{'count':>7}{'p50':>14}{'p95':>14}{'longest':>14}"
        for name in ("", *EndedBy, *Channel):
            count = len(self._times(name))
            if count:
                figures = "".join(f"{self._quantile(share, name):14.3f}" for share in (0.5, 0.95, 1.0))
                yield f"  {name or 'all':20}{count:7}{figures}"

    def _times(self, name: str) -> list[float]:
        return sorted(one.seconds for one in self.answered if name in ("", one.ended_by, one.channel))

    def _quantile(self, share: float, name: str = "") -> float:
        return quantile(self._times(name), share)


async def measure_time_to_answer(count: int | None) -> dict[str, object]:
    """Return the figures of the bench's row: of all cases, or of the first `count` that fit."""
    return (await ask_server(load_cases(CASES), count)).figures


async def ask_server(cases: Sequence[Case], count: int | None = None) -> ServerReport:
    """Start a server, play the cases (the first `count`), and report. It takes about as long as the cases do."""
    clock = SystemClock()
    omi = FakeOmi(clock=clock)
    listening = omi.listen()
    plan = _Plan([case for case in cases if case.mode == "TRIGGER" and _lasts_s(case) < _LONGEST_S][:count])
    try:
        with tempfile.TemporaryDirectory(prefix="hearing-") as folder:
            async with start_own(Path(folder), omi, clock) as (target, sign):
                sender = Sender(target, clock=clock, sign=sign)
                await sender.send(plan.requests)
                await asyncio.sleep(_SETTLE_S if count is None else _SETTLE_FEW_S)
    finally:
        listening.stop()
        await listening.close_all_connections()
    return plan.judge(sender, omi)


def _lasts_s(case: Case) -> float:
    times = _received(case)
    return times[-1] - times[0]


def _received(case: Case) -> list[float]:
    return [webhook.received_at_s for webhook in case.webhooks if webhook.received_at_s is not None]


class _Plan:
    """Webhooks of all cases in the order of time, and the questions that must be answered."""

    def __init__(self, cases: Sequence[Case]) -> None:
        self._expected: dict[str, list[tuple[str, str]]] = {}
        self._ended_by: dict[tuple[str, str], str] = {}
        requests = [request for number, case in enumerate(cases) for request in self._add(case, number * _APART_S)]
        self.requests = sorted(requests, key=lambda request: request.at_s)

    def _add(self, case: Case, begins_s: float) -> list[RecordedRequest]:
        first_s = _received(case)[0]
        sent = {
            webhook.received_at_s: _build(case.id, webhook, begins_s + webhook.received_at_s - first_s)
            for webhook in case.webhooks
            if webhook.received_at_s is not None
        }
        for taken in play(case):
            self._expected.setdefault(case.id, []).append((taken.text, sent[taken.asked_at_s].body))
            self._ended_by[case.id, taken.text] = taken.ended_by
        return list(sent.values())

    def judge(self, sender: Sender, omi: FakeOmi) -> ServerReport:
        sent_mono_s = {one.request.body: one.replied_mono_s - one.latency_s for one in reversed(sender.outcomes)}
        questions = [
            AskedQuestion(uid, Kind.PLAIN, text, body, sent_mono_s[body])
            for uid, asked in self._expected.items()
            for text, body in asked
        ]
        replies = [
            Delivery(one.request.query["uid"], one.message, one.request.body, one.replied_mono_s)
            for one in sender.outcomes
            if one.message
        ]
        pushes = [Delivery(one.uid, one.text, "", one.at_mono_s) for one in omi.pushes]
        return self._report(judge(questions, [*replies, *pushes]), len(pushes))

    def _report(self, verdict: Verdict, notified: int) -> ServerReport:
        answered = []
        for outcome in verdict.outcomes:
            if outcome.right:
                question, first = outcome.question, outcome.right[0]
                is_own = first.webhook == question.webhook
                channel = (
                    Channel.OWN_REPLY if is_own else Channel.LATER_REPLY if first.webhook else Channel.NOTIFICATION
                )
                sign = self._ended_by[question.uid, question.words]
                answered.append(Answered(sign, channel, first.at_mono_s - question.asked_mono_s))
        return ServerReport(
            answered,
            missing=sum(not outcome.right for outcome in verdict.outcomes),
            twice=sum(len(outcome.right) > 1 for outcome in verdict.outcomes),
            false_wakes=len(verdict.false_wakes) + sum(len(outcome.wrong) for outcome in verdict.outcomes),
            notified=notified,
        )


def _build(uid: str, webhook: Webhook, at_s: float) -> RecordedRequest:
    segments = [
        {
            "id": one.segment_id,
            "text": one.text,
            "speaker": f"SPEAKER_0{ord(one.speaker[-1]) % 10}",
            "is_user": one.speaker == "A",
            "start": one.start_s,
            "end": one.end_s,
        }
        for one in webhook.segments
    ]
    return build_webhook(uid, segments, at_s=at_s)
