"""Parser of an env file: lines `NAME=value`, with each value taken as written.

`$` and `${…}` have no special meaning, so that a password may hold them. Not here: the meaning of a name (settings.py).
Threads: none; loaded once at start.
"""

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path

from dotenv.parser import parse_stream

from config.variables import InvalidSettingError

# Bytes. Every setting with a long value takes less than a hundredth of it; a device like /dev/zero has no end.
_MOST_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class EnvFile:
    """Values and line numbers of a file, by name. If a name is given twice, the last line counts."""

    path: Path
    values: Mapping[str, str] = field(default_factory=dict)
    lines: Mapping[str, int] = field(default_factory=dict)


def load_env_file(path: Path) -> EnvFile:
    """Return the file's values.

    Raises:
        InvalidSettingError: the file cannot be read, or has other lines. The message has line numbers, no text of a
        line.
    """
    text = _load_text(path)
    values, lines, bad = {}, {}, []
    for binding in parse_stream(StringIO(text)):
        # The parser counts the blank lines before an assignment as its own.
        original = binding.original.string
        line = binding.original.line + len(original) - len(original.lstrip("\n"))
        if binding.error or (binding.key is not None and binding.value is None):
            bad.append(line)
        elif binding.key is not None:
            values[binding.key] = binding.value or ""
            lines[binding.key] = line
    if bad:
        problems = (f"{path}, line {number}, is not NAME=value. Correct or remove it." for number in bad)
        raise InvalidSettingError(*problems)
    return EnvFile(path, values, lines)


def _load_text(path: Path) -> str:
    try:
        content = _load_bytes(path)
    except OSError as exc:
        raise InvalidSettingError(
            f"{path} cannot be read ({exc.strerror}). Make it a file that this account may read, or remove it."
        ) from exc
    try:
        text = content.decode("utf-8-sig")
        odd = content.find(b"\0")  # UTF-16 without its mark is UTF-8, too
    except UnicodeDecodeError as exc:
        text, odd = "", exc.start
    if odd >= 0:
        raise InvalidSettingError(f"{path} is not text in UTF-8 (byte {odd}). Save it as UTF-8.")
    return text


def _load_bytes(path: Path) -> bytes:
    """Return the file's bytes. Opening a pipe does not wait for its other end."""
    with open(path, "rb", opener=_open_at_once) as file:
        if stat.S_ISFIFO(os.fstat(file.fileno()).st_mode):
            raise InvalidSettingError(f"{path} is a pipe. Put a file with its lines in its place, or remove it.")
        content = file.read(_MOST_BYTES + 1) or b""  # None: a terminal at which nothing was typed
    if len(content) > _MOST_BYTES:
        raise InvalidSettingError(f"{path} is larger than {_MOST_BYTES >> 20} MiB. Keep only lines NAME=value in it.")
    return content


def _open_at_once(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))
