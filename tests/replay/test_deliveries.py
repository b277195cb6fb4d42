import pytest

from scripts.lab.replay.accept_log import Promise
from scripts.lab.replay.deliveries import Arrival, has_open_delivery, judge_deliveries
from scripts.lab.replay.judge import Kept, KeptDelivery, KeptMessage, merge_promises

QUESTION = "Hey Omi, is it late, question 1?"
ASKED = KeptMessage("user", "question", "is it late, question 1?", "job1")
PROMISED = merge_promises([Promise("u1", ("s1",), (QUESTION,))])
KILLS = [100.0, 200.0]


def _kept(state, channel=""):
    answer = KeptMessage("assistant", "answer", "It is ten.", "job1", KeptDelivery(state, channel))
    return {"u1": Kept([], [ASKED, answer])}


def _said(at, *, webhook="another webhook", mark=""):
    return Arrival("u1", f"{mark}You asked: is it late, question 1?", webhook, at)


def _pushed(at, *, mark=""):
    return _said(at, webhook="", mark=mark)


def _judge(*arrivals, state="sent"):
    return judge_deliveries(PROMISED, _kept(state), arrivals, KILLS)


@pytest.mark.parametrize(
    ("arrival", "way"),
    [
        (_said(50.0, webhook=f'{{"text": "{QUESTION}"}}'), "own_reply"),
        (_said(50.0), "later_reply"),
        (_pushed(50.0), "notification"),
    ],
)
def test_answer_that_arrived_once_is_counted_by_its_channel(arrival, way):
    verdict = _judge(arrival)

    assert verdict.is_kept
    assert verdict.ways == {way: 1}
    assert verdict.repeated == []


@pytest.mark.parametrize("first", [_said(99.0), _pushed(99.0), _said(100.5)])
def test_repetition_is_explained_by_the_kill_before_it(first):
    verdict = _judge(first, _said(101.0, mark="Again: "))

    assert verdict.is_kept
    assert verdict.repeated == verdict.heard_twice == [f"u1/{QUESTION}"]


def test_repetition_of_an_answer_that_never_arrived_is_no_second_delivery():
    verdict = _judge(_said(101.0, mark="Again: "))

    assert verdict.is_kept
    assert (len(verdict.repeated), len(verdict.heard_twice)) == (1, 0)


def test_every_repetition_needs_a_kill_of_its_own():
    twice = (_said(102.0, mark="Again: "), _said(150.0, mark="Again: "))

    assert _judge(_said(99.0), _said(101.0, mark="Again: "), _said(201.0, mark="Again: ")).is_kept
    assert _judge(_said(99.0), *twice).marked_without_a_kill == [f"u1/{QUESTION}"]


@pytest.mark.parametrize(
    ("arrivals", "wrong"),
    [
        ([_said(99.0), _said(101.0)], {"delivered_twice"}),
        ([_said(99.0), _pushed(101.0)], {"delivered_twice"}),
        ([_said(101.0, mark="Again: "), _said(102.0)], {"delivered_twice"}),
        ([_pushed(99.0), _pushed(101.0)], {"delivered_twice", "notified_twice"}),
        ([_said(99.0), _pushed(101.0, mark="Again: ")], {"notified_twice"}),
        ([_said(50.0, mark="Again: ")], {"marked_without_a_kill"}),
        ([_said(102.0), _said(103.0, mark="Again: ")], {"marked_without_a_kill"}),
        ([], {"lost"}),
    ],
)
def test_verdict_names_the_broken_promise(arrivals, wrong):
    verdict = _judge(*arrivals)

    assert not verdict.is_kept
    names = ("lost", "delivered_twice", "notified_twice", "marked_without_a_kill")
    assert {name for name in names if getattr(verdict, name)} == wrong
    assert len(verdict.wrongs()) == len(wrong)


@pytest.mark.parametrize("state", ["kept", "unknown"])
def test_answer_that_waits_for_the_next_contact_is_not_lost(state):
    verdict = _judge(state=state)

    assert verdict.is_kept
    assert verdict.waiting == [f"u1/{QUESTION} ({state})"]


@pytest.mark.parametrize("state", ["pending", "sending"])
def test_answer_that_the_server_still_delivers_is_open(state):
    assert has_open_delivery(_kept(state))
    assert not _judge(state=state).is_kept
    assert not has_open_delivery(_kept("sent"))
    assert not has_open_delivery({"u1": Kept([], [ASKED])})


def test_another_wearers_answer_does_not_count():
    other = Arrival("u2", "You asked: is it late, question 1?", "", 50.0)

    assert _judge(other).lost == [f"u1/{QUESTION} (sent)"]


FAILED = "Sorry, that took too long."


def _judge_failed(*arrivals, state="sent", kills=KILLS, count=1):
    questions = [f"Hey Omi, is it late, question {number}?" for number in range(count)]
    messages = [
        message
        for number in range(count)
        for message in (
            KeptMessage("user", "question", f"is it late, question {number}?", f"job{number}"),
            KeptMessage("assistant", "failure", FAILED, f"job{number}", KeptDelivery(state, "")),
        )
    ]
    promised = merge_promises([Promise("u1", ("s1",), tuple(questions))])
    return judge_deliveries(promised, {"u1": Kept([], messages)}, arrivals, kills)


@pytest.mark.parametrize(("webhook", "way"), [("", "failure_by_notification"), ("another", "failure_by_reply")])
def test_failure_is_found_by_its_own_sentence(webhook, way):
    verdict = _judge_failed(Arrival("u1", FAILED, webhook, 50.0))

    assert verdict.is_kept
    assert verdict.ways == {way: 1}


def test_equal_failures_of_one_person_are_counted():
    said = [Arrival("u1", FAILED, "", at) for at in (50.0, 51.0, 52.0)]

    assert _judge_failed(*said, count=3).is_kept
    assert len(_judge_failed(*said[:2], count=3).lost) == 1
    assert len(_judge_failed(*said, count=2).delivered_twice) == 1


def test_failure_that_waits_for_the_next_contact_is_not_lost():
    verdict = _judge_failed(state="kept")

    assert verdict.is_kept
    assert len(verdict.waiting) == 1


def test_failure_repeated_without_a_kill_is_a_broken_promise():
    again = Arrival("u1", f"Again: {FAILED}", "another", 51.0)

    assert _judge_failed(again).is_kept
    assert not _judge_failed(again, kills=[]).is_kept
