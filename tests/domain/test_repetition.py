"""Repetition: spoken questions and typed messages that count as the same, and the cost of comparing them."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omi_actors.domain.hearing.repetition import (
    _distance,
    is_near_duplicate,
    is_repetition,
    normalise,
    normalise_message,
)

CASES = [
    ("what is two plus two", "What is two plus two?", True),
    ("how far is the moon", "how far is the mon", True),
    ("Hello , World!  Ok?", "hello world ok", True),
    ("what time is it", "what time is it now", False),
    ("how far is the moon", "how far is the sun", False),
    ("what is 2 plus 2", "what is 2 plus 3", False),
    ("yes", "no", False),
    ("???", "???", False),
    ("", "", False),
]


@pytest.mark.parametrize(("one", "other", "is_same"), CASES)
def test_message_is_the_same_but_for_typing(one, other, is_same):
    assert is_repetition(normalise_message(one), normalise_message(other)) is is_same
    assert is_repetition(normalise_message(other), normalise_message(one)) is is_same


def test_normalised_message_has_one_blank_between_its_words():
    assert normalise_message("Hello , World!  Ok?") == "hello world ok"


def _plain_distance(one, other):
    row = list(range(len(other) + 1))
    for number, letter in enumerate(one, 1):
        next_row = [number]
        for place, against in enumerate(other, 1):
            next_row.append(min(row[place] + 1, next_row[-1] + 1, row[place - 1] + (letter != against)))
        row = next_row
    return row[-1]


@given(st.text("abcé ", max_size=80), st.text("abcé ", max_size=80))
def test_distance_is_levenshteins(one, other):
    assert _distance(one, other) == _plain_distance(one, other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("a b " * 6_250, "b a " * 6_250),
        ("x" * 25_000, "x" * 12_500 + "y" + "x" * 12_499),
        ("x" * 12_000 + "ab" * 450 + "x" * 12_000, "x" * 12_000 + "ba" * 450 + "x" * 12_000),
        ("ab" * 250, "ba" * 250),
    ],
)
def test_long_messages_cost_milliseconds(one, other):
    began = time.process_time()

    for _ in range(10):
        is_repetition(one, other)

    assert (time.process_time() - began) / 10 < 0.02


def test_long_messages_that_differ_in_one_place_are_the_same():
    assert is_repetition("word " * 5_000 + "end", "word " * 4_000 + "wort " + "word " * 999 + "end")


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
def test_near_duplicate_differs_only_by_short_words_at_an_end(one, other, is_same):
    assert is_near_duplicate(normalise(one), normalise(other)) is is_same
    assert is_near_duplicate(normalise(other), normalise(one)) is is_same


def test_blanks_are_collapsed_after_punctuation():
    assert normalise("Hello , World!  Ok?") == "hello world ok"


def test_only_a_bounded_part_of_a_question_is_compared():
    assert len(normalise("word " * 100_000)) <= 160
