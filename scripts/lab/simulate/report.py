"""The report of a simulation, for people and for programs. Its sentences are invented, so they may be shown.

Not here: what is right (judge.py). Threads: none, pure.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import msgspec

from scripts.lab.replay.report import percentile, read_versions
from scripts.lab.simulate.judge import Course, Delivery, Verdict
from scripts.lab.simulate.kinds import Kind
from scripts.lab.simulate.plan import Options


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The result of one run. `failures` counts webhooks that were not acknowledged, by what came instead."""

    options: Options
    speed: float
    webhooks: int
    failures: dict[str, int]
    verdict: Verdict

    @property
    def is_good(self) -> bool:
        """Tell whether all is right."""
        return self.verdict.is_good and not self.failures

    def figures(self) -> dict[str, object]:
        """Return the figures by name, in the order of the printed table."""
        verdict = self.verdict
        ways = Counter(course.way_of(course.right[0]).value for course in verdict.answered_once)
        return {
            "wearables": self.options.wearables,
            "seconds": self.options.seconds,
            "speed": self.speed,
            "seed": self.options.seed,
            "webhooks": self.webhooks,
            "failures": self.failures,
            "questions": len(verdict.courses),
            "answered_once": len(verdict.answered_once),
            "missing": len(verdict.missing),
            "answered_more_than_once": len(verdict.duplicated),
            "wrong_words": len(verdict.wrong),
            "false_wakes": len(verdict.false_wakes),
            "by_way": dict(sorted(ways.items())),
            **_latencies("said_to_its_end", [one for one in verdict.answered_once if not _needs_pause(one)]),
            **_latencies("ended_by_a_pause", [one for one in verdict.answered_once if _needs_pause(one)]),
        }

    def kinds(self) -> dict[str, str]:
        """Return for every kind of question how many of all were answered once."""
        asked = Counter(course.question.kind for course in self.verdict.courses)
        right = Counter(course.question.kind for course in self.verdict.answered_once)
        return {kind.value: f"{right[kind]} of {asked[kind]}" for kind in Kind if asked[kind]}

    def wrongs(self) -> Iterator[str]:
        """Yield what is wrong, one sentence each."""
        verdict = self.verdict
        for name, courses in (
            ("no answer", verdict.missing),
            ("more than one answer", verdict.duplicated),
            ("other words answered", verdict.wrong),
        ):
            for course in courses:
                question = course.question
                said = "; ".join(map(_describe, [*course.right, *course.wrong]))
                yield f"{name}: {question.uid} ({question.kind.value}) {question.words!r} {said}".rstrip()
        for delivery in verdict.false_wakes:
            yield f"nobody asked: {delivery.uid} {_describe(delivery)}"

    def to_json(self) -> bytes:
        """Return figures, what is wrong by name, every right answer, and the versions."""
        answered = [
            {
                "uid": course.question.uid,
                "kind": course.question.kind.value,
                "words": course.question.words,
                "way": course.way_of(course.right[0]).value,
                "latency_s": round(course.latency_s, 3),
            }
            for course in self.verdict.answered_once
        ]
        lists = {"wrongs": [*self.wrongs()], "answered": answered}
        content = {**self.figures(), "kinds": self.kinds(), **lists, "versions": read_versions()}
        return msgspec.json.format(msgspec.json.encode(content)) + b"\n"


def _needs_pause(course: Course) -> bool:
    return course.question.kind in (Kind.PAUSE, Kind.PAUSE_OTHERS_TALK)


def _describe(delivery: Delivery) -> str:
    return f"[{'reply' if delivery.webhook else 'notification'}] {delivery.text!r}"


def _latencies(name: str, courses: Sequence[Course]) -> dict[str, object]:
    """Return p50, p95 and the maximum in seconds; nothing when there are no courses."""
    latencies_s = [course.latency_s for course in courses]
    if not latencies_s:
        return {}
    return {
        f"{name}_p50_s": round(percentile(latencies_s, 50), 3),
        f"{name}_p95_s": round(percentile(latencies_s, 95), 3),
        f"{name}_max_s": round(max(latencies_s), 3),
    }
