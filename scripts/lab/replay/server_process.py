"""The server as a process of its own, in its own process group: started, waited for, killed, stopped.

Not here: what is sent to it. Threads: one event loop.
"""

import asyncio
import os
import signal
import socket
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from omi_actors.clock import Clock
from scripts.lab.replay.http import ConnectionFailedError, HttpClient

_POLL_S = 0.01
_LOG_TAIL_BYTES = 4000
# What a server needs of the caller's environment. Not more: a developer's own keys must not reach a test.
_INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "PYTHONDONTWRITEBYTECODE")
# The server runs in a folder of its own, and must still be this checkout's.
_ROOT = Path(__file__).parents[3]


class ServerFailedError(RuntimeError):
    """The server ended, or did not become ready in time. The message ends with the last lines of its log."""


def find_free_port() -> int:
    """Return a port of 127.0.0.1 that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class ServerProcess:
    """One server that can be started again and again on the same data.

    `log_file` gets what it prints; its folder is where the server runs, so that it finds no settings of somebody else.
    """

    def __init__(
        self, command: Sequence[str], *, settings: Mapping[str, str], port: int, log_file: Path, clock: Clock
    ) -> None:
        self.port = port
        self.log_file = log_file
        self._command = list(command)
        inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
        self._env = {**inherited, "PYTHONPATH": str(_ROOT), **settings, "PORT": str(port), "HOST": "127.0.0.1"}
        self._clock = clock
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Return the running process's id. Raises: ServerFailedError when there is none."""
        if self._process is None:
            raise ServerFailedError("the server is not running")
        return self._process.pid

    async def start(self, *, ready_within_s: float = 60.0) -> float:
        """Start and wait until `/readyz` answers 200; return the seconds that it took.

        Raises: ServerFailedError
        """
        begin_mono_s = self._clock.mono_s()
        with self.log_file.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603, ASYNC220 (our own command; a start takes a millisecond)
                self._command,
                env=self._env,
                cwd=self.log_file.parent,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        async with HttpClient("127.0.0.1", self.port, timeout_s=5.0) as http:
            while not await _is_ready(http):
                if self._process.poll() is not None:
                    raise ServerFailedError(f"the server ended with {self._process.returncode}:\n{self._log_tail()}")
                if self._clock.mono_s() - begin_mono_s > ready_within_s:
                    raise ServerFailedError(f"not ready after {ready_within_s:.0f} s:\n{self._log_tail()}")
                await asyncio.sleep(_POLL_S)
        return self._clock.mono_s() - begin_mono_s

    @property
    def is_running(self) -> bool:
        """Tell whether it was started and has not ended."""
        return self._process is not None and self._process.poll() is None

    @property
    def exit_code(self) -> int | None:
        """How the process ended by itself; None while it runs, and when it does not."""
        return None if self._process is None else self._process.poll()

    def send_signal(self, number: signal.Signals) -> None:
        """Send a signal to the process."""
        os.kill(self.pid, number)

    async def wait(self, *, within_s: float) -> int:
        """Wait until it ends by itself; return its exit code. Raises: ServerFailedError when it does not in time."""
        process = self._process
        if process is None:
            raise ServerFailedError("the server is not running")
        try:
            return await asyncio.to_thread(process.wait, within_s)
        except subprocess.TimeoutExpired as error:
            raise ServerFailedError(f"still running after {within_s:.0f} s:\n{self._log_tail()}") from error

    def kill(self) -> None:
        """End the whole process group with SIGKILL and wait for its end. Does nothing when it is not running."""
        if self._process is not None and self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        self._process = None

    async def stop(self, *, within_s: float = 30.0) -> int:
        """Ask it to end with SIGTERM and return its exit code.

        Raises: ServerFailedError when it is still there after `within_s`; then it is killed.
        """
        self.send_signal(signal.SIGTERM)
        try:
            return await self.wait(within_s=within_s)
        finally:
            self.kill()

    def _log_tail(self) -> str:
        return self.log_file.read_bytes()[-_LOG_TAIL_BYTES:].decode(errors="replace")


async def _is_ready(http: HttpClient) -> bool:
    try:
        return (await http.request("GET", "/readyz")).status == 200  # noqa: PLR2004 (HTTP's OK)
    except ConnectionFailedError:
        return False
