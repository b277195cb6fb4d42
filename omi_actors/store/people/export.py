"""Everything of a person for an export, list by list and page by page. Secrets and their digests are left out.

Not here: the archive (web/people/export.py). Threads: the cold reader's.
"""

from dataclasses import dataclass
from typing import Any

from omi_actors.domain.work.queue_admin import Action, Requester
from omi_actors.store.queue_admin import record_event
from omi_actors.store.transaction import EntityTransaction, Transaction

_PAGE = 200


@dataclass(frozen=True, slots=True)
class Listed:
    """A list of an export: columns of a table, for an account or for a session, in the order of `key`.

    `at` is the column of a row's time; "" if it has none.
    """

    name: str
    table: str
    owner: str
    columns: str
    key: tuple[str, ...]
    at: str = "created_at"
    # Rows of a page.
    limit: int = _PAGE

    @property
    def start(self) -> tuple[Any, ...]:
        """Return a key before all rows."""
        return tuple(0 if name in _NUMBERS else "" for name in self.key)


_NUMBERS = frozenset({"created_at", "started_at", "received_at", "seq", "slot"})
_TIME = ("created_at", "id")
_WISHES = (
    "listen_mode, followup_window_ms, meeting_transcribe, inject_memories, mute, activation_regex,"
    " activation_sensitivity, quiet_hours_start, quiet_hours_end, time_zone, created_at, updated_at"
)
_MEMORY = "id, session_id, conversation_id, text, created_at, updated_at"
_TASK = "id, session_id, conversation_id, kind, payload, created_at"
_NOTICE = "id, session_id, channel, status, text, error, created_at, changed_at"

SESSIONS = Listed(
    "sessions",
    "session",
    "account_id",
    "id, session_key, uid, active_space, conversation_id, created_at, last_seen_at",
    _TIME,
)
OF_ACCOUNT = (
    Listed("account", "account", "id", "id, email, display_name, role, is_observer, created_at, updated_at", ("id",)),
    Listed("devices", "auth_session", "account_id", "id, created_at, expires_at", _TIME),
    Listed("wearables", "omi_link", "account_id", "id, omi_uid, is_verified, verified_at, created_at", _TIME),
    Listed(
        "preferences",
        "user_preference",
        "account_id",
        f"account_id, default_conversation_id, active_space, entered, {_WISHES}",
        ("account_id",),
    ),
    Listed("windows", "context_window", "account_id", "slot, conversation_id, is_active, created_at", ("slot",)),
    Listed("memories", "memory", "account_id", _MEMORY, _TIME),
    Listed(
        "prompts",
        "prompt",
        "account_id",
        "id, name, space, version, text, output_type, created_at, updated_at",
        _TIME,
    ),
    Listed(
        "prompt_versions",
        "prompt_version",
        "account_id",
        "id, prompt_id, number, text, output_type, created_at",
        _TIME,
    ),
    Listed("tasks", "agent_event", "account_id", _TASK, _TIME),
    Listed("notifications", "notification_event", "account_id", _NOTICE, _TIME),
    SESSIONS,
)
OF_SESSION = (
    Listed("session_preferences", "session_preference", "session_id", f"session_id, {_WISHES}", ("session_id",)),
    Listed(
        "conversations",
        "conversation",
        "session_id",
        "id, session_id, number, title, summary, started_at, ended_at",
        ("started_at", "id"),
        "started_at",
    ),
    Listed(
        "transcript",
        "transcript_segment",
        "session_id",
        "session_id, seq, key, conversation_id, text, speaker, speaker_id, is_user, person_id, start_s, end_s,"
        " created_at",
        ("seq",),
    ),
    Listed(
        "messages",
        "message",
        "session_id",
        "id, session_id, conversation_id, role, kind, source, text, model, asker, speaker, created_at",
        _TIME,
    ),
    Listed(
        "responses",
        "model_response",
        "session_id",
        "message_id, session_id, previous_id, body, created_at",
        ("created_at", "message_id"),
    ),
    # A body may have a megabyte.
    Listed(
        "omi_events",
        "raw_event",
        "session_id",
        "id, session_id, kind, content_type, body, received_at",
        ("received_at", "id"),
        "received_at",
        1,
    ),
    Listed("session_memories", "memory", "session_id", _MEMORY, _TIME),
    Listed("session_tasks", "agent_event", "session_id", _TASK, _TIME),
    Listed("session_notifications", "notification_event", "session_id", _NOTICE, _TIME),
)


def load_rows(
    tx: Transaction, account_id: str, listed: Listed, *, owner: str, after: tuple[Any, ...], until: float
) -> list[dict[str, Any]]:
    """Load the next rows of a list, those of times up to `until` (UTC seconds); none if the account is gone.

    `owner` is the account's id, or that of a session of it.
    """
    key, marks = ", ".join(listed.key), ", ".join("?" * len(listed.key))
    own = "" if listed.owner != "session_id" else " AND session_id IN (SELECT id FROM session WHERE account_id = ?)"
    rows = tx.fetch(
        f"SELECT {listed.columns} FROM {listed.table} WHERE {listed.owner} = ?{own} AND ({key}) > ({marks})"  # noqa: S608 (our own words)
        f" AND {listed.at} <= ? ORDER BY {key} LIMIT {listed.limit}",
        (owner, *((account_id,) if own else ()), *after, until),
    )
    names = listed.columns.split(", ")
    return [dict(zip(names, row, strict=True)) for row in rows]


def record_export(tx: EntityTransaction, account_id: str, *, by: Requester) -> None:
    """Record that the operator has exported an account."""
    record_event(tx, Action.EXPORT_ACCOUNT, {"account": account_id}, job_count=0, by=by)
