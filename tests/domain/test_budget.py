"""When a budget is spent, and whose it is."""

import pytest

from omi_actors.domain.answers.budget import (
    BudgetRules,
    Limits,
    Use,
    Used,
    estimate_spent_tokens,
    find_overspent,
    owner_of,
    period_start,
)

RULES = BudgetRules(owner=Limits(3, 100), all=Limits(10, 1_000))
NONE = Used()


@pytest.mark.parametrize(
    ("owner", "everybody", "spent"),
    [
        (NONE, NONE, None),
        (Used(2, 99), Used(9, 999), None),
        (Used(3, 0), NONE, ("owner", "minute")),
        (Used(0, 100), NONE, ("owner", "day")),
        (Used(9, 900), Used(99, 9_000), ("owner", "day")),
        (NONE, Used(10, 0), ("all", "minute")),
        (NONE, Used(10, 1_000), ("all", "day")),
    ],
)
def test_budget_is_spent_when_its_limit_is_reached(owner, everybody, spent):
    assert find_overspent(Use(owner=owner, all=everybody), RULES) == spent


def test_nothing_is_spent_where_nothing_is_limited():
    used = Used(10**9, 10**12)

    assert find_overspent(Use(owner=used, all=used), BudgetRules()) is None


@pytest.mark.parametrize(
    ("session_key", "owner"),
    [
        ("omi:ada", "omi:ada"),
        ("chat:operator:default", "chat:operator"),
        ("chat:operator:other", "chat:operator"),
        ("anon:0a1b:default", "anon:0a1b"),
        ("account:a1:page", "account:a1"),
        ("api:a1:todos", "account:a1"),
    ],
)
def test_all_chats_of_one_person_have_one_owner(session_key, owner):
    assert owner_of(session_key) == owner


def test_tokens_are_estimated_by_characters():
    assert (estimate_spent_tokens("x" * 400, "y" * 40), estimate_spent_tokens("")) == (110, 1)


def test_periods_are_those_of_the_clock():
    assert (period_start(1_790_000_075.5, 60.0), period_start(1_790_000_075.5, 86_400.0)) == (
        1_790_000_040.0,
        1_789_948_800.0,
    )
