"""Wake phrases: found where they address the wearable, and nowhere else."""

import time

import pytest

from omi_actors.domain.hearing import wake as waking
from omi_actors.domain.hearing.names import may_wake, prepare
from omi_actors.domain.hearing.patterns import compile_pattern
from omi_actors.domain.hearing.wake import ends_in_greeting, find_wakes

OMI = prepare(("omi",))


def heard(line, names=("omi",), **more):
    return [line[wake.start : wake.end] for wake in find_wakes(line, prepare(names, **more))]


@pytest.mark.parametrize(
    ("line", "names", "wake"),
    [
        ("Hey Jarvis, what is up?", ("omi", "jarvis"), "Hey Jarvis"),
        ("Computer, lights off.", ("computer",), "Computer"),
        ("hey c++ what is up", ("c++",), "hey c++"),
        ("ok my friend, what is up", ("my friend",), "ok my friend"),
    ],
)
def test_names_are_a_setting(line, names, wake):
    assert heard(line, names) == [wake]


def test_omi_is_no_name_when_another_name_is_set():
    assert heard("Hey Omi, what is up?", ("jarvis",)) == []


@pytest.mark.parametrize("line", ["Omi", "So, Omi", "I see. Omi can", "Omi is", "Omi ("])
def test_name_alone_is_open_until_two_words_follow(line):
    assert [wake.is_open for wake in find_wakes(line, OMI)] == [True]


@pytest.mark.parametrize("line", ["Omi is cool", "Omi was expensive", "Omi help is useful"])
def test_name_that_is_only_talked_about_is_no_wake_phrase(line):
    assert heard(line) == []


@pytest.mark.parametrize("line", ["Omi can you", "Omi set the", "Omi was ist", "So, Omi is it"])
def test_two_words_that_only_together_ask_or_command_make_the_name_a_wake_phrase(line):
    assert [wake.is_open for wake in find_wakes(line, OMI)] == [False]


@pytest.mark.parametrize(("fillers", "wakes"), [("so well", ["Omi"]), ("so well um", []), ("so they", [])])
def test_name_begins_a_sentence_after_at_most_two_fillers(fillers, wakes):
    assert heard(f"{fillers} Omi what is up") == wakes


@pytest.mark.parametrize(("before", "wakes"), [("she said go home", []), ("she said go home now", ["hey Omi"])])
def test_greeting_is_reported_by_one_of_the_three_words_before_it(before, wakes):
    assert heard(f"{before} hey Omi, what is up") == wakes


def test_reporting_word_at_the_beginning_of_the_line_is_read():
    assert heard("said hey Omi, what is up") == []


@pytest.mark.parametrize(
    ("line", "wakes"), [("Omi, Omi, what is up", ["Omi", "Omi"]), ("Omi, who is here with Omi, and why", ["Omi"])]
)
def test_name_after_a_wake_phrase_is_another_one_only_when_no_words_stand_between(line, wakes):
    assert heard(line) == wakes


@pytest.mark.parametrize(("line", "name"), [("嘿奥米克戎是什么", "omi"), ("嘿小奥米克戎是什么", "小奥米")])
def test_chinese_name_that_goes_on_as_another_word_is_no_wake_phrase(line, name):
    assert heard(line, (name,)) == []


@pytest.mark.parametrize("line", ["Hey,", "ok.", "We will see. Oye", "Так, привет,", "嘿，", "हे", "يا"])
def test_greeting_at_the_end_may_be_half_a_wake_phrase(line):
    assert ends_in_greeting(line)


def test_wakes_of_one_line_are_bounded():
    assert len(find_wakes("hey omi " * 10_000, OMI)) == 64


def test_names_that_were_prepared_at_start_are_found_without_compiling_anything(monkeypatch):
    names = prepare(("Zorro", "Bella"))
    monkeypatch.setattr(waking, "re", None)

    assert may_wake("hey Zorro, how far is the moon?", names)
    assert find_wakes("hey Zorro, how far is the moon?", names)


def test_longest_of_two_names_that_begin_alike_is_the_wake_phrase():
    assert heard("Hey Max Power, what is up", ("Max", "Max Power")) == ["Hey Max Power"]
    assert heard("嘿小明明今天几点", ("小明", "小明明")) == ["嘿小明明"]


@pytest.mark.parametrize("line", ["we went home", "Hey you, what is up?", "我们回家了"])
def test_line_without_a_name_cannot_wake(line):
    assert not may_wake(line, prepare(("omi", "小明")))


@pytest.mark.parametrize(("line", "wakes"), [("她说嘿小明今天几点", []), ("今天嘿小明今天几点", ["嘿小明"])])
def test_chinese_word_for_said_before_a_greeting_reports_it(line, wakes):
    assert heard(line, ("小明",)) == wakes


@pytest.mark.parametrize(
    ("before", "wakes"),
    [("he was like", []), ("like", []), ("they like him", ["hey Omi"]), ("then", ["hey Omi"]), ("she is saying", [])],
)
def test_like_reports_only_as_the_last_word_before_a_greeting(before, wakes):
    assert heard(f"{before} hey Omi, what is up") == wakes


# 48 characters and 8 words are the most.
@pytest.mark.parametrize(
    ("question", "is_one"),
    [
        ("what is the name of this extraordinary mountains", True),
        ("what is the name of these extraordinary mountains", False),
        ("what is it that we can do now", True),
        ("what is it that we can all do now", False),
    ],
)
def test_question_before_the_name_is_short(question, is_one):
    wakes = [wake.words_end for wake in find_wakes(f"{question}, Omi?", OMI)]

    assert wakes == ([len(question)] if is_one else [])


# By sensitivity, from -2 to 2: does it wake?
LEVELS = [
    ("Hey Omi, what time is it", "11111"),
    ("and then hey Omi what time is it", "01111"),
    ("Omi, what time is it", "00111"),
    ("I wonder Omi what time is it", "00011"),
    ("Omie, what time is it", "00011"),
    ("so the omi of it", "00001"),
    ("the omissions of Naomi", "00000"),
]


@pytest.mark.parametrize(("line", "levels"), LEVELS)
def test_sensitivity_has_five_levels_and_each_wakes_at_least_as_often(line, levels):
    assert "".join(str(int(bool(heard(line, sensitivity=level)))) for level in range(-2, 3)) == levels


def test_pattern_stands_in_place_of_names_and_empty_places_of_it_do_not_wake():
    assert heard("so Hey COMPUTER do x", pattern="hey comp(uter)?") == ["Hey COMPUTER"]
    assert heard("Hey Omi, what is up", pattern="hey comp(uter)?") == []
    assert heard("größer hey you", pattern="x*you") == ["you"]
    assert heard("we go", pattern=r"\b") == []


@pytest.mark.parametrize(
    "pattern", ["hey (comp", "(?=a)b", r"(a)\1", "(a{1000}){1000}", ".{0,1000}x", "", ".*", ".", "a|", "^", "x*"]
)
def test_pattern_that_is_none_or_is_found_everywhere_is_refused(pattern):
    with pytest.raises(ValueError, match=r"\w"):
        compile_pattern(pattern)


def test_pattern_that_needs_ages_elsewhere_is_searched_at_once():
    line, pattern = "a" * 4_000, compile_pattern("(a|aa)+$|(a*)*b|(.*)*c")

    began_s = time.process_time()
    pattern.search(line)

    assert time.process_time() - began_s < 1.0
