import pytest

from scripts.lab.replay.accept_log import Promise
from scripts.lab.replay.judge import Kept, KeptMessage, KeptSegment, judge, merge_promises

QUESTION = "Hey Omi, is it late, question 1?"
ASKED = KeptMessage("user", "question", "is it late, question 1?", "job1")
ANSWER = KeptMessage("assistant", "answer", "It is ten.", "job1")
FAILURE = KeptMessage("assistant", "failure", "I could not find out.", "job1")
OTHER = KeptMessage("assistant", "answer", "It is ten.", "job11")


def _judge(segments, messages, *, questions=(QUESTION,)):
    promised = merge_promises([Promise("u1", ("s1", "s2"), questions)])
    return judge(promised, {"u1": Kept([KeptSegment(*segment) for segment in segments], messages)})


def test_verdict_is_good_when_all_is_there_once():
    verdict = _judge([("s1", "one"), ("s2", "two"), ("s3", "never acknowledged")], [ASKED, ANSWER])

    assert verdict.is_kept
    assert (verdict.accepted, verdict.stored, verdict.questions_accepted, verdict.answered_once) == (2, 2, 1, 1)


@pytest.mark.parametrize(
    ("segments", "messages", "wrong"),
    [
        ([("s1", "one")], [ASKED, ANSWER], {"lost": ["u1/s2"]}),
        ([("s1", "one"), ("s2", "two"), ("s2", "two")], [ASKED, ANSWER], {"stored_twice": ["u1/s2"]}),
        ([("s1", "one"), ("s2", "two"), ("x", "two")], [ASKED, ANSWER], {"stored_twice": ["u1/s2", "u1/x"]}),
        ([("s1", "one"), ("s2", "two")], [], {"unanswered": [f"u1/{QUESTION}"]}),
        ([("s1", "one"), ("s2", "two")], [ASKED, OTHER], {"unanswered": [f"u1/{QUESTION}"]}),
        ([("s1", "one"), ("s2", "two")], [ASKED, ANSWER, FAILURE], {"answered_twice": [f"u1/{QUESTION}"]}),
    ],
)
def test_verdict_names_the_error(segments, messages, wrong):
    verdict = _judge(segments, messages)

    assert not verdict.is_kept
    assert {name: getattr(verdict, name) for name in wrong} == wrong


def test_verdict_distinguishes_question_1_from_question_11():
    asked = KeptMessage("user", "question", "is it late, question 11?", "job11")

    assert _judge([("s1", "a"), ("s2", "b")], [asked, OTHER]).unanswered == [f"u1/{QUESTION}"]


def test_question_that_became_two_jobs_is_answered_twice():
    asked_again = KeptMessage("user", "question", "is it late, question 1?", "job11")

    verdict = _judge([("s1", "a"), ("s2", "b")], [ASKED, asked_again, ANSWER, OTHER])

    assert verdict.answered_twice == [f"u1/{QUESTION}"]


def test_delivered_failure_is_an_answer_and_is_named():
    verdict = _judge([("s1", "a"), ("s2", "b")], [ASKED, FAILURE])

    assert verdict.is_kept
    assert verdict.failed == [f"u1/{QUESTION}"]
    assert verdict.wrongs() == [f"failed: u1/{QUESTION}"]


def test_promises_that_were_given_twice_count_once():
    promised = merge_promises([Promise("u1", ("s1",), (QUESTION,)), Promise("u1", ("s1", "s2"), (QUESTION,))])

    assert promised == {"u1": ({"s1", "s2"}, {QUESTION})}


def test_user_without_kept_data_has_lost_everything():
    verdict = judge(merge_promises([Promise("u1", ("s1",), ())]), {})

    assert verdict.lost == ["u1/s1"]
