"""The root: the whole tree's start, end, and giving up."""

import asyncio
import threading

import pytest

from omi_actors.kit import life
from omi_actors.kit.errors import RestartIntensityError
from omi_actors.kit.handle import Handle
from omi_actors.kit.spec import ChildSpec
from omi_actors.kit.supervisor import start_root
from tests.kit.support import (
    NO_BACKOFF,
    WAIT_S,
    Do,
    Ping,
    Puppet,
    ThreadPuppet,
    fail_with,
    loop_runtime,
    new_future,
    thread_ended,
)


class Program:
    """A root over one child; `given_up` holds what it was told."""

    def __init__(self, build, *, max_zombies=8, **spec):
        self.runtime = loop_runtime(asyncio.get_running_loop())
        self.given_up: list[BaseException] = []
        self.child = Handle(ChildSpec("child", "child", build=build, **spec), self.runtime)
        self.root = start_root(
            self.runtime,
            [self.child],
            on_give_up=self.given_up.append,
            backoff=NO_BACKOFF,
            max_zombies=max_zombies,
        )


async def test_it_starts_its_children_and_knows_them_by_name():
    program = Program(Puppet)

    assert await program.root.handle_of("child").ask(Ping(), timeout_s=WAIT_S) == "child"
    assert await program.root.stop(WAIT_S)


async def test_after_three_restarts_in_thirty_seconds_it_gives_up_once():
    program = Program(Puppet)
    for _ in range(3):
        program.child.tell(fail_with(ValueError()))
    assert await program.child.ask(Ping(), timeout_s=WAIT_S) == "child"
    assert program.given_up == []

    program.child.tell(fail_with(ValueError()))
    await asyncio.sleep(0)
    for _ in range(10):
        await program.runtime.pause()

    assert [type(error) for error in program.given_up] == [RestartIntensityError]


async def test_its_stop_takes_no_longer_than_it_may():
    program = Program(Puppet)

    async def hang(_actor):
        await new_future()

    program.child.tell(Do(hang))

    assert not await program.root.stop(0.01)
    assert program.given_up == []


@pytest.mark.threads
async def test_more_zombies_than_allowed_end_the_program():
    program = Program(ThreadPuppet, max_zombies=0, shutdown_timeout_s=0.001)
    entered, gate = threading.Event(), threading.Event()

    def hang(_actor):
        entered.set()
        gate.wait(WAIT_S)

    program.child.tell(Do(hang))
    await asyncio.to_thread(entered.wait, WAIT_S)

    await life.stop(program.child, drain=False)

    assert "zombie" in str(program.given_up[0])
    gate.set()
    await thread_ended(program.child)
    await program.root.stop(WAIT_S)
