"""Settings of the edge: accepted values, and refusals with their reason."""

import pytest

from config.settings import InvalidSettingError, load_settings
from config.values import parse_trusted


def load(**overrides):
    return load_settings(overrides=overrides)


@pytest.mark.parametrize("value", ["true", "TRUE", "yes", "on"])
def test_trusting_every_proxy_is_refused_with_the_way_out(value):
    with pytest.raises(InvalidSettingError, match=r"TRUST_PROXY must not be true.*how many proxies"):
        load(TRUST_PROXY=value)


@pytest.mark.parametrize("value", ["maybe", "10.0.0.0/99", "-1", "1.5", "11", "10.0.0.1/8", "localhost"])
def test_other_nonsense_about_proxies_is_refused(value):
    with pytest.raises(InvalidSettingError, match="TRUST_PROXY must"):
        load(TRUST_PROXY=value)


@pytest.mark.parametrize("value", ["", "0", "false", "no", "off"])
def test_no_proxy_is_trusted_when_the_setting_is_off(value):
    assert not load(TRUST_PROXY=value).trust_proxy


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("2", "2"),
        ("10.0.0.0/8, 192.0.2.7", "10.0.0.0/8,192.0.2.7/32"),
        ("loopback", "127.0.0.0/8,::1/128"),
        ("2001:db8::/32", "2001:db8::/32"),
    ],
)
def test_trusted_proxies_are_shown_as_they_can_be_given(value, shown):
    assert str(load(TRUST_PROXY=value).trust_proxy) == shown
    assert parse_trusted(shown) == parse_trusted(value)


@pytest.mark.parametrize(
    "value", ["*", "https://a.example.com,*", "app.example.com", "https://a.example.com/path", "https://*", "ftp://a.b"]
)
def test_origin_that_is_malformed_or_too_wide_is_refused(value):
    with pytest.raises(InvalidSettingError, match="CORS_ORIGINS must"):
        load(CORS_ORIGINS=value)


def test_origins_are_taken_as_people_write_them():
    origins = load(CORS_ORIGINS="https://App.Example.com/, https://*.example.org ,http://localhost:8081").cors_origins

    assert origins == ("https://app.example.com", "https://*.example.org", "http://localhost:8081")


def test_no_page_host_or_proxy_is_allowed_by_default():
    settings = load()

    assert (settings.cors_origins, settings.allowed_hosts, bool(settings.trust_proxy)) == ((), (), False)
    assert (settings.enable_rate_limit, settings.enable_helmet, settings.enable_compression) == (True, True, True)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ENABLE_RATE_LIMIT", "perhaps"),
        ("RATE_LIMIT_WINDOW", "10"),
        ("RATE_LIMIT_MAX_REQUESTS", "0"),
        ("MAX_CONNECTIONS", "0"),
        ("REQUEST_TIMEOUT", "soon"),
        ("MAX_BUFFERED_BODIES", "1kb"),
        ("CORS_MAX_AGE", "-1"),
    ],
)
def test_impossible_value_is_refused_by_name(name, value):
    with pytest.raises(InvalidSettingError, match=name):
        load(**{name: value})
