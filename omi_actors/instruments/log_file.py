"""The log file: a thread of its own writes lines to files of bounded size and number.

Not here: content and form of a line (logs.py). Threads: the logging thread renders a line, because the line carries
the turn's context; one other thread writes, so that a slow disk never holds the event loop.
"""

import logging
import os
import queue
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from logging.handlers import RotatingFileHandler
from pathlib import Path

from omi_actors.errors import SettingsError
from omi_actors.instruments import metrics
from omi_actors.instruments.logs import build_formatter

FILE_NAME = "omi-actors.log"
# Lines that may wait for the disk: 3 MB at 300 bytes a line. Further lines are counted and missing in the file.
_WAITING_LINES = 10_000
# Seconds for writing the last lines at the end.
_CLOSE_S = 5.0


@contextmanager
def log_file(folder: Path, *, max_bytes: int, max_files: int, name: str = FILE_NAME) -> Iterator[None]:
    """Write all log lines also to `folder` until the block ends. The end waits for lines that are not yet written.

    Raises:
        SettingsError: the folder or the file cannot be made.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        files = _Files(folder / name, maxBytes=max_bytes, backupCount=max_files - 1, encoding="utf-8")
    except OSError as exc:
        raise SettingsError(
            f"LOG_DIR: {folder / name} cannot be written ({exc.strerror}). Make the folder writable, set another, "
            "or set ENABLE_FILE_LOGGING=false."
        ) from exc
    handler = LogFile(files)
    logging.getLogger().addHandler(handler)
    try:
        yield
    finally:
        logging.getLogger().removeHandler(handler)
        handler.close()


class LogFile(logging.Handler):
    """Log handler that renders a line at once and queues it for the writing thread. `close` writes the queued lines."""

    def __init__(self, files: logging.Handler, waiting_lines: int = _WAITING_LINES) -> None:
        super().__init__()
        self.setFormatter(build_formatter(as_json=True))
        self._files = files
        self._lines: queue.Queue[str | None] = queue.Queue(waiting_lines)
        self._thread = threading.Thread(target=self._write, name="log file", daemon=True)
        self._thread.start()

    def emit(self, record: logging.LogRecord) -> None:
        """Queue the line. Never blocks."""
        try:
            self._lines.put_nowait(self.format(record))
        except queue.Full:
            metrics.LOG_LINES_LOST.labels("full").inc()

    def close(self) -> None:
        """Write the queued lines and end the thread. If the disk hangs, stop waiting after some seconds."""
        super().close()
        try:
            self._lines.put(None, timeout=_CLOSE_S)
        except queue.Full:
            return
        self._thread.join(_CLOSE_S)

    def _write(self) -> None:
        while (line := self._lines.get()) is not None:
            self._files.handle(logging.makeLogRecord({"msg": line}))
        self._files.close()


class _Files(RotatingFileHandler):
    """Log files that only this user can read. Lost lines are counted; the first is reported on standard error."""

    _has_reported = False

    def _open(self) -> TextIOWrapper:
        file = open(self.baseFilename, self.mode, encoding=self.encoding, opener=_private)  # noqa: SIM115 (the base closes it)
        assert isinstance(file, TextIOWrapper)  # noqa: S101 (the mode is a text's)
        return file

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 (the base's name)
        """Count the lost line and go on: a full disk must not end the program."""
        del record
        metrics.LOG_LINES_LOST.labels("unwritable").inc()
        if not self._has_reported:
            self._has_reported = True
            error = sys.exc_info()[1]
            sys.stderr.write(f"omi-actors: lines are lost to {self.baseFilename}: {type(error).__name__}\n")


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
