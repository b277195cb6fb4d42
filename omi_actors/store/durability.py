"""Durability of commits: the settings of the database that decide it, read back, and a refusal where they are unsafe.

Not here: setting them (sqlite.py, postgres.py). Threads: the store actors'.
Source: postgresql.org/docs, "Write Ahead Log" settings; sqlite.org/pragma.html#pragma_synchronous.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from omi_actors.errors import StoreError
from omi_actors.store.transaction import Transaction

# Values with which a crash of the database's machine loses nothing that was committed. Beyond "on", synchronous_commit
# says what standbys must have; each value but "off" waits for the database's own disk.
_SAFE: Mapping[str, frozenset[str]] = {
    "fsync": frozenset({"on"}),
    "full_page_writes": frozenset({"on"}),
    "synchronous_commit": frozenset({"on", "local", "remote_write", "remote_apply"}),
    "synchronous": frozenset({"full", "extra"}),
    "journal_mode": frozenset({"wal"}),
}


@dataclass(frozen=True, slots=True)
class Durability:
    """The settings in force, by name."""

    settings: Mapping[str, str]

    @property
    def unsafe(self) -> list[str]:
        """Return the settings with which a crash of the database's machine loses commits, as `name value`."""
        return [f"{name} {value}" for name, value in self.settings.items() if value not in _SAFE[name]]

    def __str__(self) -> str:
        """Return whether commits are synced, and the settings."""
        words = ", ".join(f"{name} {value}" for name, value in self.settings.items())
        return f"{'not synced' if self.unsafe else 'synced'} ({words})"


def read_durability(tx: Transaction) -> Durability:
    """Ask the database for the settings that hold for this connection."""
    return Durability(tx.fetch_durability())


def refuse_unsafe(tx: Transaction) -> None:
    """Raise StoreError if the settings are unsafe."""
    found = read_durability(tx)
    if found.unsafe:
        raise StoreError(f"{describe_unsafe(found)}. {REMEDY}")


REMEDY = (
    "Turn them on (ALTER SYSTEM SET fsync = on; SELECT pg_reload_conf();), or set ALLOW_UNSYNCED_COMMITS=true if that "
    "may happen."
)


def describe_unsafe(found: Durability) -> str:
    """Return the sentence, without a full stop, about unsafe settings."""
    return f"the database has {', '.join(found.unsafe)}: a crash of its machine loses what was acknowledged"
