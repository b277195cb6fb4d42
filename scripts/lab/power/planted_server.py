"""Server with a planted fault, which the power cuts must find: SQLite's `synchronous=NORMAL`, so commits do not sync.

Run as a process: python -m scripts.lab.power.planted_server. Not here: faults without power cuts
(chaos/sabotaged_server.py). Threads: the server's main one.
"""

import sqlite3

from omi_actors.cli import main
from omi_actors.store.sqlite import SQLite


def plant() -> None:
    """Make every connection of a writer fast and unsafe, and the server believe that it syncs."""
    set_up = SQLite._set_up  # noqa: SLF001 (no setting of the program can do this)

    def set_up_unsafe(self: SQLite, con: sqlite3.Connection) -> None:
        set_up(self, con)
        con.execute("PRAGMA synchronous=NORMAL")

    SQLite._set_up = set_up_unsafe  # type: ignore[method-assign]  # noqa: SLF001 (see above)
    SQLite.fetch_durability = lambda *_: {"synchronous": "full"}  # type: ignore[method-assign]


if __name__ == "__main__":
    plant()
    main(["serve"])
