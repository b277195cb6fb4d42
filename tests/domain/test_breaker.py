"""A server that fails again and again is left alone for a while, and tried by one."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from omi_actors.domain.answers.breaker import (
    Breaker,
    BreakerRules,
    BreakerState,
    admit,
    note_failure,
    note_nothing,
    note_success,
)

CLOSED, OPEN, HALF_OPEN = BreakerState.CLOSED, BreakerState.OPEN, BreakerState.HALF_OPEN
RULES = BreakerRules(failures=3, window_s=60.0, pause_s=5.0, pause_cap_s=30.0, probe_wait_s=1.0)

# what happens at which second: (a)sks and fails, (s)ucceeds, (g)ives up, or asks in vain (-) → the state after it
STORIES = [
    ("two failures are luck", [(0, "a"), (1, "a")], CLOSED),
    ("three are none", [(0, "a"), (1, "a"), (2, "a")], OPEN),
    ("a success between them", [(0, "a"), (1, "a"), (2, "s"), (3, "a"), (4, "a")], CLOSED),
    ("old ones do not count", [(0, "a"), (1, "a"), (60, "a")], CLOSED),
    ("old ones do not count, new ones do", [(0, "a"), (1, "a"), (61, "a"), (62, "a"), (63, "a")], OPEN),
    ("nobody asks in the pause", [(0, "a"), (0, "a"), (0, "a"), (4.9, "-")], OPEN),
    ("the probe succeeds", [(0, "a"), (0, "a"), (0, "a"), (5, "s")], CLOSED),
    ("the probe fails", [(0, "a"), (0, "a"), (0, "a"), (5, "a"), (14.9, "-")], OPEN),
    ("the second pause is longer", [(0, "a"), (0, "a"), (0, "a"), (5, "a"), (15, "s")], CLOSED),
    ("a probe without a result", [(0, "a"), (0, "a"), (0, "a"), (5, "g"), (5, "s")], CLOSED),
    ("a fresh start after a success", [(0, "a"), (0, "a"), (0, "a"), (5, "s"), (6, "a"), (6, "a")], CLOSED),
]


def end(breaker, what, asked_in, now_s, rules):
    """Return the breaker after a call that failed, succeeded or was given up."""
    if what == "a":
        return note_failure(breaker, asked_in, now_s, rules)
    if what == "s":
        return note_success(breaker, asked_in)
    return note_nothing(breaker, asked_in, now_s) if what == "g" else breaker


def play(story, rules=RULES):
    breaker = Breaker()
    for now_s, what in story:
        admission = admit(breaker, now_s, rules)
        assert admission.is_admitted == (what != "-"), (now_s, what)
        breaker = admission.breaker
        breaker = end(breaker, what, admission.round, now_s, rules)
    return breaker


@pytest.mark.parametrize(
    ("story", "state"), [(s, state) for _, s, state in STORIES], ids=[name for name, *_ in STORIES]
)
def test_breaker_stands_where_its_story_leads(story, state):
    assert play(story).state is state


def test_one_probe_at_a_time_is_let_through():
    opened = play([(0, "a")] * 3)

    first = admit(opened, 5.0, RULES)
    second = admit(first.breaker, 5.0, RULES)

    assert (first.is_admitted, first.breaker.state) == (True, HALF_OPEN)
    assert (second.is_admitted, second.retry_after_s) == (False, RULES.probe_wait_s)


def test_refused_call_is_put_off():
    assert admit(play([(0, "a")] * 3), 2.0, RULES).retry_after_s == 3.0


def test_pauses_double_up_to_their_cap():
    breaker, now_s, pauses = play([(0, "a")] * 3), 0.0, []
    for _ in range(5):
        pauses.append(breaker.open_until_s - now_s)
        now_s = breaker.open_until_s
        probe = admit(breaker, now_s, RULES)
        breaker = note_failure(probe.breaker, probe.round, now_s, RULES)

    assert pauses == [5.0, 10.0, 20.0, 30.0, 30.0]


def test_what_was_asked_before_it_opened_says_nothing_about_the_probe():
    early = admit(Breaker(), 0.0, RULES)
    opened = play([(0, "a")] * 3)
    probe = admit(opened, 5.0, RULES)

    assert note_success(opened, early.round) == opened
    assert note_success(probe.breaker, early.round) == probe.breaker
    assert note_failure(probe.breaker, early.round, 6.0, RULES) == probe.breaker
    assert note_nothing(probe.breaker, early.round, 6.0) == probe.breaker


steps = st.lists(st.tuples(st.floats(0, 100), st.sampled_from("asgp")), max_size=40)
rules = st.builds(
    BreakerRules,
    failures=st.integers(1, 6),
    window_s=st.floats(1, 100),
    pause_s=st.floats(0.1, 10),
    pause_cap_s=st.floats(10, 100),
)


def walk(steps, rules):
    """Let time pass and calls begin, and end in any order; yield (breaker, now_s, admissions under way)."""
    breaker, now_s, under_way = Breaker(), 0.0, []
    for seconds, what in steps:
        now_s += seconds
        admission = admit(breaker, now_s, rules)
        breaker = admission.breaker
        if admission.is_admitted:
            under_way.append(admission.round)
        if under_way and what != "p":
            asked_in = under_way.pop(len(under_way) // 2)
            breaker = end(breaker, what, asked_in, now_s, rules)
        yield breaker, now_s, tuple(under_way)


@settings(deadline=None)
@given(steps, rules)
def test_there_is_never_more_than_one_probe(steps, rules):
    for breaker, _, under_way in walk(steps, rules):
        if breaker.state is HALF_OPEN:
            assert under_way.count(breaker.round) == 1


@settings(deadline=None)
@given(steps, rules)
def test_a_pause_is_never_longer_than_its_cap_and_always_ends(steps, rules):
    for breaker, now_s, _ in walk(steps, rules):
        if breaker.state is OPEN:
            assert breaker.open_until_s - now_s <= rules.pause_cap_s + 1e-6
            assert admit(breaker, max(now_s, breaker.open_until_s), rules).is_admitted


@settings(deadline=None)
@given(steps, rules)
def test_closed_breaker_holds_fewer_failures_than_open_it_and_refuses_no_call(steps, rules):
    for breaker, now_s, _ in walk(steps, rules):
        if breaker.state is CLOSED:
            assert len(breaker.failed_at_s) < rules.failures
            assert admit(breaker, now_s, rules).is_admitted


def test_late_failure_of_a_call_from_before_the_outage_does_not_count_after_it():
    recovered = play([(0, "a"), (0, "a"), (0, "a"), (5, "s")])

    assert note_failure(recovered, Breaker().round, 6.0, RULES) == recovered
    assert note_failure(recovered, recovered.round, 6.0, RULES) != recovered
