"""Talk after an answer is left alone, and follow-ups are heard, among the turns of four languages."""

from pathlib import Path

import pytest

from scripts.lab.hearing.talk import MOST_FALSE, MOST_MISSED, Rates, load_turns, rate, render_talk

TURNS = load_turns(Path(__file__).parent / "talk")


def test_there_are_500_turns_of_four_languages_and_half_of_them_held_out():
    talk = [turn for turn in TURNS if not turn.is_followup]

    assert len(talk) >= 500
    assert len({turn.text for turn in talk}) == len(talk)
    assert len({turn.language for turn in talk}) == 4
    assert 0.4 <= sum(turn.is_held_out for turn in TURNS) / len(TURNS) <= 0.6


@pytest.mark.parametrize("is_held_out", [False, True])
def test_words_alone_leave_talk_alone_and_miss_few_followups(is_held_out):
    rates = rate(turn for turn in TURNS if turn.is_held_out is is_held_out)

    assert rates.false / rates.talk <= MOST_FALSE
    assert rates.missed / rates.followups <= MOST_MISSED
    assert rates.judged_false < rates.false


@pytest.mark.parametrize(("false", "missed", "is_good"), [(10, 1, True), (11, 1, False), (10, 2, False)])
def test_rates_are_good_within_their_limits(false, missed, is_good):
    assert Rates(100, 20, false, missed, 0, 0).is_good is is_good


def test_report_of_talk_has_both_parts_and_the_judge():
    lines = list(render_talk(TURNS[:80]))

    assert [line.split("  ")[0] for line in lines if line.startswith("talk")] == ["talk, tuned", "talk, held out"]
    assert "judged: missed" in lines[0]
