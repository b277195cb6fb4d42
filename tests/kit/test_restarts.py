"""Restart intensity, as OTP counts it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omi_actors.kit.restarts import Intensity, is_exceeded, record_crash

FIVE_IN_30_S = Intensity(max_restarts=5, period_s=30.0)


def crash_at(times_s, intensity=FIVE_IN_30_S):
    crashes: tuple[float, ...] = ()
    for at_s in times_s:
        crashes = record_crash(crashes, at_s, intensity)
    return crashes


def test_as_many_restarts_as_allowed_are_fine():
    assert not is_exceeded(crash_at([0, 1, 2, 3, 4]), FIVE_IN_30_S)


def test_one_more_than_allowed_is_too_many():
    assert is_exceeded(crash_at([0, 1, 2, 3, 4, 29.9]), FIVE_IN_30_S)


def test_crashes_older_than_the_period_are_forgotten():
    assert not is_exceeded(crash_at([0, 1, 2, 3, 4, 30.0]), FIVE_IN_30_S)


def test_default_is_five_restarts_in_thirty_seconds():
    assert Intensity() == FIVE_IN_30_S


def test_with_no_restart_allowed_the_first_crash_is_too_many():
    intensity = Intensity(max_restarts=0, period_s=1.0)

    assert is_exceeded(crash_at([7.0], intensity), intensity)


@pytest.mark.parametrize("period_s", [0.5, 6.0, 3600.0])
def test_a_crash_once_a_period_never_exceeds(period_s):
    intensity = Intensity(max_restarts=1, period_s=period_s)

    assert not is_exceeded(crash_at([n * period_s for n in range(50)], intensity), intensity)


@given(st.lists(st.floats(min_value=0, max_value=1e6), max_size=60).map(sorted))
def test_the_record_stays_small_and_ordered(times_s):
    crashes = crash_at(times_s)

    assert len(crashes) <= FIVE_IN_30_S.max_restarts + 1
    assert list(crashes) == sorted(crashes)
