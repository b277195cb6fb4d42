"""The development mode: a server in a child process, replaced whenever a watched file changes.

Not here: what the server does. Threads: the main one; signals set its event.
A process of its own, since a server with threads, sockets and a locked store is only sure to be gone when it has ended.
"""

import signal
import subprocess
import threading
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import click

# Seconds between two looks at the files: a few hundred stats, well under 10 ms.
_LOOK_S = 0.4
# Seconds that a child gets to stop; it gives its requests less (cli/serve.py).
_STOP_S = 15.0

_ROOMS = Path(__file__).parents[2]
_WATCHED_ROOMS = ("omi_actors", "web", "config")

# What a file is recognised by: nanoseconds of its change, and bytes.
Marks = dict[Path, tuple[int, int]]


def watched_files(env_file: Path) -> list[Path]:
    """Return the program's own files, and the env file whether it exists or not."""
    return [env_file, *(path for room in _WATCHED_ROOMS for path in (_ROOMS / room).rglob("*.py"))]


def mark_files(files: Iterable[Path]) -> Marks:
    """Return a mark of every file that is there."""
    marks: Marks = {}
    for path in files:
        try:
            stat = path.stat()
        except OSError:
            continue  # not there now; that it comes is a change
        marks[path] = stat.st_mtime_ns, stat.st_size
    return marks


def find_changed(before: Marks, after: Marks) -> list[Path]:
    """Return the files that came, went or changed, sorted."""
    return sorted(path for path in before.keys() | after.keys() if before.get(path) != after.get(path))


class Reloader:
    """Runs `command` until told to stop, anew after each change of `files()`. A child that ended waits for one."""

    def __init__(self, command: Sequence[str], files: Callable[[], Iterable[Path]]) -> None:
        self._command = list(command)
        self._files = files
        self._stopped = threading.Event()
        self._child: subprocess.Popen[bytes] | None = None

    def run(self) -> int:
        """Serve until SIGINT or SIGTERM; return the last child's exit code."""
        for number in (signal.SIGINT, signal.SIGTERM):
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
        # A session of its own: Ctrl-C reaches us alone, and the child is told once.
        self._child = subprocess.Popen(self._command, start_new_session=True)  # noqa: S603 (ourselves)

    def _await_change(self, before: Marks) -> list[Path]:
        """Return what changed, once something has; nothing when told to stop."""
        while not self._stopped.wait(_LOOK_S):
            changed = find_changed(before, mark_files(self._files()))
            if changed:
                return changed
        return []

    def _stop(self) -> int:
        """End the child, gently if it goes, and return its exit code."""
        child = self._child
        assert child is not None  # noqa: S101 (started before)
        if child.poll() is None:
            child.terminate()
        try:
            return child.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            child.kill()
            return child.wait()
