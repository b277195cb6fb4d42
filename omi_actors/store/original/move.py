"""The move of the original's database into ours, in batches, and its record, after which it goes on.

Each batch is one transaction of ours. The record is a file: after each batch it holds the place of the last row and the
numbers so far. If the program ends between the two, the batch comes again, and finds its rows there.
Not here: reading (source.py), the rows (persons.py, talk.py), the command (cli/import_original.py).
Threads: the command's.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec

from config.durable import replace_file
from omi_actors.errors import StoreError
from omi_actors.store.engine import Engine
from omi_actors.store.original import persons, talk
from omi_actors.store.original.batch import Moved
from omi_actors.store.original.source import LEFT_OUT, TABLES, OriginalDatabase, Place, Row, Table
from omi_actors.store.transaction import Transaction

_MOVERS: Mapping[str, Callable[[Transaction, Sequence[Row]], Moved]] = {
    "User": persons.move_users,
    "OmiUserLink": persons.move_links,
    "OmiSession": talk.move_sessions,
    "Conversation": talk.move_conversations,
    "TranscriptSegment": talk.move_segments,
    "Message": talk.move_messages,
    "UserPreference": persons.move_preferences,
    "UserContextWindow": persons.move_windows,
    "AgentEvent": persons.move_tasks,
    "NotificationEvent": persons.move_notifications,
    "Memory": persons.move_memories,
}
# Rows in a transaction: below the number of parameters that every SQLite takes.
_BATCH = 500


class TableRecord(msgspec.Struct, kw_only=True):
    """The move of one table so far. `place` is that of the last row; `in_all` was counted at the start."""

    in_all: int
    kept: int = 0
    there: int = 0
    left_out: dict[str, int] = msgspec.field(default_factory=dict)
    place: Place | None = None
    is_done: bool = False

    @property
    def read(self) -> int:
        """Return the number of rows that were read."""
        return self.kept + self.there + sum(self.left_out.values())


class MoveRecord(msgspec.Struct, kw_only=True):
    """The record of a move out of `source`, the host and name of the original's database."""

    source: str
    tables: dict[str, TableRecord] = {}

    @property
    def is_done(self) -> bool:
        """Return True if all tables are moved."""
        return all(table.name in self.tables and self.tables[table.name].is_done for table in TABLES)


Progress = Callable[[str, TableRecord], None]


def load_record(file: Path, source: str) -> MoveRecord:
    """Return the record in a file; a new one if there is no file.

    Raises:
        StoreError: it is the record of another database, or no record.
    """
    try:
        record = msgspec.json.decode(file.read_bytes(), type=MoveRecord)
    except FileNotFoundError:
        return MoveRecord(source=source)
    except (OSError, msgspec.MsgspecError) as exc:
        raise StoreError(f"{file} is no record of a move. Remove it, or name another --record.") from exc
    if record.source != source:
        raise StoreError(f"{file} is the record of {record.source}, not of {source}. Name another --record.")
    return record


def move_all(
    original: OriginalDatabase, engine: Engine, file: Path, on_batch: Progress, *, is_shared: bool
) -> MoveRecord:
    """Move what the record in `file` does not say is moved. `on_batch` is called after each batch.

    `is_shared`: other processes can use our database now. An SQLite store has one process at a time.

    Raises:
        StoreError: a node runs on our database, or a batch cannot be stored.
    """
    record = load_record(file, original.name)
    if is_shared:
        _store(engine, _refuse_beside_nodes)
    for table in TABLES:
        kept = record.tables.setdefault(table.name, TableRecord(in_all=original.count(table.name)))
        for place, moved in _move_table(original, engine, table, kept):
            _note(kept, place, moved)
            _save(record, file)
            on_batch(table.name, kept)
        kept.is_done = True
        _save(record, file)
    for name, reason in LEFT_OUT.items():
        count = original.count(name)
        record.tables[name] = TableRecord(in_all=count, left_out={reason: count} if count else {}, is_done=True)
    _save(record, file)
    return record


def _move_table(
    original: OriginalDatabase, engine: Engine, table: Table, kept: TableRecord
) -> Iterator[tuple[Place, Moved]]:
    if kept.is_done:
        return
    rows = original.read(table, after=kept.place)
    while batch := list(islice(rows, _BATCH)):
        yield batch[-1][0], _store(engine, _build_write(table, [row for _, row in batch]))


def _build_write(table: Table, rows: Sequence[Row]) -> Callable[[Transaction], Moved]:
    return lambda tx: _MOVERS[table.name](tx, rows)


def _note(kept: TableRecord, place: Place, moved: Moved) -> None:
    kept.place = place
    kept.kept += moved.kept
    kept.there += moved.there
    kept.left_out = dict(Counter(kept.left_out) + moved.left_out)


def _save(record: MoveRecord, file: Path) -> None:
    """Replace the file at once, so that it is always a whole record."""
    replace_file(file, msgspec.json.format(msgspec.json.encode(record)) + b"\n")


def _store(engine: Engine, write: Callable[[Transaction], Any]) -> Any:
    (outcome,) = engine.commit_group([write])
    if outcome.error is not None:
        raise outcome.error
    return outcome.value


def _refuse_beside_nodes(tx: Transaction) -> None:
    """Refuse to write beside a node: its actors count conversations and segments in memory.

    Raises:
        StoreError: a node's lease has not ended.
    """
    nodes: Sequence[Any] = tx.fetch("SELECT name, lease_until FROM node WHERE lease_until > ?", (tx.now_s(),))
    if nodes:
        wait_s = max(until for _, until in nodes) - tx.now_s()
        names = ", ".join(name for name, _ in nodes)
        raise StoreError(f"node {names} uses the database. Stop every server, and wait {wait_s:.0f} s.")
