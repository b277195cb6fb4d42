"""Erasure of a person: the account ends at once, then all its rows go, a few at a time.

`begin_erasure` takes the sessions from the account under names of their own. So a wearable's next words begin a session
that is nobody's, and a commit that was decided before is fenced. A row of `erasure` stays until the end: a restart goes
on. Not here: the order of the steps (actors/maintenance/eraser.py). Threads: the writer's; searches run in a reader.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from omi_actors.domain.answers.budget import owner_of
from omi_actors.domain.sessions.keys import SCRATCH, account_prefix
from omi_actors.domain.work.queue_admin import Action, Requester
from omi_actors.store.messages import enqueues
from omi_actors.store.people.accounts import NO_PASSWORD
from omi_actors.store.people.recall_index import erase_texts
from omi_actors.store.queue_admin import record_event
from omi_actors.store.transaction import EntityTransaction, Transaction

# Seconds for which a node's claim on erasures holds; each step renews it.
LEASE_S = 120.0
# Seconds for which the end of an erasure can be looked up.
_SHOWN_S = 30 * 86_400.0
_DETACHED = "erased:"

# Tables by their owner's column, with the key of a row, and the rows that go with one row, itself included.
# Bodies of raw events may have megabytes: one is as much as all other rows of a step.
_WHOLE = 1_000_000
_OF_SESSION = (
    ("job", "seq", 1),
    ("notification_event", "id", 1),
    ("delivery", "id", 2),
    ("raw_event", "id", _WHOLE),
    ("transcript_segment", "seq", 1),
    ("model_response", "message_id", 1),
    ("message", "id", 4),
    ("memory", "id", 2),
    ("agent_event", "id", 1),
    ("conversation", "id", 2),
)
_OF_ACCOUNT = (
    ("memory", "id", 2),
    ("forgotten_memory", "dedupe_key", 1),
    ("agent_event", "id", 1),
    ("notification_event", "id", 1),
    ("omi_link", "id", 1),
    ("prompt_version", "id", 1),
    ("prompt", "id", 1),
)
# Few rows of one account or session: they go with it, by foreign keys.
FEW = frozenset(
    {"account_key", "auth_session", "context_window", "recall_owner", "recall_progress", "session_preference"}
    | {"user_preference"}
)
BOUNDED = frozenset(table for table, _key, _rows in (*_OF_SESSION, *_OF_ACCOUNT)) | {"recall_text"}
# All tables that rows leave.
TABLES = tuple(sorted(BOUNDED | FEW | {"account", "session", "answer_source", "recall_vector", "model_use"}))


@dataclass(frozen=True, slots=True)
class Begun:
    """The account's end as this node must notice it: digests of tokens, keys of sessions, jobs that wait or run."""

    digests: tuple[str, ...]
    session_keys: tuple[str, ...]
    job_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Erasure:
    """An erasure. Copies of the database made since `holds_since` hold the person's data. Times are UTC seconds."""

    account_id: str
    holds_since: float
    began_at: float


# --- the account ends


@enqueues
def begin_erasure(
    tx: Transaction, account_id: str, *, key_digest: str, verified_hash: str | None, limit: int
) -> Begun | None:
    """End an account: nobody signs in any more, and up to `limit` of its sessions are no longer its own.

    `verified_hash` is the hash that a given password was verified against, None if the operator erases. Return None if
    there is no such account, or it has got another password meanwhile. By the key `load_times` tells the end.
    """
    found = tx.fetch_one("SELECT created_at, password_hash FROM account WHERE id = ?", (account_id,))
    if found is None or verified_hash not in (None, found[1]):
        return None
    now_s = tx.now_s()
    (oldest,) = tx.fetch("SELECT min(created_at) FROM session WHERE account_id = ?", (account_id,))[0]
    is_new = tx.run(
        "INSERT INTO erasure (key_sha256, account_id, holds_since, began_at) VALUES (?, ?, ?, ?)"
        " ON CONFLICT DO NOTHING",
        (key_digest, account_id, min(found[0], found[0] if oldest is None else oldest), now_s),
    )
    if not is_new:
        return None
    # No account can be made with an email in this form.
    tx.run(
        "UPDATE account SET email = ?, password_hash = ?, display_name = NULL, role = 'user', is_observer = FALSE,"
        " updated_at = ? WHERE id = ?",
        (f"erasing:{account_id}", NO_PASSWORD, now_s, account_id),
    )
    digests = tuple(row[0] for row in tx.fetch(f"SELECT token_sha256 {_TOKENS}", (account_id,)))
    tx.run(f"DELETE {_TOKENS}", (account_id,))
    tx.run("DELETE FROM account_key WHERE account_id = ?", (account_id,))
    tx.run("DELETE FROM omi_link WHERE account_id = ? AND is_verified", (account_id,))
    tx.run("DELETE FROM model_use WHERE owner = ?", (account_prefix(account_id),))
    keys, jobs = _detach(tx, account_id, limit)
    return Begun(digests, keys, jobs)


_TOKENS = "FROM auth_session WHERE account_id = ?"


def _detach(tx: Transaction, account_id: str, limit: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Take sessions from the account, wearables' first. Return their keys, and the jobs that waited or ran for them."""
    found = tx.fetch(
        "SELECT id, session_key FROM session WHERE account_id = ? ORDER BY session_key DESC LIMIT ?",
        (account_id, limit),
    )
    if not found:
        return (), ()
    ids, keys = zip(*found, strict=True)
    some = f"({', '.join('?' * len(ids))})"
    open_jobs = f"FROM job WHERE session_id IN {some} AND state IN ('ready', 'running')"
    jobs = tuple(row[0] for row in tx.fetch(f"SELECT job_id {open_jobs}", ids))
    tx.run(f"DELETE {open_jobs}", ids)
    tx.run(f"DELETE FROM delivery WHERE session_id IN {some} AND state IN ('pending', 'sending')", ids)  # noqa: S608 (our own words)
    tx.run(
        "UPDATE session SET session_key = ? || id, uid = '', account_id = NULL, conversation_id = NULL,"  # noqa: S608 (the same)
        f" listening_until = NULL, epoch = epoch + 1 WHERE id IN {some}",
        (_detached(account_id), *ids),
    )
    for owner in {owner_of(key) for key in keys}:
        tx.run("DELETE FROM model_use WHERE owner = ?", (owner,))
    return keys, jobs


def _detached(account_id: str) -> str:
    """Return the start of the keys of sessions that were this account's; the session's id follows."""
    return f"{_DETACHED}{account_id}:"


# --- its rows go


@enqueues
def erase_some(tx: Transaction, account_id: str, *, limit: int) -> bool:
    """Delete about `limit` rows of an account, its own row at last. Return True if none is left.

    Rows that a request under way has added since go with the account's row; later ones find no account.
    """
    _renew(tx)
    _detach(tx, account_id, limit)
    if erase_texts(tx, account_id, limit=limit // 2):
        return False
    prefix = _detached(account_id)
    session = tx.fetch_one(
        "SELECT id FROM session WHERE session_key >= ? AND session_key < ? LIMIT 1", (prefix, prefix[:-1] + ";")
    )
    if session is not None:
        if _erase_rows(tx, _OF_SESSION, "session_id", session[0], limit):
            tx.run("DELETE FROM session WHERE id = ?", session)
        return False
    if not _erase_rows(tx, _OF_ACCOUNT, "account_id", account_id, limit):
        return False
    tx.run("DELETE FROM model_use WHERE owner = ?", (account_prefix(account_id),))
    tx.run(
        "DELETE FROM account WHERE id = ? AND NOT EXISTS (SELECT 1 FROM session WHERE account_id = ?)",
        (account_id, account_id),
    )
    return tx.fetch_one("SELECT 1 FROM account WHERE id = ?", (account_id,)) is None


def _erase_rows(tx: Transaction, tables: Sequence[tuple[str, str, int]], column: str, owner: str, limit: int) -> bool:
    """Delete rows of an owner from these tables, up to `limit` with those that go with them. True: none is left."""
    for table, key, weight in tables:
        share = max(1, limit // weight)
        deleted = tx.run(
            f"DELETE FROM {table} WHERE {column} = ? AND {key} IN"  # noqa: S608 (our own words)
            f" (SELECT {key} FROM {table} WHERE {column} = ? LIMIT ?)",
            (owner, owner, share),
        )
        limit -= deleted * weight
        if deleted == share or limit <= 0:
            return False
    return True


# --- scratch sessions


def has_scratch(tx: Transaction, *, kept_s: float) -> bool:
    """Return True if there is a scratch session that is older than `kept_s` seconds."""
    return tx.fetch_one(f"SELECT 1 {_OLD_SCRATCH}", (SCRATCH, _AFTER_SCRATCH, tx.now_s() - kept_s)) is not None


@enqueues
def erase_scratch(tx: Transaction, *, kept_s: float, limit: int) -> bool:
    """Delete about `limit` rows of one scratch session that is older than `kept_s` seconds. Return True if none is."""
    found = tx.fetch_one(f"SELECT id, session_key {_OLD_SCRATCH}", (SCRATCH, _AFTER_SCRATCH, tx.now_s() - kept_s))
    if found is None:
        return True
    session_id, session_key = found
    if _erase_rows(tx, _OF_SESSION, "session_id", session_id, limit):
        tx.run("DELETE FROM session WHERE id = ?", (session_id,))
        tx.run("DELETE FROM model_use WHERE owner = ?", (owner_of(session_key),))
    return False


_OLD_SCRATCH = "FROM session WHERE session_key >= ? AND session_key < ? AND last_seen_at <= ? LIMIT 1"
_AFTER_SCRATCH = SCRATCH[:-1] + ";"


def merge_some(tx: Transaction, *, is_first: bool) -> bool:
    """Remove deleted words from the index by one short step. Return False if nothing is left to do."""
    _renew(tx)
    return tx.merge_words(is_first=is_first)


# --- the marker


def record_erasure(tx: EntityTransaction, account_id: str, *, by: Requester) -> None:
    """Record that the operator has ended an account."""
    record_event(tx, Action.DELETE_ACCOUNT, {"account": account_id}, job_count=0, by=by)


def claim(tx: Transaction, *, limit: int) -> tuple[Erasure, ...]:
    """Claim erasures for this node, and return those that are its own: new ones, and those of nodes that are gone."""
    now_s = tx.now_s()
    tx.run(
        "UPDATE erasure SET node = ? WHERE ended_at IS NULL AND node <> ? AND lease_until < ?",
        (tx.node.name, tx.node.name, now_s),
    )
    _renew(tx)
    rows = tx.fetch(
        "SELECT account_id, holds_since, began_at FROM erasure WHERE ended_at IS NULL AND node = ?"
        " ORDER BY began_at LIMIT ?",
        (tx.node.name, limit),
    )
    return tuple(Erasure(*row) for row in rows)


def _renew(tx: Transaction) -> None:
    tx.run(
        "UPDATE erasure SET lease_until = ? WHERE ended_at IS NULL AND node = ?", (tx.now_s() + LEASE_S, tx.node.name)
    )


def list_open(tx: Transaction, *, limit: int) -> tuple[Erasure, ...]:
    """Load erasures under way, the oldest first."""
    rows = tx.fetch(
        "SELECT account_id, holds_since, began_at FROM erasure WHERE ended_at IS NULL ORDER BY began_at LIMIT ?",
        (limit,),
    )
    return tuple(Erasure(*row) for row in rows)


def load_mark(tx: Transaction) -> tuple[int, float | None]:
    """Return a value that changes with each new erasure, of any node, also of one that has ended since."""
    count, latest = tx.fetch("SELECT count(*), max(began_at) FROM erasure")[0]
    return count, latest


def delete_copies(tx: Transaction, since: float) -> tuple[str, ...]:
    """Delete the copies of the database beside it that were made after `since` (UTC seconds). Return their names."""
    return tx.delete_copies(since)


def end_erasures(tx: Transaction, account_ids: Sequence[str]) -> bool:
    """Mark erasures as ended. Return False, and change nothing, while deleted text is still in the database's files."""
    if tx.scrub_waits:
        return False
    now_s = tx.now_s()
    for account_id in account_ids:
        tx.run("UPDATE erasure SET ended_at = ?, account_id = NULL WHERE account_id = ?", (now_s, account_id))
    tx.run("DELETE FROM erasure WHERE ended_at < ?", (now_s - _SHOWN_S,))
    return True


def load_times(tx: Transaction, key_digest: str) -> tuple[float, float | None] | None:
    """Load the begin and the end of the erasure with this key; the end is None while it goes on."""
    row = tx.fetch_one("SELECT began_at, ended_at FROM erasure WHERE key_sha256 = ?", (key_digest,))
    return None if row is None else (row[0], row[1])
