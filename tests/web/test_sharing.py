"""Connections at an address that several processes share: spread evenly, and no silent process is waited for."""

import asyncio
import socket
from contextlib import ExitStack

import pytest

from omi_actors.clock import ManualClock
from web.edge.sharing import Door, Loads, make_loads


class Process:
    """One process of several: it takes connections and keeps them."""

    def __init__(self, number, descriptor, listening, clock):
        self.taken: list[socket.socket] = []
        self.loads = Loads(descriptor, number, clock)
        self.listening = listening.dup()
        self.door = Door(self.listening, self.loads, lambda: len(self.taken), self._take)

    def _take(self, connection, _address):
        self.taken.append(connection)


@pytest.fixture
async def site():
    """Two processes at one address: `connect(count)` makes connections that stay open."""
    clock, descriptor = ManualClock(), make_loads(2)
    with socket.create_server(("127.0.0.1", 0)) as listening, ExitStack() as clients:
        listening.setblocking(False)
        processes = [Process(number, descriptor, listening, clock) for number in (1, 2)]

        def connect(count):
            for _ in range(count):
                clients.enter_context(socket.create_connection(listening.getsockname()))

        yield processes, connect, clock
        for process in processes:
            process.door.close()
            for sock in (process.listening, *process.taken):
                sock.close()


async def taken_by(processes, count):
    async with asyncio.timeout(10):
        while sum(len(process.taken) for process in processes) < count:  # noqa: ASYNC110 (no event marks it)
            await asyncio.sleep(0.001)
    return [len(process.taken) for process in processes]


async def test_connections_are_spread_evenly(site):
    processes, connect, _ = site
    for process in processes:
        process.door.open()

    connect(20)

    assert await taken_by(processes, 20) == [10, 10]


async def test_process_that_is_silent_is_not_waited_for(site):
    processes, connect, clock = site
    for process in processes:
        process.door.open()
    processes[1].door.close()  # it is paused: its entry stays
    clock.advance(1.5)

    connect(5)

    assert await taken_by(processes, 5) == [5, 0]


async def test_connection_is_left_to_a_process_that_is_busy_for_a_moment_only(site):
    processes, connect, _ = site
    for process in processes:
        process.door.open()
    processes[1].door.close()  # it has no time, and its entry is fresh

    connect(3)

    assert await taken_by(processes, 3) == [3, 0]


async def test_process_with_fewer_connections_gets_the_next_ones(site):
    processes, connect, _ = site
    processes[0].door.open()
    connect(4)
    await taken_by(processes, 4)
    processes[1].door.open()

    connect(4)

    assert await taken_by(processes, 8) == [4, 4]
