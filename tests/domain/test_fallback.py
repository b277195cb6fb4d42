"""When another model is asked, for how long, and what is told when all have failed."""

import pytest

from omi_actors.domain.answers.patience import choose_failure, is_worth_asking, may_fall_back, share_s
from omi_actors.errors import (
    CircuitOpenError,
    UpstreamBusyError,
    UpstreamRejectedError,
    UpstreamTimeoutError,
    UpstreamUnavailableError,
)


def rejected(code):
    return UpstreamRejectedError("no", code=code)


LATE, DOWN = UpstreamTimeoutError("late"), UpstreamUnavailableError("down")
BUSY = UpstreamBusyError("429", retry_after_s=9.0)
SET_ASIDE = CircuitOpenError("open", retry_after_s=3.0)
UNKNOWN, REFUSED, KEY = rejected("model_not_found"), rejected("content_refused"), rejected("invalid_api_key")


OF_ONE_MODEL = [rejected(code) for code in ("thought_too_long", "parameter_refused", "roles_refused")]


@pytest.mark.parametrize("error", [LATE, DOWN, BUSY, SET_ASIDE, UNKNOWN, *OF_ONE_MODEL])
def test_next_model_is_asked_when_one_is_broken_busy_unknown_or_set_aside(error):
    assert may_fall_back(error)


@pytest.mark.parametrize(
    "error",
    [REFUSED, KEY, rejected("insufficient_quota"), rejected("context_length_exceeded"), rejected("400")],
)
def test_what_another_model_would_refuse_alike_or_must_not_answer_ends_the_question(error):
    assert not may_fall_back(error)


# seconds left, models after this one that can be asked now → seconds for this one
@pytest.mark.parametrize(
    ("left_s", "models_after", "share"),
    [(20.0, 0, 20.0), (20.0, 1, 10.0), (20.0, 2, 10.0), (10.0, 1, 5.0), (5.0, 0, 5.0), (0.0, 1, 0.0)],
)
def test_each_model_but_the_last_has_half_of_what_is_left(left_s, models_after, share):
    assert share_s(left_s, models_after) == share


@pytest.mark.parametrize(("left_s", "is_worth"), [(20.0, True), (2.0, True), (1.9, False), (0.0, False), (-1.0, False)])
def test_no_model_is_asked_in_a_tenth_of_the_deadline_or_less(left_s, is_worth):
    assert is_worth_asking(left_s, 20.0) is is_worth


@pytest.mark.parametrize(
    ("errors", "told"),
    [
        ([DOWN], DOWN),
        ([DOWN, REFUSED], REFUSED),
        ([UNKNOWN, LATE], UNKNOWN),
        ([LATE, UNKNOWN], LATE),
        ([LATE, DOWN], DOWN),
        ([BUSY, SET_ASIDE], SET_ASIDE),
        ([SET_ASIDE, UNKNOWN], SET_ASIDE),
        ([SET_ASIDE, DOWN], DOWN),
    ],
)
def test_failure_with_the_soonest_retry_counts_unless_one_is_final(errors, told):
    assert choose_failure(errors) is told
