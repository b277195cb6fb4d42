"""Variables without effect bring a note or end the start; none is ignored in silence."""

import pytest

from config.not_taken import NOT_TAKEN, judge
from config.variables import all_variables

SWITCHES = [name for name, entry in NOT_TAKEN.items() if entry.is_so is not None]


def test_no_variable_is_a_setting_and_not():
    assert set(NOT_TAKEN) & set(all_variables()) == set()


@pytest.mark.parametrize("name", NOT_TAKEN)
def test_each_is_named_with_its_reason_and_a_replacement(name):
    entry = NOT_TAKEN[name]
    value = "5" if entry.is_so is None else "no" if entry.is_so else "yes"

    verdicts = judge({name: value})

    (sentence,) = verdicts.refusals if entry.refused else verdicts.notes
    assert sentence.startswith(name)
    assert entry.reason in sentence
    assert sentence.endswith(f"{entry.instead}.")
    assert (len(verdicts.refusals), len(verdicts.notes)) == (int(entry.refused), int(not entry.refused))


@pytest.mark.parametrize("name", SWITCHES)
def test_switch_that_asks_for_what_is_so_passes(name):
    verdicts = judge({name: " ON " if NOT_TAKEN[name].is_so else "0"})

    assert (verdicts.refusals, verdicts.notes) == ((), ())


@pytest.mark.parametrize("name", SWITCHES)
def test_switch_that_is_neither_on_nor_off_is_refused(name):
    (refusal,) = judge({name: "maybe"}).refusals

    assert refusal.startswith(f"{name} must be on (true, 1, yes, on) or off (false, 0, no, off)")


def test_blank_variable_was_not_given():
    verdicts = judge(dict.fromkeys(NOT_TAKEN, " "))

    assert (verdicts.refusals, verdicts.notes) == ((), ())
