"""The check of Redis: reachable, unreachable, or not set."""

import pytest
import redis

from config.settings import load_settings
from omi_actors.backplane.redis_link import FIXES
from omi_actors.doctor.finding import State
from omi_actors.doctor.servers import check_redis
from scripts.lab.replay.redis_server import running_redis


def look(**variables: str):
    return list(check_redis(load_settings(overrides=variables)))


def test_nothing_is_reported_without_redis():
    assert look() == []


@pytest.mark.service
def test_reachable_redis_is_ok_and_left_unchanged():
    with running_redis() as server:
        (found,) = look(REDIS_URL=server.url)

        assert found.state is State.OK
        with redis.Redis.from_url(server.url) as client:
            assert client.dbsize() == 0


def test_unreachable_redis_is_named_with_its_fix_and_not_its_password():
    (found,) = look(REDIS_URL="redis://:canary@127.0.0.1:1/0")

    assert (found.state, found.check) == (State.PROBLEM, "redis")
    assert "unreachable" in found.said
    assert found.fix.startswith("Start the Redis server")
    assert "canary" not in found.said + found.fix


@pytest.mark.service
@pytest.mark.parametrize(
    ("options", "change", "cause"),
    [
        (("--databases", "1"), ("/0", "/3"), "no_such_database"),
        (("--rename-command", "SET", ""), ("", ""), "lacks_commands"),
        ((), ("redis:", "rediss:"), "no_tls"),
        (("--user", "omi", "on", ">pw", "~*", "&*", "+@all", "-subscribe"), ("127", "omi:pw@127"), "not_permitted"),
        (("--user", "omi", "on", ">pw", "~*", "&foo:*", "+@all"), ("127", "omi:pw@127"), "not_permitted"),
    ],
)
def test_redis_that_cannot_serve_us_is_named_with_its_cause_and_fix(options, change, cause):
    with running_redis(*options) as server:
        (found,) = look(REDIS_URL=server.url.replace(*change))

    assert found.said.startswith(f"REDIS_URL: {cause};")
    assert found.fix.casefold() == f"{FIXES[cause]}.".casefold()
