"""Server under test: a process in its own process group, started, awaited, killed, stopped.

Not here: requests to it (sender.py). Threads: one event loop.
"""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from omi_actors.clock import Clock
from omi_actors.ids import new_secret
from scripts.lab.replay.http import ConnectionFailedError, HttpClient, Target

_POLL_S = 0.01
_LOG_TAIL_BYTES = 4000
# Environment variables passed on. A developer's own keys must not reach a test.
_INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "PYTHONDONTWRITEBYTECODE")
# The server runs in a folder of its own, with this checkout's code.
_ROOT = Path(__file__).parents[3]


class ServerFailedError(RuntimeError):
    """The server ended, or was not ready in time; the message has the last lines of its log."""


def find_free_port() -> int:
    """Return a port of 127.0.0.1 that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class ServerProcess:
    """A server that can restart many times with the same data.

    `log_file` gets its output; the server runs in that file's folder, so that it finds no other settings.
    """

    def __init__(
        self, command: Sequence[str], *, settings: Mapping[str, str], port: int, log_file: Path, clock: Clock
    ) -> None:
        self.port = port
        self.log_file = log_file
        self.command, self.settings = list(command), dict(settings)
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
                self.command,
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
        """Return True if the server was started and has not ended."""
        return self._process is not None and self._process.poll() is None

    @property
    def exit_code(self) -> int | None:
        """Return the exit code of a process that ended by itself; None while it runs, and after a kill."""
        return None if self._process is None else self._process.poll()

    def send_signal(self, number: signal.Signals) -> None:
        """Send a signal to the process."""
        os.kill(self.pid, number)

    async def wait(self, *, within_s: float) -> int:
        """Wait until the process ends by itself; return its exit code. Raises: ServerFailedError after `within_s`."""
        process = self._process
        if process is None:
            raise ServerFailedError("the server is not running")
        try:
            return await asyncio.to_thread(process.wait, within_s)
        except subprocess.TimeoutExpired as error:
            raise ServerFailedError(f"still running after {within_s:.0f} s:\n{self._log_tail()}") from error

    def kill(self) -> None:
        """Kill the whole process group with SIGKILL and wait for its end. Does nothing when it is not running."""
        if self._process is not None and self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        self._process = None

    async def stop(self, *, within_s: float = 30.0) -> int:
        """Send SIGTERM, wait, and return the exit code.

        Raises: ServerFailedError if it still runs after `within_s`; it is killed before.
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


SERVE = (sys.executable, "-m", "omi_actors", "serve")


def build_server(  # noqa: PLR0913 (one per part)
    work_dir: Path,
    *,
    clock: Clock,
    database_url: str = "",
    model_url: str = "",
    command: Sequence[str] = SERVE,
    extra: Mapping[str, str] | None = None,
    like: Target | None = None,
) -> tuple[ServerProcess, Target]:
    """Return a server with its data and log in `work_dir`, not yet started, and its address.

    Without `database_url` it uses SQLite; without `model_url`, the demo model. `extra` settings override all others.
    With `like`, it gets the address and secrets of that server, to replace it.
    """
    target = like or Target("127.0.0.1", find_free_port(), token=new_secret(), admin_token=new_secret())
    settings = {
        "APP_ENV": "development",
        "LOG_LEVEL": "info",
        "DATA_DIR": str(work_dir / "data"),
        "WEBHOOK_TOKEN": target.token,
        "ADMIN_TOKEN": target.admin_token,
        # A load has few wearables that send as much as many. Counting them costs the same.
        "RATE_LIMIT_MAX_WEBHOOKS": "1000000000",
    }
    if database_url:
        # The servers that tests start do not sync.
        settings |= {"DATABASE_URL": database_url, "ALLOW_UNSYNCED_COMMITS": "true"}
    if model_url:
        settings |= {"OPENAI_BASE_URL": model_url, "OPENAI_API_KEY": "not-a-secret", "OPENAI_MODEL": "fake"}
        # The fake model costs nothing, and a load asks more in a minute than people do.
        settings |= {"MODEL_USER_REQUESTS_PER_MINUTE": "0", "MODEL_REQUESTS_PER_MINUTE": "0"}
        settings |= {"MODEL_USER_TOKENS_PER_DAY": "0", "MODEL_TOKENS_PER_DAY": "0"}
    settings |= extra or {}
    server = ServerProcess(command, settings=settings, port=target.port, log_file=work_dir / "server.log", clock=clock)
    return server, target
