from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from scripts.lab.chaos.fault import Fault, Findings, Rules
from scripts.lab.chaos.judgement import Evidence, judge_fault
from scripts.lab.chaos.traffic import Attempt
from scripts.lab.replay.deliveries import DeliveryVerdict
from scripts.lab.replay.judge import Kept, KeptMessage, Verdict
from scripts.lab.replay.recording import RecordedRequest
from scripts.lab.replay.sender import Outcome

REQUEST = RecordedRequest(at_s=0.0, path="/omi-webhook", query={"uid": "u1"})
ASKED_AT = datetime(2026, 9, 21, tzinfo=UTC)


async def _inject(_stage):
    return Findings()


def _fault(**rules):
    return Fault(name="f", what="", promise="", allowed="", inject=_inject, rules=Rules(**rules))


def _attempt(status=200, dropped="", *, retries=False):
    return Attempt(Outcome(REQUEST, status, dropped, 0.01, ""), retries)


def _evidence(*attempts, **changes):
    evidence = Evidence(
        findings=Findings(),
        verdict=Verdict(accepted=10, stored=10, questions_accepted=2, answered_once=2),
        deliveries=DeliveryVerdict(),
        kept={},
        attempts=attempts or [_attempt()],
        given_up=0,
        beats_s=[0.001],
        recoveries_s=[0.5],
        exit_code=0,
    )
    return replace(evidence, **changes)


def _kept(answer_s):
    said_at = ASKED_AT + timedelta(seconds=answer_s)
    asked = KeptMessage("user", "question", "q", "job1", created_at=ASKED_AT)
    return {"u1": Kept([], [asked, KeptMessage("assistant", "answer", "a", "job1", created_at=said_at)])}


def test_fault_without_consequence_is_held():
    result = judge_fault(_fault(), _evidence())

    assert result.is_held
    assert (result.figures["accepted"], result.figures["completed"], result.figures["lost"]) == (10, 2, 0)


@pytest.mark.parametrize(
    "changes",
    [
        {"verdict": Verdict(accepted=10, lost=["u1/s1"])},
        {"verdict": Verdict(accepted=10, stored_twice=["u1/s1"])},
        {"verdict": Verdict(accepted=10, unanswered=["u1/q"])},
        {"verdict": Verdict(accepted=10, answered_twice=["u1/q"])},
        {"verdict": Verdict()},
        {"deliveries": DeliveryVerdict(lost=["u1/q (sent)"])},
        {"deliveries": DeliveryVerdict(delivered_twice=["u1/q"])},
        {"deliveries": DeliveryVerdict(notified_twice=["u1/q"])},
        {"deliveries": DeliveryVerdict(marked_without_a_kill=["u1/q"])},
        {"attempts": [_attempt(500)]},
        {"attempts": [_attempt(503)]},
        {"attempts": [_attempt(500, retries=True)]},
        {"attempts": [_attempt(dropped="store_unavailable", retries=True)]},
        {"attempts": [_attempt(dropped="store_unavailable")], "dropped_counted": 0.0},
        {"given_up": 1},
        {"recoveries_s": [5.1]},
        {"recoveries_s": [None]},
        {"exit_code": 70},
        {"kept": _kept(4.0)},
        {"findings": Findings(wrongs=["the process ended"])},
    ],
)
def test_broken_promise_is_never_allowed(changes):
    lenient = _fault(unreachable=True, drops=True, failures=True, marked=True, answer_s=3.0)

    assert not judge_fault(lenient, _evidence(**changes)).is_held


@pytest.mark.parametrize(
    ("rule", "changes"),
    [
        ("unreachable", {"attempts": [_attempt(0)]}),
        ("drops", {"attempts": [_attempt(dropped="store_unavailable")], "dropped_counted": 1.0}),
        ("drops", {"attempts": [_attempt(503, retries=True)]}),
        ("failures", {"verdict": Verdict(accepted=10, failed=["u1/q"])}),
        ("marked", {"deliveries": DeliveryVerdict(repeated=["u1/q"])}),
    ],
)
def test_outcome_is_an_error_without_the_rule_that_allows_it(rule, changes):
    assert judge_fault(_fault(**{rule: True}), _evidence(**changes)).is_held
    assert not judge_fault(_fault(), _evidence(**changes)).is_held


def test_failure_of_a_doomed_question_is_expected():
    evidence = _evidence(
        findings=Findings(doomed={"u1"}), verdict=Verdict(accepted=10, failed=["u1/what does it taste like?"])
    )

    assert judge_fault(_fault(), evidence).is_held


def test_drops_are_compared_with_the_servers_counter():
    attempts = [_attempt(), _attempt(dropped="mailbox_full")]

    assert judge_fault(_fault(drops=True), _evidence(*attempts, dropped_aside=2, dropped_counted=3.0)).is_held
    assert not judge_fault(_fault(drops=True), _evidence(*attempts, dropped_aside=2, dropped_counted=2.0)).is_held


def test_figures_have_the_time_of_the_longest_answer():
    result = judge_fault(_fault(answer_s=5.0), _evidence(kept=_kept(4.0)))

    assert result.is_held
    assert result.figures["longest_answer_s"] == 4.0
