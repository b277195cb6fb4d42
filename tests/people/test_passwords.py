"""The passwords actor: argon2id with its parameters, the same time for unknown accounts, a bounded mailbox."""

import asyncio
import threading
import time

import pytest
from argon2 import PasswordHasher

from omi_actors.actors.passwords import CAPACITY, HashPassword, PasswordActor, Passwords, VerifyPassword
from omi_actors.errors import BusyError
from omi_actors.store.people.accounts import NO_PASSWORD
from tests.kit.support import loop_runtime, note_exits, run_alone, thread_ended
from tests.people.conftest import Client
from tests.web.http_client import Connection

pytestmark = pytest.mark.threads

RIGHT = "correct horse"


@pytest.fixture
async def start_actor():
    """Start an actor; return its handle."""
    runtime = loop_runtime(asyncio.get_running_loop())
    parent, handles = note_exits(runtime), []

    def start_one(actor):
        handles.append(run_alone(actor, runtime, parent=parent.handle, mailbox_capacity=CAPACITY))
        return handles[-1]

    yield start_one
    for handle in handles:
        handle.actor.halt()
        await thread_ended(handle)


async def test_hash_is_argon2id_with_its_cost_and_verifies_only_its_password(start_actor):
    passwords = Passwords(start_actor(PasswordActor()))

    stored = await passwords.hash(RIGHT)

    assert stored.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert stored != await passwords.hash(RIGHT)
    right, wrong = await passwords.verify(RIGHT, stored), await passwords.verify("wrong horse", stored)
    assert (right.is_right, right.fresh_hash, wrong.is_right) == (True, None, False)


async def test_hash_of_an_old_cost_is_replaced_when_its_password_is_right(start_actor):
    passwords = Passwords(start_actor(PasswordActor()))
    old = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(RIGHT)

    verdict = await passwords.verify(RIGHT, old)

    assert verdict.is_right
    assert verdict.fresh_hash is not None
    assert verdict.fresh_hash.startswith("$argon2id$v=19$m=19456,t=2,p=1$")


async def test_unknown_account_and_one_without_a_password_take_the_time_of_a_wrong_one(start_actor):
    passwords = Passwords(start_actor(PasswordActor()))
    stored = await passwords.hash(RIGHT)

    async def fastest(password_hash):
        times = []
        for _ in range(3):
            began = time.process_time()
            assert not (await passwords.verify("wrong horse", password_hash)).is_right
            times.append(time.process_time() - began)
        return min(times)

    known = await fastest(stored)
    for unknown in (None, NO_PASSWORD, "", "$argon2id$nonsense"):
        assert await fastest(unknown) > known / 2


class Agreeing(PasswordHasher):
    """A hasher that finds every password right."""

    def verify(self, hash, password):  # noqa: A002 (the base's)
        return True


async def test_no_password_is_right_for_an_unknown_account(start_actor):
    passwords = Passwords(start_actor(PasswordActor(Agreeing())))

    assert not (await passwords.verify(RIGHT, None)).is_right


class Gated(PasswordHasher):
    """A hasher that waits until the test lets it go on."""

    def __init__(self):
        super().__init__(time_cost=1, memory_cost=8, parallelism=1)
        self.entered, self.gate = threading.Event(), threading.Event()

    def hash(self, password, **more):
        self.entered.set()
        self.gate.wait(10.0)
        return super().hash(password, **more)


async def test_one_password_at_a_time_and_a_bounded_number_wait(start_actor):
    hasher = Gated()
    passwords = Passwords(start_actor(PasswordActor(hasher)))
    first = asyncio.ensure_future(passwords.hash("first"))
    await asyncio.to_thread(hasher.entered.wait, 10.0)
    waiting = [asyncio.ensure_future(passwords.hash("next")) for _ in range(CAPACITY)]
    await asyncio.sleep(0)

    with pytest.raises(BusyError) as refused:
        await passwords.hash("one too many")

    assert refused.value.retry_after_s > 0
    hasher.gate.set()
    assert len(set(await asyncio.gather(first, *waiting))) == CAPACITY + 1


def test_messages_show_no_password_when_they_are_logged():
    assert RIGHT not in repr(HashPassword(RIGHT)) + repr(VerifyPassword(RIGHT, RIGHT))


async def test_flood_of_sign_ins_is_answered_busy_with_retry_after_and_others_are_served(start):
    running = await start(ENABLE_RATE_LIMIT="false", MAX_CONNECTIONS_PER_ADDRESS="100")
    connections = [await Connection.open(running.port) for _ in range(CAPACITY + 8)]
    form = {"email": "nobody@example.com", "password": "correct horse"}

    replies = await asyncio.gather(*(Client(one)("POST", "/auth/login", form) for one in connections))

    busy = [reply for reply in replies if reply.status == 503]
    assert {reply.status for reply in replies} <= {401, 503, 429}
    assert busy
    assert all(int(reply.headers["retry-after"]) >= 1 and reply.json["code"] == "busy" for reply in busy)
    for connection in connections:
        await connection.close()
