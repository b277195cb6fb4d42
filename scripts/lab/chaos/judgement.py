"""Judgement of a fault: compare promises, kept data and deliveries with the allowed outcome.

Not here: collecting the evidence (act.py), the comparisons that all proofs share (replay/judge.py,
replay/deliveries.py). Threads: any; pure.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from scripts.lab.chaos.fault import Fault, Findings, Rules
from scripts.lab.chaos.traffic import Attempt
from scripts.lab.replay.deliveries import DeliveryVerdict
from scripts.lab.replay.judge import Kept, Verdict
from scripts.lab.replay.report import percentile

_OK = 200
_RETRY_LATER = 503


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Evidence of a fault.

    `dropped_aside` are drops among the fault's own webhooks; `dropped_counted` are all drops by the server's counter.

    An entry of `recoveries_s` is None if no success followed. `exit_code` is that of the last stop. `dropped_counted`
    is None when a restarted server has counted from 0. `asked_again` are calls of the model beyond one for a question.
    """

    findings: Findings
    verdict: Verdict
    deliveries: DeliveryVerdict
    kept: Mapping[str, Kept]
    attempts: Sequence[Attempt]
    given_up: int
    beats_s: Sequence[float]
    recoveries_s: Sequence[float | None]
    exit_code: int
    dropped_aside: int = 0
    dropped_counted: float | None = None
    asked_again: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """Outcome of a fault: figures by name, and errors; `is_held` is True if there are no errors."""

    name: str
    figures: Mapping[str, object]
    wrongs: Sequence[str]

    @property
    def is_held(self) -> bool:
        """Return True if the outcome is allowed."""
        return not self.wrongs


def judge_fault(fault: Fault, evidence: Evidence) -> Result:
    """Compare the outcome of a fault with its rules."""
    figures = _count(evidence)
    wrongs = [
        *evidence.findings.wrongs,
        *_judge_promises(fault.rules, evidence),
        *_judge_replies(fault.rules, evidence),
        *_judge_times(fault.rules, evidence),
    ]
    return Result(name=fault.name, figures=figures, wrongs=wrongs)


def _count(evidence: Evidence) -> dict[str, object]:
    verdict, deliveries = evidence.verdict, evidence.deliveries
    statuses = Counter((one.outcome.status, one.retries) for one in evidence.attempts)
    unknown = [name for name in deliveries.waiting if name.endswith("(unknown)")]
    return {
        "accepted": verdict.accepted,
        "completed": verdict.answered_once,
        "lost": len(verdict.lost) + len(verdict.unanswered) + len(deliveries.lost),
        "stored_twice": len(verdict.stored_twice) + len(verdict.answered_twice),
        "delivered_twice": _count_repeated(deliveries),
        "unknown": len(deliveries.repeated) + len(unknown),
        "failed_honestly": len(verdict.failed),
        "asked_again": evidence.asked_again,
        "dropped": _count_dropped(evidence.attempts) + evidence.dropped_aside,
        "omi_5xx": sum(count for (status, retries), count in statuses.items() if status > _OK and not retries),
        "retriers_503": statuses[_RETRY_LATER, True],
        "no_reply": statuses[0, False] + statuses[0, True],
        "longest_recovery_s": _longest(evidence.recoveries_s),
        "longest_answer_s": _longest([*_answer_times(evidence.kept)]),
        "livez_p99_ms": round(percentile(evidence.beats_s, 99) * 1000, 1),
        "exit_code": evidence.exit_code,
        **evidence.findings.figures,
    }


def _judge_promises(rules: Rules, evidence: Evidence) -> Iterable[str]:
    """Yield the errors that are never allowed, and those that this fault's rules do not allow."""
    verdict, deliveries = evidence.verdict, evidence.deliveries
    failed = [name for name in verdict.failed if name.partition("/")[0] not in evidence.findings.doomed]
    yield from (wrong for wrong in verdict.wrongs() if not wrong.startswith("failed: "))
    yield from deliveries.wrongs()
    if not rules.failures:
        yield from (f"answered with a failure: {name}" for name in failed)
    if not rules.marked:
        yield from (f"repeated, and nothing had cut it: {name}" for name in deliveries.repeated)
    if rules.asks_once and evidence.asked_again:
        yield f"the model was asked {evidence.asked_again} times more than once for a question"
    if not verdict.accepted:
        yield "nothing was accepted: the run shows nothing"
    if evidence.exit_code != 0:
        yield f"the server ended with {evidence.exit_code}"


def _judge_replies(rules: Rules, evidence: Evidence) -> Iterable[str]:
    """Yield the errors in replies and in the counts of drops that the rules do not allow."""
    allowed = {_OK, *([0] if rules.unreachable else [])}
    for one in evidence.attempts:
        status, dropped = one.outcome.status, one.outcome.dropped
        if status not in allowed and not (status == _RETRY_LATER and one.retries and rules.drops):
            yield f"status {status} for {'a retrier' if one.retries else 'Omi'}"
        if dropped and not rules.drops:
            yield f"dropped ({dropped}), {one.outcome.request.query['uid']}"
        if dropped and one.retries:
            yield f"dropped ({dropped}) for a retrier, who would have come again"
    if evidence.given_up:
        yield f"{evidence.given_up} webhooks of retriers were never acknowledged"
    seen = _count_dropped(evidence.attempts) + evidence.dropped_aside
    if evidence.dropped_counted is not None and evidence.dropped_counted < seen:
        yield f"{seen} webhooks were dropped, and {evidence.dropped_counted:.0f} counted"


def _judge_times(rules: Rules, evidence: Evidence) -> Iterable[str]:
    for recovery_s in evidence.recoveries_s:
        if recovery_s is None:
            yield "no success after the fault"
        elif recovery_s > rules.recovery_s:
            yield f"the first success came {recovery_s:.1f} s after the fault, not within {rules.recovery_s:.0f} s"
    answer_s = max(_answer_times(evidence.kept), default=0.0)
    if rules.answer_s is not None and answer_s > rules.answer_s:
        yield f"a question was answered after {answer_s:.1f} s, not within {rules.answer_s:.1f} s"


def _count_repeated(deliveries: DeliveryVerdict) -> int:
    return len(deliveries.delivered_twice) + len(deliveries.notified_twice) + len(deliveries.marked_without_a_kill)


def _count_dropped(attempts: Iterable[Attempt]) -> int:
    return sum(bool(one.outcome.dropped) for one in attempts)


def _longest(seconds: Sequence[float | None]) -> float:
    return round(max((one for one in seconds if one is not None), default=0.0), 2)


def _answer_times(kept: Mapping[str, Kept]) -> Iterable[float]:
    """Yield the seconds from each question to its stored answer."""
    for _, messages in kept.values():
        asked_at = {one.job_id: one.created_at for one in messages if one.role == "user"}
        for one in messages:
            began_at = asked_at.get(one.job_id)
            if one.role == "assistant" and one.created_at is not None and began_at is not None:
                yield (one.created_at - began_at).total_seconds()
