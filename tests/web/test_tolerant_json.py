"""JSON read with patience is JSON all the same."""

import contextlib
import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omi_actors.errors import MalformedJsonError
from web.tolerant_json import declared_charset, decode_text, read_json

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=30,
)
BLANKS = st.text(" \t\r\n", max_size=3)


@given(VALUES, st.sampled_from([None, 1, "\t"]), BLANKS, BLANKS)
def test_reads_what_the_standard_library_reads(value, indent, before, after):
    text = before + json.dumps(value, indent=indent) + after

    assert read_json(text) == json.loads(text)


@given(VALUES.map(json.dumps), st.data())
def test_refuses_what_the_standard_library_refuses(text, data):
    cut = data.draw(st.integers(0, len(text)))
    broken = text[:cut] + data.draw(st.sampled_from(["", ",", "]", "}", "x", '"', ":"])) + text[cut + 1 :]

    try:
        expected = json.loads(broken)
    except json.JSONDecodeError as exc:
        with pytest.raises(MalformedJsonError, match=rf"line {exc.lineno}, column"):
            read_json(broken)
    else:
        assert read_json(broken) == expected


@given(st.binary(max_size=60))
def test_any_bytes_are_a_value_or_malformed(body):
    with contextlib.suppress(MalformedJsonError):
        read_json(decode_text(body))


def test_refusal_does_not_carry_the_body_along():
    with pytest.raises(MalformedJsonError) as caught:
        read_json("{swordfish")

    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_names_that_python_adds_to_json_are_read():
    assert read_json('[Infinity, -Infinity, {"a": 1e999}]') == [math.inf, -math.inf, {"a": math.inf}]
    assert math.isnan(read_json("NaN"))


def test_the_last_of_two_equal_members_counts():
    assert read_json('{"a": [1], "a": [2]}') == {"a": [2]}


@pytest.mark.parametrize("charset", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le"])
@given(text=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1))
def test_encoding_is_found_out(charset, text):
    document = json.dumps([text], ensure_ascii=False)

    assert read_json(decode_text(document.encode(charset))) == [text]


@pytest.mark.parametrize(
    ("content_type", "charset"),
    [
        ("application/json", None),
        ("application/json; charset=UTF-8", None),
        ('text/plain; charset="ISO-8859-1"', "iso-8859-1"),
        ("text/plain;Charset = koi8-r; x=y", "koi8-r"),
        ("", None),
    ],
)
def test_charset_is_read_from_the_content_type(content_type, charset):
    assert declared_charset(content_type) == charset
