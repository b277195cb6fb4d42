"""The short form of scripts/recall: it finds enough of what invented persons ask for, and more than plain search."""

from collections import Counter

import pytest

from scripts.lab.recall.__main__ import measure, render, share
from scripts.lab.recall.world import LANGUAGES, build_person


@pytest.mark.parametrize("database", ["sqlite", pytest.param("postgres", marks=pytest.mark.service)])
def test_held_out_questions_find_their_texts(database: str) -> None:
    ours, plain = measure(database, texts=600, persons=1).values()

    held_out, plain_held_out = ([one for one in found if one.asked.is_held_out] for found in (ours, plain))
    assert len(ours) >= 300
    assert {one.asked.language for one in held_out} == {*LANGUAGES}
    assert share(held_out, 5) >= 0.70
    assert share(held_out, 10) >= 0.79
    assert share(held_out, 5) >= share(plain_held_out, 5) + 0.2
    assert "held out" in "\n".join(render("recall", ours))


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_world_is_the_same_each_time_and_its_questions_name_their_facts(language: str) -> None:
    person = build_person(language, texts=100, seed=1)

    assert person == build_person(language, texts=100, seed=1)
    assert person != build_person(language, texts=100, seed=2)
    assert "{" not in "".join([one.text for one in person.said] + [one.text for one in person.asked])
    halves = Counter(one.is_held_out for one in person.asked)
    assert min(halves.values()) >= 60
    assert len({one.text for one in person.asked}) > len(person.asked) * 0.9
    times = [one.at for one in person.said]
    assert times == sorted(times)
