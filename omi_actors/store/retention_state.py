"""The stored state of retention: the clock's leaps, the pause after a leap, and the operator's permission.

Not here: the rules (domain/work/retention.py), the deletion of rows (retention.py). Threads: the writer's;
`load_state` any store actor's. Only SQLite's clock can leap: PostgreSQL has one clock for all nodes.
"""

from dataclasses import astuple, replace

from omi_actors.domain.work.queue_admin import Action, Requester
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
    """Record a leap of the clock by `leap_s` seconds (negative: back), which pauses retention."""
    _save(tx, after_leap(load_state(tx), leap_s))


def count_uptime(tx: Transaction, seconds: float) -> None:
    """Add `seconds` to the uptime since the latest leap, if there was a leap."""
    tx.run("UPDATE retention_state SET ran_s = ran_s + ? WHERE leap_s IS NOT NULL", (seconds,))


def begin_round(tx: Transaction, rules: RetentionRules) -> RetentionRound | None:
    """Return the round that may begin now; None during a pause. The operator's permission holds for one round."""
    state = load_state(tx)
    if state.rest_left_s:
        return None
    if state.may_exceed:
        _save(tx, replace(state, may_exceed=False))
    has_limit = rules.has_limit and not state.may_exceed
    return RetentionRound(find_cutoffs(tx.now_s(), rules, state), rules.max_percent if has_limit else None)


def note_excess(tx: Transaction, excess: str) -> None:
    """Store the message about a table that would lose too many rows in one round; "" if there is no such table."""
    state = load_state(tx)
    if state.excess != excess:
        _save(tx, replace(state, excess=excess))


def resume(tx: EntityTransaction, *, by: Requester) -> bool:
    """Store the operator's confirmation: the clock is right, and the next round may delete all old rows.

    Returns False if retention did not pause.
    """
    state = load_state(tx)
    _save(tx, RetentionState(leaps=state.leaps, may_exceed=True))
    record_event(tx, Action.RESUME_RETENTION, {}, job_count=0, by=by)
    return bool(state.rest_left_s or state.lag_s or state.excess)


def _save(tx: Transaction, state: RetentionState) -> None:
    tx.run(_SAVE, astuple(state))
