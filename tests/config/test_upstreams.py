"""Keys and addresses of other servers: harmless slips are mended, others refused in a sentence without the value."""

import pytest

from config.settings import InvalidSettingError, load_settings

KEYS = ["OPENAI_API_KEY", "OMI_APP_SECRET"]


def load(name, value):
    more = {"OMI_APP_ID": "app"} if name == "OMI_APP_SECRET" else {}
    return getattr(load_settings(overrides={name: value, **more}), name.lower())


@pytest.mark.parametrize("name", KEYS)
@pytest.mark.parametrize(
    "given",
    [
        "sk-1",
        "  sk-1\n",
        "sk-1\r\n",
        "sk-1\u00a0",
        "'sk-1'",
        '"sk-1"',
        "\u201csk-1\u201d",
        "sk-1\u201d",
        "Bearer sk-1",
        "bearer  sk-1",
        "\ufeffsk-1",
        "s\u200bk-1\u2060",
    ],
)
def test_harmless_slip_around_a_key_is_mended(name, given):
    assert load(name, given).get_secret_value() == "sk-1"


@pytest.mark.parametrize("name", KEYS)
@pytest.mark.parametrize(
    "given", ["nobody\u201c1", "nobody\u2019s", "nobody\nelse", "no body", "nob\u00f6dy", "nobody\x00", "nobody\u2013"]
)
def test_key_that_no_header_can_carry_is_refused_without_quoting_it(name, given):
    with pytest.raises(InvalidSettingError) as caught:
        load(name, given)

    (sentence,) = caught.value.problems
    assert sentence.startswith(f"{name} has a sign at place ")
    assert "nob" not in sentence


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ("http://h:1/v1/", "http://h:1/v1"),
        (" 'https://h/v1'\n", "https://h/v1"),
        ("\u201chttps://h/v1\u201d", "https://h/v1"),
        ("https://h/v1/chat/completions", "https://h/v1"),
        ("https://h/v1/chat/completions/", "https://h/v1"),
        ("https://h/v1?", "https://h/v1"),
        ("https://h/d?api-version=1", "https://h/d?api-version=1"),
        ("https://h/d/chat/completions?api-version=1", "https://h/d?api-version=1"),
        ("https://h/d/?api-version=1", "https://h/d?api-version=1"),
        ("http://[::1]:80/v1", "http://[::1]:80/v1"),
        ("HTTPS://h/v1", "HTTPS://h/v1"),
        ("https://h", "https://h"),
    ],
)
def test_address_is_taken_as_it_is_copied(given, read):
    assert load("OPENAI_BASE_URL", given) == read


@pytest.mark.parametrize("name", ["OPENAI_BASE_URL", "OMI_API_URL"])
@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("h:11434/v1", "must begin with http:// or https://"),
        ("ws://h", "must begin with http:// or https://"),
        ("https:///v1", "must name a host"),
        ("https://https://h", "must name a host"),
        ("https://h:x/v1", "host or port that cannot be read"),
        ("https://[h/v1", "host or port that cannot be read"),
        ("https://tell:nobody@h/v1", "must not hold a user or password"),
        ("https://h/v1#nobody", "must not have a # part"),
        ("https://h /v1", "must not hold blanks"),
    ],
)
def test_impossible_address_is_refused_in_a_sentence(name, given, says):
    with pytest.raises(InvalidSettingError) as caught:
        load(name, given)

    (sentence,) = caught.value.problems
    assert sentence.startswith(f"{name} ")
    assert says in sentence
    assert "nobody" not in sentence
