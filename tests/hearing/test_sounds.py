"""Sounds of the name: spellings of speech-to-text that wake, and words alike that do not."""

import re

import pytest

from omi_actors.domain.hearing.names import may_wake, prepare, spell
from omi_actors.domain.hearing.wake import find_wakes
from scripts.lab.hearing.sounds import RENDERINGS, count, load_renderings

OMI = prepare(("omi",))
RENDERED = load_renderings(RENDERINGS)


def heard(line, names=("omi",), **more):
    return [(line[wake.start : wake.end], wake.is_open) for wake in find_wakes(line, prepare(names, **more))]


def wakes(line, names=("omi",)):
    return any(not is_open for _, is_open in heard(line, names))


@pytest.mark.parametrize("is_held_out", [False, True])
def test_four_of_five_renderings_with_a_trace_of_the_name_wake_and_none_of_words_alike(is_held_out):
    counted = count(row for row in RENDERED if row.is_held_out is is_held_out)

    assert counted.traced >= 50
    assert counted.woken >= 0.8 * counted.traced
    assert (counted.others >= 90, counted.others_woken) == (True, 0)


@pytest.mark.parametrize(
    ("name", "spelled", "other"),
    [
        ("omi", "homi ohmie owmy ommee aumey omei", "oma om mi omis tomi ome umi"),
        ("Nova", "nova nohva nowva", "nofa novas ova"),
        ("Sunny", "sunny suny sunni sunee", "sun sunn sonny"),
        ("Hugo", "hugo ugo huggo", "hug higo"),
        ("Sky", "sky", "ski skie"),
        ("Jarvis", "jarvis", "jarvi jervis"),
        ("Otto", "otto oto hotto ohto", "ottu tto"),
    ],
)
def test_name_has_the_spellings_of_its_sound(name, spelled, other):
    pattern = spell(name)

    assert [word for word in spelled.split() if not re.fullmatch(pattern, word)] == []
    assert [word for word in other.split() if re.fullmatch(pattern, word)] == []
    assert all(wakes(f"Hey {word}, what is up?", (name,)) for word in spelled.split())
    assert all(may_wake(f"Hey {word}, what is up?", prepare((name,))) for word in spelled.split())
    assert not any(wakes(f"{word}, what is up?", (name,)) for word in spelled.split() if word != name.casefold())


def test_other_name_of_the_same_sound_has_all_spellings_of_omi():
    assert wakes("Hey oh me, what is up?", ("Ohmie",))
    assert not wakes("Hey oh me, what is up?", ("Jarvis",))


@pytest.mark.parametrize(
    ("line", "wake"),
    [
        ("Hey oh me", [("Hey oh me", True)]),
        ("Hey homie what", [("Hey homie", False)]),
        ("Hey homie is", [("Hey homie", True)]),
        ("Hey homie is it", [("Hey homie", False)]),
        ("Hey homie is cool", []),
        ("I said so. Hey homie, what is it?", [("Hey homie", False)]),
        ("I said to go hey homie, what is it?", []),
        ("hey only what time is it", [("hey only", False)]),
        ("hey only what we need", []),
        ("hey, only what time is it", []),
        ("hey, only call me if I must", []),
        ("hey only call me a taxi", [("hey only", False)]),
        ("hey only can you go", [("hey only", False)]),
        ("okay only what time is it", []),
        ("okay only, what time is it", [("okay only", False)]),
        ("oh me", [("oh me", True)]),
        ("oh me can", [("oh me", True)]),
        ("oh me can you go", [("oh me", False)]),
        ("it is oh me can you go", []),
        ("oh me, can you go", []),
        ("oh me what a day", []),
        ("hello, me tell me a joke", [("hello, me", False)]),
        ("hello me, tell me a joke", []),
        ("hello, me too please", []),
        ("o mi qué hora es", []),
        ("hey o mi qué hora es", []),
        ("hola o mi what time is it", []),
        ("hola homie, what time is it", []),
        ("hey homie, what's up with you", []),
        ("hey omni what we need", [("hey omni", False)]),
        ("hey homie. what", [("hey homie", False)]),
        ("hey homie. is", [("hey homie", False)]),
        ("hey homie. set", [("hey homie", True)]),
        ('"हे ओमी" आज मौसम', [('"हे ओमी"', True)]),
        ('"हे ओमी" आज मौसम कैसा', [('"हे ओमी"', False)]),
        ('"हे ओमी" ऐसे बोलते हैं।', []),
        ("heyomi what is it", [("heyomi", False)]),
        ("a omi, what is it", [("a omi", False)]),
        ("a homie, what is it", []),
        ("such a omi, what is it", []),
        ('"Hey Omi," what is it?', [('"Hey Omi,"', False)]),
        ('Hey "Omi", what is it?', [('Hey "Omi",', False)]),
        ('"Hey Omi" is cool', []),
        ('he said "hey Omi," what is it?', []),
    ],
)
def test_words_that_only_may_be_the_name_wait_for_words_that_ask(line, wake):
    assert heard(line) == wake


@pytest.mark.parametrize(
    "line",
    ["it is only raining", "we are coming", "the economy", "I promise", "tell me to meet so many", "they only said no"],
)
def test_ordinary_words_with_the_letters_of_the_name_need_no_full_decision(line):
    assert not may_wake(line, OMI)


@pytest.mark.parametrize("gap", [" ", ", ", ",  ", "\n"])
def test_split_name_across_segments_may_wake(gap):
    assert may_wake(f"hey{gap}only{gap}what", OMI)
    assert may_wake(f"hey{gap}oh{gap}me{gap}what", OMI)
    assert may_wake(f"hello{gap}me{gap}what", OMI)
