"""A process that reads for a store reader: it has a read-only connection, and runs the statement functions it is sent.

Python's lock is not shared with it: its rows, scores and statements take no time from the event loop.
Not here: the actor that owns it (actors.py), transactions (engine.py). Threads: the actor's; the process has one. It
ends when the actor's end of the connection is closed, so also with the server, however that ends.
"""

import gc
import os
import pickle
import signal
import subprocess
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from multiprocessing.connection import Connection, Pipe
from time import monotonic
from typing import Any, TypeVar

from omi_actors.errors import StoreError, StoreUnavailableError
from omi_actors.instruments.logs import get_logger
from omi_actors.store.engine import Engine, StoreConfig
from omi_actors.store.transaction import NodeIdentity, Transaction

T = TypeVar("T")

_log = get_logger(__name__)

# Seconds from one start to the next: without memory for it, a process may die again and again.
_PAUSE_S = 30.0
# Seconds that it has to end by itself.
_END_S = 1.0
# Loaded before the first query, which would wait for them.
_STATEMENTS = ("conversations", "memories", "recall", "stats")


class ReaderProcess:
    """The process as its actor has it. While it is not ready, the actor reads by itself.

    process = ReaderProcess(config)
    found = process.read(query) if process.is_ready() else engine.read(query, is_apart=True)
    process.stop()
    """

    def __init__(self, config: StoreConfig) -> None:
        self._config = config
        self._process: subprocess.Popen[bytes] | None = None
        self._connection: Any = None  # a Connection of bytes; typeshed types what it carries, too
        self._is_ready = False
        self._starts_after_mono_s = 0.0

    def is_ready(self, within_s: float = 0.0) -> bool:
        """Return True if the process takes queries. It starts with the first call, and some time after it was lost."""
        if self._process is None and monotonic() >= self._starts_after_mono_s:
            self._start()
        if self._process is not None and not self._is_ready and self._connection.poll(within_s):
            with suppress(StoreUnavailableError):  # it is lost
                self._receive()
                self._is_ready = True
        return self._is_ready

    def _start(self) -> None:
        self._starts_after_mono_s = monotonic() + _PAUSE_S
        self._connection, theirs = Pipe()
        try:
            with theirs:
                self._process = subprocess.Popen(  # noqa: S603 (our own program)
                    (sys.executable, "-m", __name__),
                    stdin=theirs.fileno(),
                    env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
                )
            self._connection.send(self._config)
        except OSError as exc:
            self._lose(exc)

    def read(self, query: Callable[[Transaction], T]) -> T:
        """Run `query` there, each of its statements on a snapshot of its own. It is a `Call` of a module's function.

        Raises:
            StoreUnavailableError: the process has ended. StoreError: as the engine's.
        """
        try:
            self._connection.send_bytes(pickle.dumps(query, pickle.HIGHEST_PROTOCOL))
        except OSError as exc:
            raise self._lose(exc) from exc
        found: T = self._receive()
        return found

    def _receive(self) -> Any:
        try:
            value, error = pickle.loads(self._connection.recv_bytes())  # noqa: S301 (our own program)
        except (EOFError, OSError) as exc:
            raise self._lose(exc) from exc
        if error is not None:
            raise error
        return value

    def _lose(self, cause: Exception) -> StoreUnavailableError:
        code = self._end()
        _log.warning("reader_process_lost", exit_code=code, error=type(cause).__name__)
        return StoreUnavailableError("the process that reads from the store has ended")

    def stop(self) -> None:
        """End the process, if it runs."""
        self._end()

    def _end(self) -> int | None:
        """End the process and return its exit code."""
        process, was_ready = self._process, self._is_ready
        self._process, self._is_ready = None, False
        self._connection = self._connection and self._connection.close()
        if process is None:
            return None
        if not was_ready:
            process.kill()  # it reads at most
        try:
            return process.wait(_END_S)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()


def serve(connection: Connection) -> None:
    """Read for the actor at the other end of `connection`: its config comes first, then queries until it is closed."""
    engine = Engine(connection.recv(), NodeIdentity("reader"), readonly=True)
    for name in _STATEMENTS:
        import_module(f"omi_actors.store.people.{name}")
    engine.open()
    gc.collect()
    gc.freeze()
    try:
        reply: tuple[Any, Exception | None] = None, None
        while True:
            connection.send_bytes(pickle.dumps(reply, pickle.HIGHEST_PROTOCOL))
            reply = _answer(engine, pickle.loads(connection.recv_bytes()))  # noqa: S301 (our own program)
    finally:
        engine.close()


def _answer(engine: Engine, query: Callable[[Transaction], Any]) -> tuple[Any, Exception | None]:
    try:
        return engine.read(query, is_apart=True), None
    except StoreError as exc:
        return None, exc
    except Exception as exc:  # noqa: BLE001 (the actor crashes of it, as of an error of its own)
        error = RuntimeError(f"{type(exc).__name__} in the process that reads")
        error.add_note("".join(traceback.format_tb(exc.__traceback__)))
        return None, error


def main() -> None:
    """Serve on the standard input. Signals of a terminal or a service manager are for the server."""
    for one in (signal.SIGINT, signal.SIGTERM):
        signal.signal(one, signal.SIG_IGN)
    try:
        serve(Connection(0))
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return  # the server has closed it
    except StoreError:
        sys.exit(1)  # the store does not open; the actor, which reads by itself then, says why


if __name__ == "__main__":
    main()
