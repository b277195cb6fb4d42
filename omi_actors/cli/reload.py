"""The development mode: a server in a child process, replaced whenever a watched file changes.

Each server is a process, since only the end of a process always frees threads, sockets and the locked store.
Not here: the server (server.py). Threads: the main one; signals set its event.
"""

import signal
import subprocess
import threading
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import click

# Seconds between two passes over the files: a few hundred stats, well under 10 ms.
_PASS_S = 0.4
# Seconds for a child to stop; it gives its requests less (cli/serve.py).
_STOP_S = 15.0

_ROOMS = Path(__file__).parents[2]
_WATCHED_ROOMS = ("omi_actors", "web", "config")

# Marks by which a change is seen: the file's time of change in ns, and its size in bytes.
Marks = dict[Path, tuple[int, int]]


def watched_files(env_file: Path) -> list[Path]:
    """Return the program's own files and the env file, which may be missing."""
    return [env_file, *(path for room in _WATCHED_ROOMS for path in (_ROOMS / room).rglob("*.py"))]


def mark_files(files: Iterable[Path]) -> Marks:
    """Return the state of every existing file, to compare later."""
    marks: Marks = {}
    for path in files:
        try:
            stat = path.stat()
        except OSError:
            continue  # missing now; its creation is a change
        marks[path] = stat.st_mtime_ns, stat.st_size
    return marks


def find_changed(before: Marks, after: Marks) -> list[Path]:
    """Return the files that were created, deleted or changed, sorted."""
    return sorted(path for path in before.keys() | after.keys() if before.get(path) != after.get(path))


class Reloader:
    """Runs `command`, and restarts it after each change of `files()`, until a signal stops it.

    If the child ends by itself, the next change starts a new child.
    """

    def __init__(self, command: Sequence[str], files: Callable[[], Iterable[Path]]) -> None:
        self._command = list(command)
        self._files = files
        self._stopped = threading.Event()
        self._child: subprocess.Popen[bytes] | None = None

    def run(self) -> int:
        """Serve until SIGINT, SIGTERM or SIGHUP; return the last child's exit code."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda *_: self._stopped.set())
        code = 0
        while not self._stopped.is_set():
            marks = mark_files(self._files())
            self._start()
            changed = self._await_change(marks)
            code = self._stop()
            if changed:
                click.echo(f"{changed[0].name} has changed; starting anew", err=True)
        return code

    def _start(self) -> None:
        # A session of its own: Ctrl-C reaches only us, and we signal the child once.
        self._child = subprocess.Popen(self._command, start_new_session=True)  # noqa: S603 (ourselves)

    def _await_change(self, before: Marks) -> list[Path]:
        """Wait for changed files and return them; return none after a signal to stop."""
        while not self._stopped.wait(_PASS_S):
            changed = find_changed(before, mark_files(self._files()))
            if changed:
                return changed
        return []

    def _stop(self) -> int:
        """Stop the child and return its exit code. If it does not end in time, kill it."""
        child = self._child
        assert child is not None  # noqa: S101 (started before)
        if child.poll() is None:
            child.terminate()
        try:
            return child.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            child.kill()
            return child.wait()
