"""An odd REDIS_URL is refused with a sentence that never quotes it."""

import pytest

from config.settings import InvalidSettingError, load_settings, masked


@pytest.mark.parametrize(
    "url",
    [
        "redis://localhost",
        "redis://localhost:6379/2",
        "rediss://user:p%40ss@redis.example.com:6380/0?ssl_ca_certs=/etc/ca.pem",
        "redis://[::1]:6379?db=3",
        "unix:///run/redis.sock?db=1",
    ],
)
def test_url_of_a_redis_is_taken_and_never_shown(url):
    settings = load_settings(overrides={"REDIS_URL": url})

    assert settings.redis_url is not None
    assert settings.redis_url.get_secret_value() == url
    assert masked(settings)["REDIS_URL"] == "set"


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("localhost:6379", "must begin with redis://"),
        ("http://canary@h", "must begin with redis://"),
        ("redis://", "must name a host"),
        ("redis:///0", "must name a host"),
        ("redis://:canary@", "must name a host"),
        ("redis://h:0", "port 0"),
        ("redis://h:99999", "cannot be read"),
        ("redis://:canary/x@h", "cannot be read"),
        ("redis://[::1", "cannot be read"),
        ("redis://h/name", "database's number"),
        ("redis://h/0#canary", "must not hold a #"),
        ("redis://h?ssl_cert_reqs=none", "option that is not taken"),
        ("rediss://h?ssl_cert_reqs=none", "it may have db and ssl_ca_certs"),
        ("redis://h?decode_responses=true", "option that is not taken"),
        ("redis://h?password=canary", "option that is not taken"),
        ("unix://run/redis.sock", "socket's path"),
        ("unix://", "socket's path"),
    ],
)
def test_odd_url_is_refused_and_not_quoted(url, says):
    with pytest.raises(InvalidSettingError) as refused:
        load_settings(overrides={"REDIS_URL": url})

    (problem,) = refused.value.problems
    assert problem.startswith("REDIS_URL ")
    assert says in problem
    assert "canary" not in problem


def test_prefix_that_would_reach_into_other_keys_is_refused():
    with pytest.raises(InvalidSettingError):
        load_settings(overrides={"REDIS_KEY_PREFIX": "omi:*"})
