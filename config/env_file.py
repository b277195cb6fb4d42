"""An env file: lines `NAME=value`, as they stand there.

Not here: what a name means (settings.py). Threads: none; read once at start.
A value is taken as written: `$` and `${…}` are nothing special, so that a password may hold them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path

from dotenv.parser import parse_stream

from config.errors import InvalidSettingError


@dataclass(frozen=True, slots=True)
class EnvFile:
    """What a file holds: values and line numbers by name. Of a name that stands there twice the last one counts."""

    path: Path
    values: Mapping[str, str] = field(default_factory=dict)
    lines: Mapping[str, int] = field(default_factory=dict)


def read_env_file(path: Path) -> EnvFile:
    """Return what is in the file.

    Raises:
        InvalidSettingError: it cannot be read, or has lines that are not NAME=value. Lines are numbered, not quoted.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as exc:
        raise InvalidSettingError(f"{path} is not text in UTF-8 (byte {exc.start}). Save it as UTF-8.") from None
    except OSError as exc:
        raise InvalidSettingError(
            f"{path} cannot be read ({exc.strerror}). Make it a file that this account may read, or remove it."
        ) from exc
    values, lines, bad = {}, {}, []
    for binding in parse_stream(StringIO(text)):
        line = _first_line(binding.original.string, binding.original.line)
        if binding.error or (binding.key is not None and binding.value is None):
            bad.append(line)
        elif binding.key is not None:
            values[binding.key] = binding.value or ""
            lines[binding.key] = line
    if bad:
        problems = (f"{path}, line {number}, is not NAME=value. Correct or remove it." for number in bad)
        raise InvalidSettingError(*problems)
    return EnvFile(path, values, lines)


def _first_line(original: str, line: int) -> int:
    """Return the number of the line itself: the parser counts the empty ones before it as its own."""
    return line + len(original) - len(original.lstrip("\n"))
