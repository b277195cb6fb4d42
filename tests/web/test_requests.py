"""Queries in the forms that senders use."""

from urllib.parse import parse_qsl, quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from web.requests import parse_query

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)


@given(st.dictionaries(TEXT, TEXT, max_size=5), st.sampled_from([quote, quote_plus]))
def test_escaped_query_is_decoded(query, escape):
    target = "/path?" + "&".join(f"{escape(name, safe='')}={escape(value, safe='')}" for name, value in query.items())

    assert parse_query(target) == query


@given(st.text("ab=&%+?1", max_size=20))
def test_any_query_is_read_as_the_standard_library_does(query):
    assert parse_query("/?" + query) == dict(parse_qsl(query, keep_blank_values=True))


@pytest.mark.parametrize(("target", "query"), [("/path", {}), ("/path?", {}), ("/path?uid=1&uid=2", {"uid": "2"})])
def test_last_of_repeated_names_counts(target, query):
    assert parse_query(target) == query
