"""Checks of the settings: what keeps them from being read, and what has no effect.

Not here: the rules (config/). Threads: the main one.
"""

import re
from collections.abc import Iterator

from config.settings import InvalidSettingError, Reading
from omi_actors.doctor.finding import Finding, note, ok, problem

# Where the last sentence begins: it is the way out.
_SENTENCES = re.compile(r"(?<=[.?]) (?=[A-Z])")


def describe_refusal(error: InvalidSettingError) -> Iterator[Finding]:
    """Return each problem of settings that cannot be read."""
    for sentence in error.problems:
        yield problem("settings", *_split(sentence))


def check_reading(reading: Reading) -> Iterator[Finding]:
    """Say which env file was read, and what in it or in the environment has no effect."""
    file = reading.env_file
    read = f"{len(file.values)} variables in {file.path.resolve()}" if file else "no .env; environment and defaults"
    yield ok("settings", read)
    for sentence in reading.notes:
        yield note("settings", *_split(sentence))


def _split(sentence: str) -> tuple[str, str]:
    *said, fix = _SENTENCES.split(sentence)
    return " ".join(said) or sentence, fix
