"""The pause before a restart."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omi_actors.kit.restarts import Backoff, Streak, extend_streak, restart_delay_s

PLAIN = Backoff(min_s=0.2, max_s=30.0, jitter=0.0)


@pytest.mark.parametrize(
    ("crash", "pause_s"),
    [(1, 0.0), (2, 0.2), (3, 0.4), (4, 0.8), (9, 25.6), (10, 30.0), (11, 30.0), (10_000, 30.0)],
)
def test_first_restart_is_at_once_then_pauses_double_up_to_the_longest(crash, pause_s):
    assert restart_delay_s(Streak(crash, 0.0), PLAIN, 0.0) == pytest.approx(pause_s)


def test_jitter_adds_at_most_its_share():
    backoff = Backoff(min_s=1.0, max_s=30.0, jitter=0.2)

    assert restart_delay_s(Streak(2, 0.0), backoff, 0.0) == pytest.approx(1.0)
    assert restart_delay_s(Streak(2, 0.0), backoff, 0.999) == pytest.approx(1.2, abs=0.001)


@given(st.integers(min_value=2, max_value=5000), st.floats(min_value=0, max_value=1, exclude_max=True))
def test_pause_stays_within_its_limits(crash, luck):
    assert 0.2 <= restart_delay_s(Streak(crash, 0.0), Backoff(), luck) <= 30.0


def test_crashes_in_a_row_are_counted():
    streak = extend_streak(None, 100.0, PLAIN)
    streak = extend_streak(streak, 101.0, PLAIN)

    assert streak == Streak(2, 101.0)


def test_a_quiet_time_starts_the_count_anew():
    streak = Streak(4, 0.0)

    assert extend_streak(streak, PLAIN.quiet_s, PLAIN).count == 1
    assert extend_streak(streak, PLAIN.quiet_s - 0.1, PLAIN).count == 5
