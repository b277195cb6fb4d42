"""The operator's tables as Pony entities; see entities.py.

Not here: all others. Threads: as there.
"""
# mypy: disallow-untyped-calls=False
# (Pony's stubs leave PrimaryKey untyped.)

from typing import Any

from pony.orm import Optional, PrimaryKey, Required


def define_operator_entities(db: Any) -> None:
    """Define them on `db`."""

    class QueuePause(db.Entity):  # type: ignore[misc]
        _table_ = "queue_pause"
        kind = PrimaryKey(str)
        paused_at = Required(float)

    class OperatorEvent(db.Entity):  # type: ignore[misc]
        _table_ = "operator_event"
        id = PrimaryKey(int, size=64, auto=True)
        who = Required(str)
        happened_at = Required(float)
        action = Required(str)
        target = Required(str)
        job_count = Required(int)
        request_id = Optional(str)
