"""Tasks of a person: events of agents with a kind and a payload, which is kept as JSON.

Not here: their forms (web/people/tasks.py). Threads: changes run in the writer between groups, lists in the cold
reader.
"""
# mypy: disallow-untyped-calls=False
# (Pony's stubs leave select untyped.)

from dataclasses import dataclass
from typing import Any

from pony import orm

from omi_actors.domain.people.conversations import Position
from omi_actors.store.transaction import EntityTransaction


@dataclass(frozen=True, slots=True)
class Task:
    """A task. `payload` is JSON, "null" if there is none."""

    task_id: str
    kind: str
    payload: str
    created_at: float

    @property
    def position(self) -> Position:
        """Return its place in a list."""
        return Position(self.created_at, self.task_id)


def add_task(tx: EntityTransaction, account_id: str, task: Task, *, limit: int) -> Task | None:
    """Store a task, unless one with its id is there. Return it as it is kept; None: the account has `limit` of them.

    Raises:
        DuplicateError: another node has stored it at the same moment.
    """
    known = find_task(tx, account_id, task.task_id)
    if known is not None:
        return known
    if orm.count(one for one in tx.db.AgentEvent if one.account.id == account_id) >= limit:
        return None
    tx.db.AgentEvent(
        id=task.task_id, account=account_id, kind=task.kind, payload=task.payload, created_at=task.created_at
    )
    return task


def list_tasks(tx: EntityTransaction, account_id: str, *, before: Position, limit: int) -> tuple[Task, ...]:
    """Load tasks of an account, newest first."""
    at, row_id = before.at, before.row_id
    rows = orm.select(
        (one.created_at, one.id, one.kind, one.payload)
        for one in tx.db.AgentEvent
        if one.account.id == account_id and one.created_at <= at and (one.created_at < at or one.id < row_id)
    )
    page = rows.order_by(orm.desc(1), orm.desc(2))[:limit]
    return tuple(Task(task_id, kind, payload, created_at) for created_at, task_id, kind, payload in page)


def find_task(tx: EntityTransaction, account_id: str, task_id: str) -> Task | None:
    """Load a task of an account; None if it has no such one."""
    row = _find(tx, account_id, task_id)
    return None if row is None else Task(row.id, row.kind, row.payload, row.created_at)


def set_payload(tx: EntityTransaction, account_id: str, task_id: str, *, before: str, payload: str) -> bool:
    """Change a task's payload from `before`. Return False if it is another one, or the task is gone."""
    row = _find(tx, account_id, task_id)
    if row is None or row.payload != before:
        return False
    row.payload = payload
    return True


def _find(tx: EntityTransaction, account_id: str, task_id: str) -> Any | None:
    return orm.select(one for one in tx.db.AgentEvent if one.id == task_id and one.account.id == account_id).first()
