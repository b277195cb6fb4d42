"""How a person calls this program again.

Not here: its commands (cli/). Threads: any.
"""

import os
import shutil
import sys
from pathlib import Path

_NAME = "omi-actors"


def own_arguments(called: str | None = None) -> list[str]:
    """Return what starts another process of this program in the way this one was started."""
    path = Path(sys.argv[0] if called is None else called)
    return [sys.executable, *([str(path)] if path.name == _NAME else ["-m", "omi_actors"])]


def own_command(called: str | None = None) -> str:
    """Return what to type for `omi-actors` here: by its name if that is on the PATH, else by the way it was called."""
    path = Path(sys.argv[0] if called is None else called)
    if path.name != _NAME:
        return "python -m omi_actors"
    found = shutil.which(_NAME)
    if found is not None and Path(found).resolve() == path.resolve():
        return _NAME
    shown = os.path.relpath(path)
    return str(path) if shown.startswith("..") else shown
