"""Redis away, hung, slow or strange: no call waits beyond the timeout, and the link returns by itself."""

import asyncio
import contextlib
import random
import time

import pytest
import redis

from omi_actors.backplane.redis_link import LinkConfig, LinkLostError, RedisLink
from omi_actors.clock import ManualClock
from omi_actors.instruments import metrics
from scripts.lab.replay.redis_server import RedisServer, running_redis
from scripts.lab.replay.server_process import find_free_port
from tests.backplane.conftest import TIMEOUT_S, eventually
from tests.fakes.raw_server import serve_raw

pytestmark = pytest.mark.service


def use_all(node, key="a"):
    """Use everything once; return the seconds that it took."""
    began_s = time.monotonic()
    node.wake("answer")
    node.send_answered("j1")
    assert node.counters.hit(key, limit=1_000_000, window_s=60.0).is_allowed
    return time.monotonic() - began_s


async def test_node_that_starts_without_redis_works_alone_and_joins_later(join):
    server = RedisServer()
    try:
        node = await join(server.url, awaits_link=False)
        await eventually(lambda: node.state.cause == "unreachable")

        assert "REDIS_URL" in node.state.fix
        assert use_all(node) < 0.1

        server.start()
        await eventually(lambda: node.state.is_shared)
        assert node.state.cause == ""
    finally:
        server.discard()


async def test_killed_redis_is_noticed_and_found_again_by_all(own_server, join):
    nodes = [await join(own_server.url) for _ in range(3)]
    received: list[str] = []
    nodes[2].on_wake(received.append)

    own_server.kill()
    await eventually(lambda: not any(node.state.is_shared for node in nodes))
    for node in nodes:
        assert use_all(node) < 0.1
    own_server.start()
    await eventually(lambda: all(node.state.is_shared for node in nodes))

    received.clear()
    nodes[0].wake("again")
    await eventually(lambda: "again" in received)


async def test_hang_is_noticed_without_traffic(own_server, join):
    node = await join(own_server.url)

    own_server.hang()
    try:
        await eventually(lambda: node.state.cause == "timeout")
    finally:
        own_server.go_on()
    await eventually(lambda: node.state.is_shared)


async def test_news_without_a_link_are_lost_and_counted(own_server, join):
    first, second = await join(own_server.url), await join(own_server.url)
    received: list[str] = []
    second.on_answered(received.append)
    lost = metrics.BACKPLANE_DROPPED.labels("unreachable")
    before = lost._value.get()

    own_server.kill()
    await eventually(lambda: not first.state.is_shared)
    first.send_answered("while away")
    own_server.start()
    await eventually(lambda: first.state.is_shared and second.state.is_shared)
    first.send_answered("back")

    await eventually(lambda: received == ["back"])
    assert lost._value.get() == before + 1


async def test_counts_of_before_and_during_an_outage_stay_known(own_server, join):
    first, second = [(await join(own_server.url)) for _ in range(2)]

    def hit(node):
        return node.counters.hit("a", limit=10, window_s=60.0)

    for _ in range(3):
        hit(first)
    with redis.Redis.from_url(own_server.url) as client:
        await eventually(lambda: [client.get(key) for key in client.keys("omi:count:*")] == [b"3"])
    for _ in range(3):
        hit(second)
    await eventually(lambda: second.counters.peek("a", limit=10, window_s=60.0).remaining == 4)

    own_server.kill()
    await eventually(lambda: not second.state.is_shared)
    assert [hit(second).is_allowed for _ in range(5)] == [True] * 4 + [False]

    own_server.start()
    await eventually(lambda: second.state.is_shared)
    assert not hit(second).is_allowed


async def test_redis_that_comes_back_with_its_data_counts_no_hit_twice(own_server, join):
    node = await join(own_server.url)
    for _ in range(6):
        node.counters.hit("a", limit=10, window_s=60.0)
    with redis.Redis.from_url(own_server.url) as client:
        await eventually(lambda: [client.get(key) for key in client.keys("omi:count:*")] == [b"6"])

    own_server.hang()
    await eventually(lambda: not node.state.is_shared)
    own_server.go_on()
    await eventually(lambda: node.state.is_shared)
    node.counters.hit("a", limit=10, window_s=60.0)

    with redis.Redis.from_url(own_server.url) as client:
        await eventually(lambda: [client.get(key) for key in client.keys("omi:count:*")] == [b"7"])
    assert node.counters.peek("a", limit=10, window_s=60.0).remaining == 3


@pytest.mark.parametrize(
    ("options", "change", "cause"),
    [
        (("--requirepass", "right"), "wrong@", "wrong_password"),
        (("--requirepass", "right"), "", "wrong_password"),
        (("--user", "omi on >pw ~* &* +@all -publish"), "omi:pw@", "not_permitted"),
        (("--user", "omi on >pw ~other:* &* +@all"), "omi:pw@", "not_permitted"),
        (("--maxmemory", "1"), "", "refuses_writes"),
        (("--user", "omi on >pw ~* &* -@all +ping"), "omi:pw@", "not_permitted"),
        (("--replicaof", "127.0.0.1 1"), "", "read_only"),
        (("--replicaof", "127.0.0.1 1", "--replica-serve-stale-data", "no"), "", "read_only"),
        (("--min-replicas-to-write", "1"), "", "refuses_writes"),
        (("--cluster-enabled", "yes", "--cluster-port", "{free}"), "", "cluster"),
        (("--rename-command", "PUBLISH", ""), "", "lacks_commands"),
    ],
)
async def test_server_that_refuses_us_is_named_by_its_cause(join, options, change, cause):
    name, *values = options
    free = str(find_free_port())
    given = (name, *(part.format(free=free) for value in values for part in value.split(" ")))
    with running_redis(*given) as server:
        user = change if ":" in change or not change else f":{change}"
        node = await join(server.url.replace("127", f"{user}127", 1), awaits_link=False)

        await eventually(lambda: node.state.cause)

        assert node.state.cause == cause
        assert "right" not in repr(node.state)
        assert use_all(node) < 0.1


@pytest.mark.parametrize("number", ["1", "3", "15", "99"])
async def test_number_that_the_server_has_no_database_for_is_the_cause(join, number):
    with running_redis("--databases", "1") as server:
        node = await join(server.url.removesuffix("0") + number, awaits_link=False)
        await eventually(lambda: node.state.cause)

        assert node.state.cause == "no_such_database"
        assert "leave the number out" in node.state.fix


@pytest.mark.parametrize(
    ("refusal", "cause"),
    [
        ("MOVED 3999 127.0.0.1:6381", "cluster"),
        ("CLUSTERDOWN The cluster is down", "cluster"),
        ("LOADING Redis is loading the dataset in memory", "loading"),
        ("DENIED Redis is running in protected mode because protected mode is enabled", "protected"),
        ("ERR max number of clients reached", "closed"),
        ("ERR invalid DB index", "no_such_database"),
        ("ERR SELECT is not allowed in cluster mode", "cluster"),
        ("ERR Client sent AUTH, but no password is set", "wrong_password"),
        ("ERR unknown command 'SET', with args beginning with: 'omi:probe'", "lacks_commands"),
        ("BUSY Redis is busy running a script.", "timeout"),
    ],
)
async def test_refusal_of_every_command_is_named_by_its_cause(join, refusal, cause):
    async def refuse(reader, writer):
        while await reader.read(65_536):
            writer.write(f"-{refusal}\r\n".encode() * 3)

    async with serve_raw(refuse) as target:
        node = await join(f"redis://{target.host}:{target.port}/2", awaits_link=False)
        await eventually(lambda: node.state.cause)

        assert node.state.cause == cause


async def test_plain_port_behind_a_tls_address_is_named(server, join):
    node = await join(server.url.replace("redis:", "rediss:"), awaits_link=False)
    await eventually(lambda: node.state.cause)

    assert node.state.cause == "no_tls"


async def test_tls_port_behind_a_plain_address_is_named(join):
    async def greet(reader, writer):
        if (await reader.read(65_536)).startswith(b"\x16"):  # a handshake of TLS; anything else is hung up on
            writer.write(b"\x15\x03\x03\x00\x02\x02\x28")  # an alert: no common cipher

    async with serve_raw(greet) as target:
        node = await join(f"redis://{target.host}:{target.port}", awaits_link=False)
        await eventually(lambda: node.state.cause)

        assert node.state.cause == "needs_tls"


async def test_right_password_is_accepted(join):
    with running_redis("--requirepass", "a b/c@d") as server:
        assert (await join(server.url.replace("127", ":a%20b%2Fc%40d@127", 1))).state.is_shared


@pytest.mark.parametrize(
    "reply", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n", b":x\r\n", b"$-9\r\n", b"*99999999\r\n", b"\xff" * 99]
)
async def test_server_of_another_protocol_is_named_and_harmless(join, reply):
    async def speak(reader, writer):
        writer.write(reply)
        await writer.drain()
        await reader.read()

    async with serve_raw(speak) as target:
        node = await join(f"redis://{target.host}:{target.port}", awaits_link=False)
        await eventually(lambda: node.state.cause)

        assert node.state.cause in ("not_redis", "timeout", "closed")
        assert use_all(node) < 0.1


async def test_server_that_closes_each_connection_is_tried_more_rarely(join):
    connections = []

    async def close(reader, writer):
        connections.append(time.monotonic())

    async with serve_raw(close) as target:
        node = await join(f"redis://{target.host}:{target.port}", awaits_link=False)
        await eventually(lambda: len(connections) >= 10)

    # Two each time, since the second asks whether the port speaks TLS. At once, then 0.1, 0.2, 0.4 s and more.
    assert connections[8] - connections[2] >= 0.7
    assert node.state.cause == "closed"


async def test_pauses_grow_to_their_cap_differ_between_nodes_and_restart_after_quiet():
    async def pauses_of(seed, quiet_s):
        clock, pauses = ManualClock(), []
        ended = asyncio.Event()

        async def pause(seconds):
            pauses.append(seconds)
            clock.advance(quiet_s)
            if len(pauses) == 12:
                ended.set()
                await asyncio.Event().wait()

        async def carry(session):
            raise LinkLostError("closed")

        config = LinkConfig("redis://127.0.0.1:1", 0.2, "omi")
        task = asyncio.create_task(RedisLink(config, clock, random.Random(seed), carry, pause).run())
        async with asyncio.timeout(10):
            await ended.wait()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return pauses

    first, second = await pauses_of(1, 0.1), await pauses_of(2, 0.1)

    assert first[0] == second[0] == 0.0
    assert first[1:] != second[1:]
    assert all(0.1 <= pause <= 0.2 for pause in (first[1], second[1]))
    assert first[-1] == second[-1] == 5.0
    assert set(await pauses_of(1, 10.0)) == {0.0}


async def _ask(source, target, is_dead, ends_with):
    while data := await source.read(65_536):
        target.write(data)
        if ends_with in data:
            is_dead.set()


async def _answer(source, target, is_dead, delay_s):
    while data := await source.read(65_536):
        await asyncio.sleep(delay_s)
        if not is_dead.is_set():
            target.write(data)


@contextlib.asynccontextmanager
async def relayed(server, *, delay_s=0.0, ends_with=b"nothing"):
    """Relay to a server, each answer after `delay_s`; a connection that sends `ends_with` gets none from then on."""
    is_over = asyncio.Event()

    async def relay(reader, writer):
        up_reader, up_writer = await asyncio.open_connection("127.0.0.1", server.port)
        is_dead = asyncio.Event()
        asking = asyncio.create_task(_ask(reader, up_writer, is_dead, ends_with))
        answering = asyncio.create_task(_answer(up_reader, writer, is_dead, delay_s))
        await is_over.wait()
        asking.cancel()
        answering.cancel()
        up_writer.close()

    async with serve_raw(relay) as target:
        yield f"redis://{target.host}:{target.port}"
        is_over.set()


async def test_dead_subscription_is_noticed(server, join):
    async with relayed(server, ends_with=b"SUBSCRIBE") as url:
        node = await join(url)

        await eventually(lambda: node.state.cause == "timeout")


async def test_slow_redis_delays_and_keeps_its_link(server, join):
    async with relayed(server, delay_s=TIMEOUT_S / 4) as url:
        slow, other = await join(url), await join(server.url)
        received: list[str] = []
        other.on_answered(received.append)

        assert use_all(slow) < 0.1

        await eventually(lambda: received == ["j1"])
        assert slow.state.is_shared


async def test_loss_is_logged_once_not_for_every_request(own_server, join, capsys, caplog):
    lost = metrics.BACKPLANE_SHARED
    node = await join(own_server.url)
    assert lost._value.get() == 1

    own_server.kill()
    await eventually(lambda: node.state.cause == "unreachable")
    for _ in range(100):
        use_all(node)
    assert lost._value.get() == 0
    own_server.start()
    await eventually(lambda: node.state.is_shared)

    log = capsys.readouterr().out + caplog.text  # by whether an earlier test has set logging up
    assert (log.count("backplane_lost"), log.count("backplane_back")) == (1, 1)
