"""Report of a simulation, as text and as JSON. It may show sentences, since they are invented.

Not here: the judgement (judge.py). Threads: any; pure.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import msgspec

from scripts.lab.replay.report import percentile, read_versions
from scripts.lab.simulate.judge import Channel, Delivery, Outcome, Verdict
from scripts.lab.simulate.kinds import Kind
from scripts.lab.simulate.plan import Options


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Result of one run. `failures` counts webhooks that were not acknowledged, by their status or error."""

    options: Options
    speed: float
    webhooks: int
    failures: dict[str, int]
    verdict: Verdict

    @property
    def is_good(self) -> bool:
        """Return True if all answers are right and all webhooks were acknowledged."""
        return self.verdict.is_good and not self.failures

    def figures(self) -> dict[str, object]:
        """Return the figures by name, in the order of the table."""
        verdict, kept = self.verdict, self.kept
        in_time = [one for one in verdict.answered_once if one not in kept]
        ways = Counter(outcome.channel_of(outcome.right[0]).value for outcome in verdict.answered_once)
        return {
            "wearables": self.options.wearables,
            "seconds": self.options.seconds,
            "speed": self.speed,
            "seed": self.options.seed,
            "webhooks": self.webhooks,
            "failures": self.failures,
            "questions": len(verdict.outcomes),
            "answered_once": len(verdict.answered_once),
            "kept": len(self.kept),
            "missing": len(verdict.missing),
            "answered_more_than_once": len(verdict.duplicated),
            "wrong_words": len(verdict.wrong),
            "false_wakes": len(verdict.false_wakes),
            "by_way": dict(sorted(ways.items())),
            **_latencies("said_to_its_end", [one for one in in_time if not _needs_pause(one)]),
            **_latencies("ended_by_a_pause", [one for one in in_time if _needs_pause(one)]),
        }

    @property
    def kept(self) -> list[Outcome]:
        """Return the questions with an answer that waited for the wearer's next contact."""
        return [one for one in self.verdict.answered_once if one.channel_of(one.right[0]) is Channel.KEPT]

    def kinds(self) -> dict[str, str]:
        """Return "answered once / all" for every kind of question."""
        asked = Counter(outcome.question.kind for outcome in self.verdict.outcomes)
        right = Counter(outcome.question.kind for outcome in self.verdict.answered_once)
        return {kind.value: f"{right[kind]} of {asked[kind]}" for kind in Kind if asked[kind]}

    def wrongs(self) -> Iterator[str]:
        """Yield the errors, one sentence each."""
        verdict = self.verdict
        for name, outcomes in (
            ("no answer", verdict.missing),
            ("more than one answer", verdict.duplicated),
            ("other words answered", verdict.wrong),
        ):
            for outcome in outcomes:
                question = outcome.question
                said = "; ".join(map(_describe, [*outcome.right, *outcome.wrong]))
                yield f"{name}: {question.uid} ({question.kind.value}) {question.words!r} {said}".rstrip()
        for delivery in verdict.false_wakes:
            yield f"nobody asked: {delivery.uid} {_describe(delivery)}"

    def to_json(self) -> bytes:
        """Return the figures, errors, right answers and versions."""
        answered = [
            {
                "uid": outcome.question.uid,
                "kind": outcome.question.kind.value,
                "words": outcome.question.words,
                "way": outcome.channel_of(outcome.right[0]).value,
                "latency_s": round(outcome.latency_s, 3),
            }
            for outcome in self.verdict.answered_once
        ]
        lists = {"wrongs": [*self.wrongs()], "answered": answered}
        content = {**self.figures(), "kinds": self.kinds(), **lists, "versions": read_versions()}
        return msgspec.json.format(msgspec.json.encode(content)) + b"\n"


def _needs_pause(outcome: Outcome) -> bool:
    return outcome.question.kind in (Kind.PAUSE, Kind.PAUSE_OTHERS_TALK)


def _describe(delivery: Delivery) -> str:
    return f"[{'reply' if delivery.webhook else 'notification'}] {delivery.text!r}"


def _latencies(name: str, outcomes: Sequence[Outcome]) -> dict[str, object]:
    """Return p50, p95 and the maximum in seconds; an empty result if there are no outcomes."""
    latencies_s = [outcome.latency_s for outcome in outcomes]
    if not latencies_s:
        return {}
    return {
        f"{name}_p50_s": round(percentile(latencies_s, 50), 3),
        f"{name}_p95_s": round(percentile(latencies_s, 95), 3),
        f"{name}_max_s": round(max(latencies_s), 3),
    }
