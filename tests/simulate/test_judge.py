import pytest

from scripts.lab.simulate.judge import AskedQuestion, Channel, Delivery, judge
from scripts.lab.simulate.kinds import Kind
from scripts.lab.simulate.plan import Options
from scripts.lab.simulate.report import Report

MOON = AskedQuestion("u1", Kind.PLAIN, "how far is the moon", "w1", 10.0)
EGG = AskedQuestion("u1", Kind.PAUSE, "how long do I boil an egg", "w2", 20.0)


def _answer(words, *, uid="u1", webhook="w1", at=10.1, mark=""):
    return Delivery(uid, f"{mark}[demo] You asked: {words} Set OPENAI_API_KEY to connect a real model.", webhook, at)


RIGHT = _answer("How far is the Moon?")
LATE = _answer("how long do i boil an egg.", webhook="", at=27.0)


def test_verdict_is_good_when_every_question_has_its_one_answer():
    verdict = judge([MOON, EGG], [RIGHT, LATE])

    assert verdict.is_good
    assert [outcome.latency_s for outcome in verdict.outcomes] == pytest.approx([0.1, 7.0])
    assert [outcome.channel_of(outcome.right[0]) for outcome in verdict.outcomes] == [
        Channel.OWN_REPLY,
        Channel.NOTIFICATION,
    ]


def test_answer_in_another_webhooks_reply_came_later():
    verdict = judge([MOON], [_answer("how far is the moon", webhook="w9")])

    assert verdict.outcomes[0].channel_of(verdict.outcomes[0].right[0]) is Channel.LATER_REPLY


@pytest.mark.parametrize(
    ("deliveries", "wrong"),
    [
        ([LATE], "missing"),
        ([RIGHT, LATE, RIGHT], "duplicated"),
        ([RIGHT, LATE, _answer("how far is the moon", webhook="", at=16.0)], "duplicated"),
        ([_answer("how far is the moon", mark="Again: "), LATE], "duplicated"),
        ([RIGHT, LATE, _answer("how far is")], "duplicated"),
        ([_answer("how far"), LATE], "wrong"),
        ([_answer("how far is the moon. Pass me the salt, please."), LATE], "wrong"),
    ],
)
def test_verdict_names_the_error_of_a_question(deliveries, wrong):
    verdict = judge([MOON, EGG], deliveries)

    assert not verdict.is_good
    assert verdict.false_wakes == []
    named = {name: [one.question for one in getattr(verdict, name)] for name in ("missing", "duplicated", "wrong")}
    assert named == {"missing": [], "duplicated": [], "wrong": []} | {wrong: [MOON]}


@pytest.mark.parametrize(
    "delivery",
    [
        _answer("is cool"),
        _answer("how far is the moon", uid="u2"),
        Delivery("u1", "I could not find out.", "w1", 10.2),
    ],
)
def test_answer_without_a_question_is_a_false_wake(delivery):
    verdict = judge([MOON, EGG], [RIGHT, LATE, delivery])

    assert verdict.false_wakes == [delivery]
    assert not verdict.is_good


def test_question_that_is_asked_again_later_has_its_own_answer():
    again = AskedQuestion("u1", Kind.SPLIT, "how far is the moon", "w7", 90.0)

    verdict = judge([MOON, again], [RIGHT, _answer("how far is the moon", webhook="w7", at=90.2)])

    assert verdict.is_good
    assert [outcome.latency_s for outcome in verdict.outcomes] == pytest.approx([0.1, 0.2])


def test_half_a_question_belongs_to_the_one_that_was_cut():
    cut = AskedQuestion("u1", Kind.GROWING, "how long do I boil an egg", "w2", 12.0)

    verdict = judge([MOON, cut], [RIGHT, _answer("how", webhook="w9", at=11.5)])

    assert [outcome.question for outcome in verdict.wrong] == [cut]
    assert (verdict.missing, verdict.duplicated) == ([], [])


def test_report_counts_channels_and_kinds_and_names_errors():
    verdict = judge([MOON, EGG], [RIGHT, _answer("is cool", at=12.0)])
    report = Report(options=Options(seed=1), speed=1.0, webhooks=9, failures={}, verdict=verdict)

    figures = report.figures()
    assert not report.is_good
    assert (figures["questions"], figures["answered_once"], figures["missing"], figures["false_wakes"]) == (2, 1, 1, 1)
    assert figures["by_way"] == {"own_reply": 1}
    assert figures["said_to_its_end_p50_s"] == 0.1
    assert report.kinds() == {"plain": "1 of 1", "pause": "0 of 1"}
    assert [line.partition(":")[0] for line in report.wrongs()] == ["no answer", "nobody asked"]
    assert b'"wrongs"' in report.to_json()


def test_report_is_bad_when_a_webhook_was_not_acknowledged():
    verdict = judge([MOON], [RIGHT])

    assert Report(options=Options(seed=1), speed=1.0, webhooks=9, failures={}, verdict=verdict).is_good
    assert not Report(options=Options(seed=1), speed=1.0, webhooks=9, failures={"status 0": 1}, verdict=verdict).is_good
