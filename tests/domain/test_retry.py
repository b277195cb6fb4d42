"""Whether and when a failed attempt is made again."""

import random

import pytest

from omi_actors.domain.answers.patience import attempt_deadline_s, longest_wait_s
from omi_actors.domain.work.jobs import KindCounts
from omi_actors.domain.work.retry import BASE_S, Bury, Retry, decide_retry
from omi_actors.errors import (
    CircuitOpenError,
    UpstreamBusyError,
    UpstreamEmptyError,
    UpstreamRejectedError,
    UpstreamTimeoutError,
    UpstreamUnavailableError,
)
from omi_actors.kit.errors import ActorUnavailableError, AskTimeoutError, MailboxFullError, RestartIntensityError

RNG = random.Random(7)


def test_refusal_that_asking_again_cannot_change_is_buried_at_once():
    assert decide_retry(UpstreamRejectedError("no"), attempt=1, max_attempts=8, rng=RNG) == Bury()


def test_kit_error_that_cannot_pass_is_buried_at_once():
    assert decide_retry(RestartIntensityError("no"), attempt=1, max_attempts=8, rng=RNG) == Bury()


def test_deadline_that_passed_is_not_waited_for_again():
    assert decide_retry(UpstreamTimeoutError("late"), attempt=1, max_attempts=8, rng=RNG) == Bury()


@pytest.mark.parametrize(
    "error",
    [
        UpstreamUnavailableError("down"),
        KeyError("bug"),
        AskTimeoutError("the store is slow"),
        ActorUnavailableError("the writer is being replaced"),
        MailboxFullError("the writer is busy"),
    ],
)
def test_passing_trouble_is_tried_again_until_the_attempts_are_used_up(error):
    assert isinstance(decide_retry(error, attempt=3, max_attempts=4, rng=RNG), Retry)
    assert decide_retry(error, attempt=4, max_attempts=4, rng=RNG) == Bury()


def test_answer_that_says_nothing_is_asked_for_once_more_only():
    error = UpstreamEmptyError("nothing")

    assert isinstance(decide_retry(error, attempt=1, max_attempts=4, rng=RNG), Retry)
    assert decide_retry(error, attempt=2, max_attempts=4, rng=RNG) == Bury()
    assert decide_retry(error, attempt=1, max_attempts=1, rng=RNG) == Bury()


def test_delay_is_spread_over_the_whole_growing_range():
    delays = [decide_retry(KeyError(), attempt=4, max_attempts=9, rng=RNG) for _ in range(500)]

    seconds = [d.delay_s for d in delays if isinstance(d, Retry)]
    assert 0 <= min(seconds) < 0.1 * BASE_S * 8
    assert 0.9 * BASE_S * 8 < max(seconds) <= BASE_S * 8


def test_server_that_names_a_delay_is_obeyed():
    error = UpstreamUnavailableError("busy", retry_after_s=17.0)

    assert decide_retry(error, attempt=1, max_attempts=4, rng=RNG) == Retry(17.0)


def test_attempt_without_a_call_is_not_counted():
    error = CircuitOpenError("set aside", retry_after_s=5.0)

    assert decide_retry(error, attempt=4, max_attempts=4, rng=RNG, wait_s=6.0) == Retry(5.0, is_counted=False)
    assert decide_retry(error, attempt=4, max_attempts=4, rng=RNG, wait_s=4.0) == Bury()


def test_attempt_of_a_job_without_a_limit_of_waiting_is_always_counted():
    error = CircuitOpenError("set aside", retry_after_s=5.0)

    assert decide_retry(error, attempt=1, max_attempts=4, rng=RNG) == Retry(5.0)
    assert decide_retry(error, attempt=4, max_attempts=4, rng=RNG) == Bury()


@pytest.mark.parametrize("error", [UpstreamBusyError("busy", retry_after_s=60.0), KeyError("bug")])
def test_job_that_would_have_to_wait_too_long_is_given_up_at_once(error):
    assert decide_retry(error, attempt=1, max_attempts=4, rng=RNG, wait_s=-0.1) == Bury()


def test_jobs_of_a_server_set_aside_end_when_their_time_is_over():
    error, asked_at, now_s = CircuitOpenError("set aside", retry_after_s=1.0), 1000.0, 1000.0
    while isinstance(
        decision := decide_retry(
            error, attempt=1, max_attempts=4, rng=RNG, wait_s=longest_wait_s(asked_at, now_s, 20.0)
        ),
        Retry,
    ):
        now_s += decision.delay_s

    assert now_s - asked_at == 15.0


@pytest.mark.parametrize(
    ("waited_s", "deadline_s"),
    [(5.0, 15.0), (15.0, 5.0), (15.1, 5.0), (19.9, 5.0), (20.0, 20.0), (3600.0, 20.0), (-7.0, 20.0)],
)
def test_attempt_that_was_put_off_gets_what_is_left_of_its_question_or_after_a_restart_all_anew(waited_s, deadline_s):
    assert attempt_deadline_s(1000.0, 1000.5, 1000.0 + waited_s, 20.0) == deadline_s


@pytest.mark.parametrize("waited_s", [0.0, 5.0, 19.0, 3600.0])
def test_question_that_waited_for_its_turn_alone_gets_all_its_time(waited_s):
    assert attempt_deadline_s(1000.0, 1000.0, 1000.0 + waited_s, 20.0) == 20.0


@pytest.mark.parametrize(("waited_s", "wait_s"), [(0.0, 15.0), (10.0, 5.0), (15.0, 0.0), (20.0, -5.0), (-7.0, 15.0)])
def test_next_attempt_may_wait_as_long_as_it_can_still_be_in_time(waited_s, wait_s):
    assert longest_wait_s(1000.0, 1000.0 + waited_s, 20.0) == wait_s


def test_kind_without_jobs_counts_nothing():
    counts = KindCounts()

    assert (counts.ready, counts.retrying, counts.running, counts.dead, counts.oldest_ready_at) == (0, 0, 0, 0, None)
