"""Every error of the tree has an answer, on both surfaces."""

import pytest

from omi_actors import errors
from omi_actors.errors import InvalidWebhookError, SignatureMismatchError, TooLargeError
from omi_actors.kit.errors import ExpectedError, MailboxFullError
from web.problems import Drop, Problem, api_problem, iso_time, omi_answer

OURS = ("omi_actors.errors", "omi_actors.kit.errors")


def tree(cls):
    return [
        cls,
        *(below for child in cls.__subclasses__() if child.__module__ in OURS for below in tree(child)),
    ]


@pytest.mark.parametrize("cls", tree(ExpectedError), ids=lambda cls: cls.__name__)
def test_every_error_has_an_answer(cls):
    error = cls("inside")

    assert api_problem(error).status >= 400
    assert isinstance(omi_answer(error, sender_retries=False), Drop | Problem)


@pytest.mark.parametrize("cls", tree(ExpectedError), ids=lambda cls: cls.__name__)
def test_only_bad_requests_and_limits_show_their_own_sentence(cls):
    said = "inside" in api_problem(cls("inside")).error

    assert said == issubclass(cls, errors.BadRequestError | errors.RateLimitedError)


@pytest.mark.parametrize("cls", tree(ExpectedError), ids=lambda cls: cls.__name__)
def test_omi_never_gets_a_5xx_without_an_idempotency_key(cls):
    answer = omi_answer(cls("x"), sender_retries=False)

    assert isinstance(answer, Drop) or answer.status < 500


@pytest.mark.parametrize("cls", tree(ExpectedError), ids=lambda cls: cls.__name__)
def test_sender_that_retries_gets_503_when_a_retry_helps(cls):
    answer = omi_answer(cls("x"), sender_retries=True)

    if cls.retryable:
        assert isinstance(answer, Problem)
        assert answer.status == 503
        assert answer.retry_after_s is not None


@pytest.mark.parametrize("retries", [True, False])
def test_webhook_that_cannot_be_kept_is_dropped_by_its_reason(retries):
    odd = InvalidWebhookError("x", reason="no_owner")

    assert omi_answer(odd, sender_retries=retries) == Drop("no_owner", retryable=False)
    assert omi_answer(TooLargeError("x"), sender_retries=retries) == Drop("too_large", retryable=False)


def test_unexpected_error_is_a_500_without_details():
    problem = api_problem(KeyError("password"))

    assert (problem.status, problem.code) == (500, "internal_error")
    assert "password" not in str(problem)


def test_wrong_token_is_refused_on_both_surfaces():
    error = SignatureMismatchError("The webhook's token is wrong.")

    assert api_problem(error).status == 401
    assert omi_answer(error, sender_retries=False) == api_problem(error)


def test_overload_has_retry_after():
    error = MailboxFullError("full", retry_after_s=9)

    assert api_problem(error).retry_after_s == 9
    answer = omi_answer(error, sender_retries=True)
    assert isinstance(answer, Problem)
    assert answer.retry_after_s == 9


def test_time_goes_out_as_iso_8601():
    assert iso_time(0.0) == "1970-01-01T00:00:00.000Z"
