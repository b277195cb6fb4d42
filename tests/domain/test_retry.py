"""Whether and when a failed attempt is made again."""

import random

import pytest

from omi_actors.domain.failures import explain_failure
from omi_actors.domain.retry import BASE_S, Bury, Retry, decide_retry
from omi_actors.errors import UpstreamRejectedError, UpstreamTimeoutError, UpstreamUnavailableError

RNG = random.Random(7)


def test_refusal_that_asking_again_cannot_change_is_buried_at_once():
    assert decide_retry(UpstreamRejectedError("no"), attempt=1, max_attempts=8, rng=RNG) == Bury()


@pytest.mark.parametrize("error", [UpstreamTimeoutError("late"), UpstreamUnavailableError("down"), KeyError("bug")])
def test_passing_trouble_is_tried_again_until_the_attempts_are_used_up(error):
    assert isinstance(decide_retry(error, attempt=3, max_attempts=4, rng=RNG), Retry)
    assert decide_retry(error, attempt=4, max_attempts=4, rng=RNG) == Bury()


def test_delay_is_spread_over_the_whole_growing_range():
    delays = [decide_retry(KeyError(), attempt=4, max_attempts=9, rng=RNG) for _ in range(500)]

    seconds = [d.delay_s for d in delays if isinstance(d, Retry)]
    assert 0 <= min(seconds) < 0.1 * BASE_S * 8
    assert 0.9 * BASE_S * 8 < max(seconds) <= BASE_S * 8


def test_server_that_names_a_delay_is_obeyed():
    error = UpstreamUnavailableError("busy", retry_after_s=17.0)

    assert decide_retry(error, attempt=1, max_attempts=4, rng=RNG) == Retry(17.0)


def test_every_failure_has_a_sentence_without_technical_terms():
    errors = [
        UpstreamRejectedError("x", code="invalid_api_key"),
        UpstreamRejectedError("x", code="insufficient_quota"),
        UpstreamRejectedError("x", code="something new"),
        UpstreamTimeoutError("x"),
        UpstreamUnavailableError("x"),
        KeyError("x"),
    ]

    sentences = {explain_failure(error) for error in errors}

    assert len(sentences) == len(errors)
    assert all(s.startswith("I c") and s.endswith(".") for s in sentences)
