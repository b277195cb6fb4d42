"""How a command ends that cannot do what it was asked for: one sentence, and an exit code.

Not here: what went wrong. Threads: the main one. docs/operating.md lists the codes.
"""

import sys
from pathlib import Path
from typing import NoReturn

import click

# A usage or configuration error: a plain restart would not help.
EXIT_CONFIG = 2
# sysexits.h: something that is needed is not there now; a restart may help.
EXIT_UNAVAILABLE = 69
# sysexits.h: a mistake of the program; docs/operating.md says what to read.
EXIT_SOFTWARE = 70


def fail(sentence: str, code: int = EXIT_CONFIG) -> NoReturn:
    """Say why, in one sentence (a line each, if there are several), and end."""
    for line in sentence.splitlines():
        click.echo(f"omi-actors: {line}", err=True)
    sys.exit(code)


def env_file_to_read(option: Path | None) -> Path:
    """Return the env file: the one that was named, which must be there, else `.env`, which need not."""
    if option is not None and not option.exists():
        fail(f"--env-file: there is no file {option}")
    return option or Path(".env")
