"""Several processes at one address: the parent that starts, watches and stops them, and a child's place among them.

The parent has bound the address; each child inherits the listening sockets and takes connections from the same queue.
So a connection waits for a process that can take it, whichever dies, is paused or drains.
Not here: the server of a child (server.py), its way of taking connections (web/edge/sharing.py).
Threads: the main one of each process, which runs an event loop.
"""

import asyncio
import contextlib
import json
import random
import signal
import socket
import tempfile
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from tornado.netutil import bind_sockets

from config.settings import LoadedSettings
from omi_actors.cli.banner import Facts, announce
from omi_actors.cli.program import EXIT_CONFIG, EXIT_SOFTWARE, listen_to_signal, listen_to_signals
from omi_actors.clock import SystemClock
from omi_actors.doctor.port import explain_bind_error
from omi_actors.errors import SettingsError
from omi_actors.instruments.logs import get_logger
from omi_actors.kit.restarts import (
    Backoff,
    Intensity,
    Streak,
    extend_streak,
    is_exceeded,
    record_crash,
    restart_delay_s,
)
from web.edge.sharing import make_loads

_log = get_logger(__name__)
T = TypeVar("T")

# A child that ends more often than this has a fault that a further start does not mend. The service manager is next.
INTENSITY = Intensity(max_restarts=5, period_s=60.0)
_BACKOFF = Backoff()
# Seconds that a child has to end beyond SHUTDOWN_GRACE_MS: its actors may take some (system.py).
_STOP_S = 30.0


@dataclass(frozen=True, slots=True)
class Place:
    """A child's place, an option of its command line: its number from 1, and the descriptors that it inherits.

    They are those of the listening sockets, of the memory with the loads of all children, and of the channel. The
    children reach each other by sockets in `folder`.
    """

    number: int
    listening: tuple[int, ...]
    loads: int
    channel: int
    folder: str

    @classmethod
    def parse(cls, text: str) -> "Place":
        """Read the option."""
        number, channel, loads, listening, folder = text.split(",", 4)
        return cls(int(number), tuple(map(int, listening.split("+"))), int(loads), int(channel), folder)

    def __str__(self) -> str:
        listening = "+".join(map(str, self.listening))
        return f"{self.number},{self.channel},{self.loads},{listening},{self.folder}"

    @property
    def descriptors(self) -> tuple[int, ...]:
        """Return the descriptors that the child inherits."""
        return (*self.listening, self.loads, self.channel)


class Member:
    """A child's channel to its parent: it reports that the child serves, and notes the parent's end."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self._channel = socket.socket(fileno=place.channel)
        self._channel.setblocking(False)  # noqa: FBT003 (the library's order)

    def open_sockets(self) -> list[socket.socket]:
        """Return the listening sockets."""
        return [socket.socket(fileno=descriptor) for descriptor in self.place.listening]

    def report_ready(self, facts: Facts, on_parents_end: Callable[[], None]) -> None:
        """Tell the parent that this process serves, with what only it knows of the banner's facts.

        `on_parents_end` is called when the parent is gone: it would neither restart nor stop this process.
        """
        names = ("model", "is_demo", "operator_link", "event_loop")
        known = {name: getattr(facts, name) for name in names}
        self._channel.send(json.dumps(known).encode() + b"\n")
        loop = asyncio.get_running_loop()

        def look() -> None:
            with contextlib.suppress(BlockingIOError, ConnectionError):
                if self._channel.recv(1):
                    return
                _log.error("parent_gone", hint="the parent process has ended; this one drains and ends, too")
            loop.remove_reader(self._channel)
            on_parents_end()

        loop.add_reader(self._channel, look)


def run_together(loaded: LoadedSettings, build_command: Callable[[Place], Sequence[str]]) -> int:
    """Bind the address, serve it with several processes, and return the exit code.

    Raises:
        SettingsError: the address cannot be used; the message says what to do.
    """
    began_mono_s, settings = SystemClock().mono_s(), loaded.settings
    try:
        sockets = bind_sockets(settings.port, settings.host)
    except OSError as exc:
        raise SettingsError(explain_bind_error(exc, settings.host, settings.port)) from exc

    def tell(known: Mapping[str, Any]) -> None:
        ready_s, port = SystemClock().mono_s() - began_mono_s, sockets[0].getsockname()[1]
        announce(Facts(loaded=loaded, port=port, ready_s=ready_s, **known))

    async def serve(folder: str) -> int:
        loads = make_loads(settings.processes)
        running = Processes(build_command, sockets, loads, folder, tell, grace_s=settings.shutdown_grace_s)
        listen_to_signals(running.interrupt, running.hang_up)
        listen_to_signal(signal.SIGUSR1, running.print_tables)
        listen_to_signal(signal.SIGUSR2, running.replace)
        return await running.run(settings.processes)

    # The path of a socket must be short, and that of DATA_DIR may not be.
    with tempfile.TemporaryDirectory(prefix="omi-") as folder:
        return asyncio.run(serve(folder))


class _Child:
    """One child process, replaced when it has ended by itself."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.process: asyncio.subprocess.Process | None = None
        # Set while the process serves; `is_replaced` while its end is wanted.
        self.serves = asyncio.Event()
        self.is_replaced = False
        # Our end of the channel, whose end tells the child of ours.
        self.channel: asyncio.StreamWriter | None = None
        self._crashes: tuple[float, ...] = ()
        self._streak: Streak | None = None

    def send_signal(self, number: signal.Signals) -> None:
        """Send a signal, if the process runs."""
        if self.process is not None and self.process.returncode is None:
            self.process.send_signal(number)

    async def wait(self) -> int:
        """Wait for the end of the process, and return its code."""
        assert self.process is not None  # noqa: S101 (started before)
        code = await self.process.wait()
        self.serves.clear()
        if self.channel is not None:
            self.channel.close()
        return code

    def find_pause_s(self, now_s: float, luck: float) -> float | None:
        """Return the seconds to wait before the next start; None if there were too many crashes."""
        self._crashes = record_crash(self._crashes, now_s, INTENSITY)
        if is_exceeded(self._crashes, INTENSITY):
            return None
        self._streak = extend_streak(self._streak, now_s, _BACKOFF)
        return restart_delay_s(self._streak, _BACKOFF, luck)


class Processes:
    """Runs children until a signal, or a fault that no restart mends. `run` is called once.

    `build_command` returns a child's command line by its place. `announce` is called with the facts of the first child
    when all serve.
    """

    def __init__(
        self,
        build_command: Callable[[Place], Sequence[str]],
        sockets: Sequence[socket.socket],
        loads: int,
        folder: str,
        announce: Callable[[Mapping[str, Any]], None],
        *,
        grace_s: float,
    ) -> None:
        self._build_command = build_command
        self._sockets = sockets
        self._loads = loads
        self._folder = folder
        self._announce = announce
        self._stop_s = grace_s + _STOP_S
        self._clock = SystemClock()
        self._rng = random.Random()  # noqa: S311 (jitter, not secrets)
        self._code = 0
        self._children: list[_Child] = []
        self._ending = asyncio.Event()
        self._rolling: asyncio.Task[None] | None = None

    async def run(self, count: int) -> int:
        """Serve with `count` children; return the exit code."""
        self._children = [_Child(number) for number in range(1, count + 1)]
        first, *others = self._children
        try:
            # The first alone: it upgrades the schema, and what no process can start with is told once.
            facts = await self._start_first(first)
            await asyncio.gather(*map(self._start_first, others))
            if facts is not None and not self._ending.is_set():
                self._announce(facts)
                await asyncio.gather(*map(self._keep, self._children))
        finally:
            code = await self._stop()
        return code

    # --- signals

    def interrupt(self) -> None:
        """Stop gracefully at the first signal; at the second the children end at once."""
        if self._ending.is_set():
            self._send(signal.SIGTERM)
        self._ending.set()

    def hang_up(self) -> None:
        """Stop gracefully: the terminal has closed."""
        self._ending.set()

    def print_tables(self) -> None:
        """Let each child print its console tables."""
        self._send(signal.SIGUSR1)

    def replace(self) -> None:
        """Replace the children one after another, as after an upgrade of the program. The others serve meanwhile."""
        if self._rolling is None or self._rolling.done():
            self._rolling = asyncio.create_task(self._replace_all(), name="replacement of the processes")

    def _send(self, number: signal.Signals) -> None:
        for child in self._children:
            child.send_signal(number)

    # --- children

    async def _start_first(self, child: _Child) -> dict[str, Any] | None:
        """Start a child for the first time. If it ends before it serves, all end with its code."""
        facts = await self._start(child)
        if facts is None and not self._ending.is_set():
            self._end_with(await child.wait())
        return facts

    async def _start(self, child: _Child) -> dict[str, Any] | None:
        """Start a child and wait until it serves; return its facts. None: it has ended, or all must end."""
        if self._ending.is_set():
            return None
        ours, theirs = socket.socketpair()
        with theirs:
            listening = tuple(one.fileno() for one in self._sockets)
            place = Place(child.number, listening, self._loads, theirs.fileno(), self._folder)
            # A session of its own: Ctrl-C reaches only the parent, which signals each child once.
            child.process = await asyncio.create_subprocess_exec(
                *self._build_command(place), pass_fds=place.descriptors, start_new_session=True
            )
        reader, child.channel = await asyncio.open_unix_connection(sock=ours)
        line = await self._unless_ending(reader.readline())
        if not line:
            return None
        child.serves.set()
        facts: dict[str, Any] = json.loads(line)
        return facts

    async def _unless_ending(self, waiting: Coroutine[Any, Any, T]) -> T | None:
        """Wait, but no longer than until all must end; then return None."""
        task, ending = asyncio.ensure_future(waiting), asyncio.ensure_future(self._ending.wait())
        await asyncio.wait((task, ending), return_when=asyncio.FIRST_COMPLETED)
        for left in (task, ending):
            left.cancel()
        return task.result() if task.done() and not task.cancelled() else None

    async def _keep(self, child: _Child) -> None:
        """Start a child again whenever it has ended."""
        while (code := await self._unless_ending(child.wait())) is not None:
            if child.is_replaced:
                child.is_replaced = False
            elif not await self._pause(child, code):
                return
            await self._start(child)

    async def _pause(self, child: _Child, code: int) -> bool:
        """Wait before the next start of a child that has ended by itself. Return False if there is none."""
        pause_s = None if code == EXIT_CONFIG else child.find_pause_s(self._clock.mono_s(), self._rng.random())
        if pause_s is None:
            _log.critical(
                "processes_given_up",
                process=child.number,
                exit_code=code,
                note="a restart does not help" if code == EXIT_CONFIG else "it ended again and again; all stop",
            )
            self._end_with(code)
            return False
        _log.error("process_ended", process=child.number, exit_code=code, restart_in_s=round(pause_s, 1))
        await self._unless_ending(asyncio.sleep(pause_s))
        return True

    async def _replace_all(self) -> None:
        for child in self._children:
            if self._ending.is_set() or not child.serves.is_set():
                continue  # it is being started anew already
            _log.info("process_replaced", process=child.number)
            child.is_replaced = True
            child.serves.clear()
            child.send_signal(signal.SIGTERM)
            await self._unless_ending(child.serves.wait())

    # --- the end

    def _end_with(self, code: int) -> None:
        self._code = code if code > 0 else EXIT_SOFTWARE
        self._ending.set()

    async def _stop(self) -> int:
        """Stop all children, and return the exit code."""
        self._ending.set()
        if self._rolling is not None:
            self._rolling.cancel()
        for one in self._sockets:
            one.close()
        self._send(signal.SIGTERM)
        running = [child for child in self._children if child.process is not None]
        codes = asyncio.gather(*(child.wait() for child in running))
        try:
            async with asyncio.timeout(self._stop_s):
                await asyncio.shield(codes)
        except TimeoutError:
            _log.error("processes_killed", note=f"they did not end within {self._stop_s:.0f} s")
            self._send(signal.SIGKILL)
        ended = [code for code in await codes if code != -signal.SIGTERM]  # one that had not begun to serve
        return self._code or next((code if code > 0 else EXIT_SOFTWARE for code in ended if code), 0)
