"""The state of retention in the store: the clock's leaps, the rest after them, and the operator's word.

Not here: what follows from it (domain/work/retention.py), the rows that go (retention.py). Threads: the writer's;
`load_state` any store actor's. Only SQLite's clock can leap: PostgreSQL has one clock for all nodes.
"""

from dataclasses import astuple, replace

from omi_actors.domain.work.queue_admin import Action
from omi_actors.domain.work.retention import (
    RetentionRound,
    RetentionRules,
    RetentionState,
    after_leap,
    find_cutoffs,
)
from omi_actors.store.queue_admin import record_event
from omi_actors.store.transaction import EntityTransaction, Transaction

_LOAD = "SELECT leaps, leap_s, lag_s, ran_s, excess, may_exceed FROM retention_state"
_SAVE = (
    "INSERT INTO retention_state (id, leaps, leap_s, lag_s, ran_s, excess, may_exceed) VALUES (1, ?, ?, ?, ?, ?, ?)"
    " ON CONFLICT (id) DO UPDATE SET leaps = excluded.leaps, leap_s = excluded.leap_s, lag_s = excluded.lag_s,"
    " ran_s = excluded.ran_s, excess = excluded.excess, may_exceed = excluded.may_exceed"
)


def load_state(tx: Transaction) -> RetentionState:
    """Load the state."""
    row = tx.fetch_one(_LOAD)
    if row is None:
        return RetentionState()
    leaps, leap_s, lag_s, ran_s, excess, may_exceed = row
    return RetentionState(
        leaps=leaps, leap_s=leap_s, lag_s=lag_s, ran_s=ran_s, excess=excess, may_exceed=bool(may_exceed)
    )


def note_leap(tx: Transaction, leap_s: float) -> None:
    """Let retention rest, since the clock has leapt ahead by `leap_s` (negative: back)."""
    _save(tx, after_leap(load_state(tx), leap_s))


def count_uptime(tx: Transaction, seconds: float) -> None:
    """Count how long the server has run since the latest leap, as long as there is one to be counted from."""
    tx.run("UPDATE retention_state SET ran_s = ran_s + ? WHERE leap_s IS NOT NULL", (seconds,))


def begin_round(tx: Transaction, rules: RetentionRules) -> RetentionRound | None:
    """Return the round that may begin now, None while retention rests. The operator's word is used up by it."""
    state = load_state(tx)
    if state.rest_left_s:
        return None
    if state.may_exceed:
        _save(tx, replace(state, may_exceed=False))
    has_limit = rules.has_limit and not state.may_exceed
    return RetentionRound(find_cutoffs(tx.now_s(), rules, state), rules.max_percent if has_limit else None)


def note_excess(tx: Transaction, excess: str) -> None:
    """Say of which table more would go than may in one round; "" of none any more."""
    state = load_state(tx)
    if state.excess != excess:
        _save(tx, replace(state, excess=excess))


def resume(tx: EntityTransaction, *, request_id: str) -> bool:
    """Take the operator's word that the clock is right, and that the next round may delete what it finds.

    Returns False if retention did not rest.
    """
    state = load_state(tx)
    _save(tx, RetentionState(leaps=state.leaps, may_exceed=True))
    record_event(tx, Action.RESUME_RETENTION, {}, job_count=0, request_id=request_id)
    return bool(state.rest_left_s or state.lag_s or state.excess)


def _save(tx: Transaction, state: RetentionState) -> None:
    tx.run(_SAVE, astuple(state))
