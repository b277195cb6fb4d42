"""Result of a kill test: verdicts, counts, and the file that docs/reliability.md is made of.

Not here: the test (kill_test.py), the judgement (judge.py, deliveries.py, people_judge.py). Threads: any.
"""

import datetime as dt
from collections.abc import Mapping
from dataclasses import asdict, dataclass

import msgspec

from scripts.lab.bench.machine import read_commit, read_machine
from scripts.lab.replay.deliveries import DeliveryVerdict
from scripts.lab.replay.judge import Verdict
from scripts.lab.replay.people_judge import PeopleVerdict
from scripts.lab.replay.report import read_versions


@dataclass(frozen=True, slots=True, kw_only=True)
class KillReport:
    """Result of a kill test. `refused` webhooks were never acknowledged. They break no promise; expect none."""

    verdict: Verdict
    deliveries: DeliveryVerdict
    people: PeopleVerdict
    restarts: int
    longest_recovery_s: float
    refused: int
    exit_code: int
    seed: int

    @property
    def is_good(self) -> bool:
        """Return True if every promise was kept, every answer was real, and the server stopped itself after SIGTERM."""
        is_kept = self.verdict.is_kept and self.deliveries.is_kept and self.people.is_kept
        return is_kept and not self.verdict.failed and self.exit_code == 0

    def wrongs(self) -> list[str]:
        """Return all errors, each with its kind."""
        return [*self.verdict.wrongs(), *self.deliveries.wrongs(), *self.people.wrongs()]

    def figures(self) -> dict[str, object]:
        """Return the counts by name, in the order of the table."""
        verdict = self.verdict
        return {
            "accepted": verdict.accepted,
            "stored": verdict.stored,
            "lost": len(verdict.lost),
            "stored_twice": len(verdict.stored_twice),
            "questions_accepted": verdict.questions_accepted,
            "answered_once": verdict.answered_once,
            "unanswered": len(verdict.unanswered),
            "answered_twice": len(verdict.answered_twice),
            "answered_with_a_failure": len(verdict.failed),
            **self.deliveries.figures(),
            **self.people.figures(),
            "refused": self.refused,
            "restarts": self.restarts,
            "longest_recovery_s": round(self.longest_recovery_s, 3),
            "exit_code": self.exit_code,
            "seed": self.seed,
        }


def render_json(report: KillReport, figures: Mapping[str, object], *, command: str, now_s: float) -> bytes:
    """Return the figures of the table, the errors by name, and the circumstances of the test."""
    content = {
        "date": dt.datetime.fromtimestamp(now_s, dt.UTC).isoformat(timespec="seconds"),
        "commit": read_commit(),
        "command": command,
        **figures,
        "details": {
            "kept": asdict(report.verdict),
            "deliveries": asdict(report.deliveries),
            "people": asdict(report.people),
        },
        "machine": read_machine(),
        "versions": read_versions(),
    }
    return msgspec.json.format(msgspec.json.encode(content)) + b"\n"
