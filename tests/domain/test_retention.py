"""From when on things have been kept long enough."""

import pytest

from omi_actors.domain.work.retention import DAY_S, RetentionRules, find_cutoffs

NOW = 1_790_000_000.0


def test_what_was_said_and_what_failed_and_what_is_done_have_days_of_their_own():
    cutoffs = find_cutoffs(NOW, RetentionRules(transcript_days=90, dead_letter_days=30, job_days=7))

    assert (NOW - cutoffs.said, NOW - cutoffs.dead, NOW - cutoffs.done) == (90 * DAY_S, 30 * DAY_S, 7 * DAY_S)


def test_audit_is_kept_for_its_own_days_a_year_unless_told_otherwise():
    assert NOW - find_cutoffs(NOW, RetentionRules(transcript_days=0)).events == 365 * DAY_S
    assert NOW - find_cutoffs(NOW, RetentionRules(event_days=2)).events == 2 * DAY_S


@pytest.mark.parametrize("live_s", [3_600.0, 7_200.0])
def test_no_days_leave_the_live_window(live_s):
    cutoffs = find_cutoffs(NOW, RetentionRules(transcript_days=0, dead_letter_days=0, live_s=live_s))

    assert (NOW - cutoffs.said, NOW - cutoffs.dead) == (live_s, live_s)


@pytest.mark.parametrize(("days", "kept_days"), [(10, 10), (30, 30), (60, 30)])
def test_dead_letter_which_holds_what_was_asked_is_not_kept_longer_than_that(days, kept_days):
    cutoffs = find_cutoffs(NOW, RetentionRules(transcript_days=days, dead_letter_days=30))

    assert NOW - cutoffs.dead == kept_days * DAY_S
