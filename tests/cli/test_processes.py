"""The parent of several processes: what it does when children serve, die, cannot start, and when a signal comes.

The children are small programs that speak to their parent as a server does.
"""

import asyncio
import os
import signal
import socket
import sys
from dataclasses import dataclass, field

import pytest

from omi_actors.cli import processes
from omi_actors.cli.processes import Place, Processes
from omi_actors.kit.restarts import Backoff
from web.edge.sharing import make_loads

# It says that it serves, and ends on a signal, or with its parent.
CHILD = """
import os, signal, sys
number, channel = map(int, sys.argv[1].split(",")[:2])
signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
{first}
os.write(channel, b'{{"number": %d, "pid": %d}}\\n' % (number, os.getpid()))
{then}
os.read(channel, 1)
os._exit(7)
"""


@dataclass
class Family:
    """A running parent in this process, and what it has told."""

    parent: Processes
    listening: socket.socket
    told: list[dict[str, int]] = field(default_factory=list)

    def pids(self):
        return [child.process.pid for child in self.parent._children if child.process]

    async def serving(self, count):
        for child in self.parent._children[:count]:
            await child.serves.wait()


@pytest.fixture
async def start(monkeypatch):
    """Start a parent with children that run `first` before they serve, and `then` afterwards."""
    monkeypatch.setattr(processes, "_BACKOFF", Backoff(0.01, 0.02))
    tasks = []

    def build(first: str = "", then: str = "", count: int = 2) -> tuple[Family, "asyncio.Task[int]"]:
        listening = socket.create_server(("127.0.0.1", 0))
        script = CHILD.format(first=first, then=then)
        told: list[dict[str, int]] = []

        def command(place: Place) -> list[str]:
            return [sys.executable, "-S", "-c", script, str(place)]

        parent = Processes(
            command, [listening], make_loads(count), "", lambda known: told.append(dict(known)), grace_s=0.0
        )
        task = asyncio.create_task(parent.run(count))
        tasks.append((parent, task))
        return Family(parent, listening, told), task

    yield build
    for parent, task in tasks:
        parent.interrupt()
        await task


async def until(claim):
    async with asyncio.timeout(20):
        while not claim():  # noqa: ASYNC110 (no event comes from another process)
            await asyncio.sleep(0.005)


async def test_one_announcement_is_made_when_all_serve_and_a_signal_ends_all_with_0(start):
    family, task = start()
    await until(lambda: family.told)

    family.parent.interrupt()

    assert await task == 0
    assert [known["number"] for known in family.told] == [1]
    assert family.listening.fileno() == -1


async def test_child_that_dies_is_replaced_and_the_others_go_on(start, caplog):
    family, task = start()
    await until(lambda: family.told)
    first, second = family.pids()

    os.kill(second, signal.SIGKILL)
    await until(lambda: family.pids()[1] != second)
    await family.serving(2)

    assert family.pids()[0] == first
    assert not task.done()


async def test_child_that_dies_again_and_again_ends_all_with_a_code_that_asks_for_a_restart(start):
    family, task = start(then="number == 2 and os.kill(os.getpid(), 9)")

    async with asyncio.timeout(20):
        assert await task == 70
    assert family.told


async def test_fault_that_a_restart_does_not_mend_ends_all_at_once(start):
    _, task = start(then="number == 2 and os._exit(2)")

    async with asyncio.timeout(20):
        assert await task == 2


async def test_children_that_cannot_start_end_all_with_their_code_and_the_others_are_not_tried(start, tmp_path):
    tried = tmp_path / "tried"
    family, task = start(first=f"open('{tried}', 'a').write(str(number)); os._exit(69)")

    async with asyncio.timeout(20):
        assert await task == 69
    assert tried.read_text() == "1"
    assert family.told == []


async def test_children_are_replaced_one_after_another(start, tmp_path):
    log = tmp_path / "log"
    write = f"open('{log}', 'a').write(f'{{number}} ')"
    family, _ = start(then=write)
    await until(lambda: family.told and log.read_text() == "1 2 ")
    before = family.pids()

    family.parent.replace()
    await until(lambda: log.read_text() == "1 2 1 2 ")
    await family.serving(2)

    assert not set(before) & set(family.pids())


async def test_signal_ends_children_that_do_not_serve_yet(start):
    family, task = start(first="os.read(channel, 1)")
    await until(family.pids)

    family.parent.hang_up()

    async with asyncio.timeout(20):
        assert await task in (0, 7)  # by the signal, or by the end of the channel
    assert family.told == []


async def test_children_that_do_not_end_are_killed(start, monkeypatch):
    monkeypatch.setattr(processes, "_STOP_S", 0.2)
    family, task = start(first="signal.signal(signal.SIGTERM, signal.SIG_IGN)", then="import time; time.sleep(60)")
    await until(lambda: family.told)

    family.parent.interrupt()

    async with asyncio.timeout(20):
        assert await task == 70
