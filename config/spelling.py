"""Misspelt names: the nearest right one.

Not here: what is done about them (settings.py). Threads: any, pure.
"""

import difflib
from collections.abc import Collection

# Share of letters in common, in order. In a file of ours a little likeness means us; in the environment, where
# everybody puts names (XDG_DATA_DIRS, HOSTNAME), only what is all but the same.
IN_OUR_FILE = 0.8
IN_ENVIRONMENT = 0.87


def find_nearest(name: str, known: Collection[str], likeness: float) -> str | None:
    """Return the known name that `name` probably should be; None when it is known, or like none."""
    if name in known:
        return None
    folded = name.upper().replace("-", "_")
    if folded in known:
        return folded
    swapped = next((right for right in known if sorted(right) == sorted(folded)), None)
    close = difflib.get_close_matches(folded, known, n=1, cutoff=likeness)
    return swapped or (close[0] if close else None)
