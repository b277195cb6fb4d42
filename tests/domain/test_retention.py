"""Retention: cutoffs, and the rest after a leap of the clock."""

from dataclasses import replace

import pytest

from omi_actors.domain.work.retention import (
    DAY_S,
    RetentionRules,
    RetentionState,
    after_leap,
    explain_rest,
    find_cutoffs,
    rows_needed,
)

NOW = 1_790_000_000.0


def test_transcripts_dead_jobs_and_done_jobs_have_days_of_their_own():
    cutoffs = find_cutoffs(NOW, RetentionRules(transcript_days=90, dead_letter_days=30, job_days=7))

    assert (NOW - cutoffs.transcripts, NOW - cutoffs.dead, NOW - cutoffs.done) == (90 * DAY_S, 30 * DAY_S, 7 * DAY_S)


def test_audit_is_kept_for_its_own_days_by_default_a_year():
    assert NOW - find_cutoffs(NOW, RetentionRules(transcript_days=0)).events == 365 * DAY_S
    assert NOW - find_cutoffs(NOW, RetentionRules(event_days=2)).events == 2 * DAY_S


@pytest.mark.parametrize("live_s", [3_600.0, 7_200.0])
def test_no_days_leave_the_live_window(live_s):
    cutoffs = find_cutoffs(NOW, RetentionRules(transcript_days=0, dead_letter_days=0, live_s=live_s))

    assert (NOW - cutoffs.transcripts, NOW - cutoffs.dead) == (live_s, live_s)


@pytest.mark.parametrize(("days", "kept_days"), [(10, 10), (30, 30), (60, 30)])
def test_dead_job_is_kept_no_longer_than_the_transcript(days, kept_days):
    cutoffs = find_cutoffs(NOW, RetentionRules(transcript_days=days, dead_letter_days=30))

    assert NOW - cutoffs.dead == kept_days * DAY_S


AHEAD = after_leap(RetentionState(), 400 * DAY_S)


@pytest.mark.parametrize(
    ("leaps_d", "lag_d"),
    [((400,), 400), ((-400,), 0), ((400, -400), 0), ((-100, 100), 100), ((400, -100), 300), ((-100, 150), 150)],
)
def test_lag_is_the_distance_from_the_clocks_earliest_reading(leaps_d, lag_d):
    state = RetentionState()
    for leap_d in leaps_d:
        state = after_leap(state, leap_d * DAY_S)

    assert (state.lag_s / DAY_S, state.leaps) == (lag_d, len(leaps_d))


def test_age_is_measured_by_the_earlier_clock_until_the_server_has_run_for_so_long():
    def kept_days(ran_days):
        cutoffs = find_cutoffs(NOW, RetentionRules(), replace(AHEAD, ran_s=ran_days * DAY_S))
        return [(NOW - before) / DAY_S for before in (cutoffs.transcripts, cutoffs.dead, cutoffs.done, cutoffs.used)]

    assert kept_days(1) == [490, 430, 407, 402]
    assert kept_days(7) == [490, 430, 7, 2]
    assert kept_days(90) == [90, 30, 7, 2]


def test_rest_lasts_a_day_of_uptime_after_the_latest_leap():
    assert AHEAD.rest_left_s == DAY_S
    assert replace(AHEAD, ran_s=DAY_S).rest_left_s == 0
    assert after_leap(replace(AHEAD, ran_s=DAY_S), 100).rest_left_s == DAY_S


def test_rest_has_a_reason_in_words():
    assert explain_rest(AHEAD) == "the clock leapt 400 days ahead; nothing is deleted for 24 h more of uptime"
    assert explain_rest(after_leap(AHEAD, -300.0)).startswith("the clock leapt 5 min back; ")
    assert explain_rest(RetentionState(excess="1,001 of 1,002 rows")).startswith("1,001 of 1,002 rows in one round; ")
    assert explain_rest(replace(AHEAD, ran_s=DAY_S)) == ""


@pytest.mark.parametrize(("old", "rows"), [(1_000, 0), (1_001, 10_010), (1_005, 10_050), (50_000, 500_000)])
def test_table_needs_ten_times_the_rows_that_a_round_of_ten_percent_deletes(old, rows):
    assert rows_needed(old, 10) == rows
