"""Connections to an address that several processes share: each takes one at a time, if no other has fewer.

Clients keep their connections, so the process that takes a connection has its load for a long time. A process that does
not answer is not waited for.
Not here: the processes (omi_actors/cli/processes.py), limits of connections (listener.py). Threads: the event loop.
"""

import asyncio
import contextlib
import mmap
import os
import socket
import struct
import tempfile
from collections.abc import Callable
from typing import Any

from omi_actors.clock import Clock

# Open connections of a process, and the monotonic second at which it wrote them: the clock is the machine's.
_ENTRY = struct.Struct("<qd")
# Seconds between two writings, and those after which a process counts as silent.
_WRITE_S, _SILENT_S = 0.25, 1.0
# Seconds for which a connection is left to others, and how often: then it is taken by whoever is there.
_LEAVE_S, _MOST_LEFT = 0.005, 10


def make_loads(count: int) -> int:
    """Return the descriptor of the memory in which `count` processes write their loads."""
    with tempfile.TemporaryFile() as file:
        file.truncate(count * _ENTRY.size)
        return os.dup(file.fileno())


class Loads:
    """The open connections of all processes. Each writes its own entry, and reads all."""

    def __init__(self, descriptor: int, number: int, clock: Clock) -> None:
        self._entries = mmap.mmap(descriptor, 0)
        self._own = (number - 1) * _ENTRY.size
        self._clock = clock

    def write(self, connections: int) -> None:
        """Write this process's entry."""
        _ENTRY.pack_into(self._entries, self._own, connections, self._clock.mono_s())

    def has_fewer_elsewhere(self, connections: int) -> bool:
        """Return True if a process that is well has fewer connections than `connections`."""
        since_s = self._clock.mono_s() - _SILENT_S
        return any(count < connections and at_s > since_s for count, at_s in _ENTRY.iter_unpack(self._entries[:]))


class Door:
    """Takes connections from a shared socket, from `open` to `close`."""

    def __init__(
        self,
        sock: socket.socket,
        loads: Loads,
        count: Callable[[], int],
        take: Callable[[socket.socket, Any], None],
    ) -> None:
        self._sock = sock
        self._loads = loads
        self._count = count
        self._take = take
        self._left = 0
        self._timer: asyncio.TimerHandle | None = None
        self._writing: asyncio.TimerHandle | None = None

    def open(self) -> None:
        """Begin to take connections."""
        self._loop = asyncio.get_running_loop()
        self._write()
        self._wait()

    def close(self) -> None:
        """Take no more; the socket is another's to close."""
        self._loop.remove_reader(self._sock)
        for timer in (self._timer, self._writing):
            if timer is not None:
                timer.cancel()

    def _write(self) -> None:
        self._loads.write(self._count())
        self._writing = self._loop.call_later(_WRITE_S, self._write)

    def _wait(self) -> None:
        self._timer = None
        self._loop.add_reader(self._sock, self._come)

    def _come(self) -> None:
        """Take the connection that waits, or leave it to others for a moment."""
        if self._left < _MOST_LEFT and self._loads.has_fewer_elsewhere(self._count()):
            self._left += 1
            self._loop.remove_reader(self._sock)
            self._timer = self._loop.call_later(_LEAVE_S, self._wait)
            return
        self._left = 0
        with contextlib.suppress(BlockingIOError, ConnectionAbortedError):  # another process was faster; it is gone
            connection, address = self._sock.accept()
            self._take(connection, address)
            self._loads.write(self._count())
