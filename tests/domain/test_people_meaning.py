"""The fusion of recall by words with recall by meaning."""

from omi_actors.domain.people.meaning import fuse, strip_names
from omi_actors.domain.people.recall import IndexedText
from omi_actors.domain.people.scores import Scored

TEXTS = {number: IndexedText((f"word{number}", "_w1"), follows=False) for number in range(1, 6)}


def test_a_text_in_both_rankings_comes_before_the_first_of_one() -> None:
    fused = fuse([Scored(1, 9.0), Scored(2, 8.0)], [3, 2], TEXTS)

    assert [one.number for one in fused] == [2, 3, 1]


def test_texts_that_are_gone_or_say_the_same_are_left_out() -> None:
    same = {**TEXTS, 5: IndexedText(("word4", "_w2"), follows=False)}

    assert [one.number for one in fuse([], [9, 4, 5, 1], same)] == [4, 1]


def test_names_of_speakers_are_no_part_of_the_meaning() -> None:
    assert strip_names("Where does Jürgen's plane land, Ada?", ("jurg", "ada")).split() == [
        "Where", "does", "'s", "plane", "land,", "?",
    ]  # fmt: skip
    assert strip_names("Ada", ()) == "Ada"
