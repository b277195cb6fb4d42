"""Emails, passwords, names, roles and tokens as values."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omi_actors.domain.people.accounts import (
    MAX_EMAIL_CHARS,
    TOKEN_LIFETIME_S,
    Role,
    clean_email,
    clean_name,
    digest_of,
    hint_of,
    is_token,
    make_token,
)
from omi_actors.ids import new_secret


@pytest.mark.parametrize(
    ("given_email", "stored"),
    [
        ("ada@example.com", "ada@example.com"),
        ("  Ada@Example.COM\n", "ada@example.com"),
        ("ada+omi@mail.example.co.uk", "ada+omi@mail.example.co.uk"),
        ("o'neil@example.com", "o'neil@example.com"),
        ("jürgen@exämple.de", "jürgen@exämple.de"),
        ("ju\u0308rgen@example.de", "jürgen@example.de"),
        ("\uff41\uff44\uff41@example.com", "ada@example.com"),
        ("", None),
        ("ada", None),
        ("ada@", None),
        ("@example.com", None),
        ("ada@example", None),
        ("ada@example.", None),
        ("ada@.com", None),
        ("ada@example..com", None),
        ("a@b@example.com", None),
        ("a da@example.com", None),
        ("ada@exam\u00a0ple.com", None),
        ("ada\u200b@example.com", None),
        ("ada\u202e@example.com", None),
        ("ada\x00@example.com", None),
        ("ada\x7f@example.com", None),
        ("a" * (MAX_EMAIL_CHARS - 11) + "@example.co", "a" * (MAX_EMAIL_CHARS - 11) + "@example.co"),
        ("a" * (MAX_EMAIL_CHARS - 10) + "@example.co", None),
    ],
)
def test_email_has_one_stored_form_or_is_none(given_email, stored):
    assert clean_email(given_email) == stored


@given(st.text())
def test_stored_form_of_an_email_is_its_own(text):
    once = clean_email(text)

    assert once is None or clean_email(once) == once


@pytest.mark.parametrize(("given_name", "stored"), [(None, None), ("", None), ("  ", None), (" Ada L. ", "Ada L.")])
def test_name_has_no_blanks_around_it(given_name, stored):
    assert clean_name(given_name) == stored


def test_token_is_known_by_its_form_and_its_record_holds_no_token():
    token, record = make_token(new_secret(), "s1", 5.0)

    assert is_token(token)
    assert (record.digest, record.hint) == (digest_of(token), hint_of(token))
    assert (record.created_at, record.expires_at) == (5.0, 5.0 + TOKEN_LIFETIME_S)
    assert token not in str(record)
    assert len(set(token) & set(record.hint)) < len(token)
    for other in ("", "sid_", token[:-1], token + "a", token.replace("sid_", "SID_"), new_secret()):
        assert not is_token(other)


def test_roles_are_shown_in_capitals():
    assert [role.wire for role in Role] == ["USER", "ADMIN", "OBSERVER"]
