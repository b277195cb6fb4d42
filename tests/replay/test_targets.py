import pytest

from scripts.lab.replay.targets import ForeignTargetError, parse_target


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:3000", "http://localhost:3000/", "http://[::1]:3000", "http://127.8.8.8:3000"]
)
def test_target_on_this_machine_is_allowed(url):
    assert parse_target(url).port == 3000


@pytest.mark.parametrize(
    "url", ["http://10.0.0.5:3000", "http://example.org", "http://127.0.0.1.example.org", "http://0.0.0.0:1"]
)
def test_target_elsewhere_is_refused_unless_owned(url):
    with pytest.raises(ForeignTargetError, match="--i-own-this-server"):
        parse_target(url)

    assert parse_target(url, is_ours=True).host


@pytest.mark.parametrize("url", ["https://127.0.0.1", "127.0.0.1:3000", "http://", "http://127.0.0.1:3000/omi-webhook"])
def test_target_must_be_a_plain_http_address(url):
    with pytest.raises(ValueError, match="looks like"):
        parse_target(url)


def test_target_adds_its_token_to_the_query():
    target = parse_target("http://127.0.0.1:3000", token="a b&c")  # noqa: S106 (only its letters matter)

    assert target.webhook_path("/omi-webhook", {"uid": "u1"}) == "/omi-webhook?uid=u1&token=a+b%26c"
