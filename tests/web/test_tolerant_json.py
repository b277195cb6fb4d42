"""Tolerant JSON reads the same values as the standard library."""

import contextlib
import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omi_actors.errors import MalformedJsonError, TooManyValuesError
from web.edge import tolerant_json
from web.edge.tolerant_json import MAX_PARTS, declared_charset, decode_text, read_json

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=30,
)
BLANKS = st.text(" \t\r\n", max_size=3)
# Read in one call; and walked, as texts of many values are.
WAYS = pytest.mark.parametrize("few_parts", [1_000, -1])


@WAYS
@given(VALUES, st.sampled_from([None, 1, "\t"]), BLANKS, BLANKS)
def test_tolerant_reader_accepts_all_that_the_standard_library_accepts(few_parts, value, indent, before, after):
    text = before + json.dumps(value, indent=indent) + after

    assert read_json(text, few_parts=few_parts) == json.loads(text)


@WAYS
@given(VALUES.map(json.dumps), st.data())
def test_tolerant_reader_refuses_all_that_the_standard_library_refuses(few_parts, text, data):
    cut = data.draw(st.integers(0, len(text)))
    broken = text[:cut] + data.draw(st.sampled_from(["", ",", "]", "}", "x", '"', ":"])) + text[cut + 1 :]

    try:
        expected = json.loads(broken)
    except json.JSONDecodeError as exc:
        with pytest.raises(MalformedJsonError, match=rf"line {exc.lineno}, column"):
            read_json(broken, few_parts=few_parts)
    else:
        assert read_json(broken, few_parts=few_parts) == expected


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


class Decoder:
    """Notes how much each call reads, all the while holding the interpreter."""

    def __init__(self, decoder):
        self._decoder = decoder
        self.lengths = []

    def raw_decode(self, text, at):
        value, end = self._decoder.raw_decode(text, at)
        self.lengths.append(end - at)
        return value, end


@pytest.mark.parametrize("item", ["[]", "{}", '{"a": [1.5]}', '"ab"', "[[[[[0]]]]]"])
def test_no_call_reads_more_than_a_piece_of_many_values(item, monkeypatch):
    decoder = Decoder(tolerant_json._DECODER)
    monkeypatch.setattr(tolerant_json, "_DECODER", decoder)
    text = f'{{"a": {{"b": [{",".join([item] * 25_000)}]}}}}'

    assert read_json(text) == json.loads(text)
    assert max(decoder.lengths) <= len('"ab"')


@pytest.mark.parametrize("item", ["0", "[]", "{}"])
def test_too_many_values_are_refused_unread(item, monkeypatch):
    monkeypatch.setattr(tolerant_json, "_DECODER", None)

    with pytest.raises(TooManyValuesError, match=str(MAX_PARTS)):
        read_json(f"[{','.join([item] * (MAX_PARTS + 1))}]")


@pytest.mark.parametrize("charset", ["utf-8", "utf-16", "shift_jis"])
def test_text_of_several_pieces_is_decoded_whole(charset):
    # Seven bytes: no piece ends with them.
    text = "ねえx " * 200_000

    assert decode_text(json.dumps(text, ensure_ascii=False).encode(charset), f"a/b; charset={charset}") == f'"{text}"'


def test_broken_bytes_of_several_pieces_lose_nothing_else():
    assert decode_text(b"a\xffb" * 200_000) == "a\ufffdb" * 200_000


def test_charset_that_makes_no_text_is_none():
    assert decode_text(b'"6869"', "application/json; charset=hex") == '"6869"'


@pytest.mark.parametrize("codec", ["punycode", "IDNA", "unicode_escape", "raw-unicode-escape", "undefined"])
def test_codec_that_is_no_charset_is_none(codec):
    document = '"\\u0041\\n-bcde"'

    assert decode_text(document.encode(), f"application/json; charset={codec}") == document
