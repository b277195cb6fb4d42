"""Two questions are the same when they differ by nothing that a listener would notice."""

import pytest

from omi_actors.domain.hearing.repetition import is_near_duplicate, normalise


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        ("what is two plus two", "What is two plus two?", True),
        ("What's up with the old bridge?", "whats up with the old bridge", True),
        ("please turn off the light in the kitchen ok", "please turn off the light in the kitchen", True),
        ("what time is it", "what time is it now", False),
        ("what is 2 plus 2", "what is 2 plus 22", False),
        ("turn the light on", "turn the light off", False),
        ("गोदान किसका है", "गोदान किसकी है", False),
        ("", "what", False),
    ],
)
def test_near_duplicates_are_told_from_other_questions(one, other, is_same):
    assert is_near_duplicate(normalise(one), normalise(other)) is is_same
    assert is_near_duplicate(normalise(other), normalise(one)) is is_same


def test_blanks_are_collapsed_after_punctuation():
    assert normalise("Hello , World!  Ok?") == "hello world ok"


def test_only_a_bounded_part_of_a_question_is_compared():
    assert len(normalise("word " * 100_000)) <= 160
