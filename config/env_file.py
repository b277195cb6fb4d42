"""Parser of an env file: lines `NAME=value`, with each value taken as written.

`$` and `${…}` have no special meaning, so that a password may hold them. Not here: the meaning of a name (settings.py).
Threads: none; loaded once at start.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path

from dotenv.parser import parse_stream

from config.variables import InvalidSettingError


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
