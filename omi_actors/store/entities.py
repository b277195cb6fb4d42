"""Pony entities of the tables that cold paths read and write. The writer's start checks them against the schema.

Not here: constraints, indexes, cascades and defaults (migrations/), tables of which only SQL statements know (node,
model_use, queue_pause, erasure). Threads: a store actor's, within its db_session; an entity never leaves this folder.
"""
# mypy: disallow-untyped-calls=False
# (Pony's stubs leave PrimaryKey untyped.)

from typing import Any

from pony.orm import Database, Optional, PrimaryKey, Required, Set, composite_key


def define_entities(db: Database) -> None:
    """Define all entities on `db`. Each connection pool needs its own, since Pony binds a class to one database."""
    _define_people(db)
    _define_preferences(db)
    _define_sessions(db)
    _define_transcripts(db)
    _define_work(db)
    _define_events(db)


def _define_people(db: Any) -> None:
    class Account(db.Entity):  # type: ignore[misc]
        _table_ = "account"
        id = PrimaryKey(str)
        email = Required(str, unique=True)
        password_hash = Required(str)
        display_name = Optional(str, nullable=True)
        role = Required(str)
        is_observer = Required(bool, default=False)
        created_at = Required(float)
        updated_at = Required(float)
        account_keys = Set("AccountKey")
        auth_sessions = Set("AuthSession")
        omi_links = Set("OmiLink")
        sessions = Set("Session")
        preference = Optional("UserPreference")
        context_windows = Set("ContextWindow")
        agent_events = Set("AgentEvent")
        notification_events = Set("NotificationEvent")
        memories = Set("Memory")
        forgotten_memories = Set("ForgottenMemory")

    class AuthSession(db.Entity):  # type: ignore[misc]
        _table_ = "auth_session"
        token_sha256 = PrimaryKey(str)
        account = Required(Account, column="account_id")
        created_at = Required(float)
        expires_at = Required(float)
        id = Optional(str, nullable=True, unique=True)
        hint = Optional(str)

    class AccountKey(db.Entity):  # type: ignore[misc]
        _table_ = "account_key"
        key_sha256 = PrimaryKey(str)
        purpose = Required(str)
        role = Required(str)
        account = Optional(Account, column="account_id")
        created_at = Required(float)
        expires_at = Required(float)

    class OmiLink(db.Entity):  # type: ignore[misc]
        _table_ = "omi_link"
        id = PrimaryKey(str)
        account = Required(Account, column="account_id")
        omi_uid = Required(str)
        is_verified = Required(bool)
        code_sha256 = Optional(str, nullable=True)
        code_expires_at = Optional(float)
        failed_attempts = Required(int)
        created_at = Required(float)
        verified_at = Optional(float)
        undo_sha256 = Optional(str, nullable=True, unique=True)
        composite_key(account, omi_uid)


def _define_preferences(db: Any) -> None:
    class UserPreference(db.Entity):  # type: ignore[misc]
        _table_ = "user_preference"
        account = PrimaryKey("Account", column="account_id")
        default_conversation = Optional("Conversation", column="default_conversation_id")
        listen_mode = Required(str)
        followup_window_ms = Required(int)
        meeting_transcribe = Required(bool)
        inject_memories = Required(bool)
        mute = Required(bool)
        activation_regex = Optional(str, nullable=True)
        activation_sensitivity = Required(int)
        quiet_hours_start = Optional(str, nullable=True)
        quiet_hours_end = Optional(str, nullable=True)
        time_zone = Optional(str, nullable=True)
        active_space = Required(str)
        created_at = Required(float)
        updated_at = Required(float)
        entered = Optional(str)

    class SessionPreference(db.Entity):  # type: ignore[misc]
        _table_ = "session_preference"
        session = PrimaryKey("Session", column="session_id")
        listen_mode = Optional(str, nullable=True)
        followup_window_ms = Optional(int)
        meeting_transcribe = Optional(bool)
        inject_memories = Optional(bool)
        mute = Optional(bool)
        activation_regex = Optional(str, nullable=True)
        activation_sensitivity = Optional(int)
        quiet_hours_start = Optional(str, nullable=True)
        quiet_hours_end = Optional(str, nullable=True)
        time_zone = Optional(str, nullable=True)
        created_at = Required(float)
        updated_at = Required(float)


def _define_sessions(db: Any) -> None:
    class Session(db.Entity):  # type: ignore[misc]
        _table_ = "session"
        id = PrimaryKey(str)
        session_key = Required(str, unique=True)
        uid = Required(str)
        account = Optional("Account", column="account_id")
        node = Required(str)
        incarnation = Required(int, size=64)
        epoch = Required(int, size=64)
        conversation_id = Optional(str, nullable=True)
        conversation_number = Required(int)
        last_seq = Required(int, size=64)
        last_end_s = Required(float)
        active_space = Required(str)
        created_at = Required(float)
        last_seen_at = Required(float)
        listening_until = Optional(float)
        knows_user = Optional(bool)
        preference = Optional("SessionPreference")
        conversations = Set("Conversation")
        segments = Set("TranscriptSegment")
        messages = Set("Message")
        deliveries = Set("Delivery")
        jobs = Set("Job")
        raw_events = Set("RawEvent")
        agent_events = Set("AgentEvent")
        notification_events = Set("NotificationEvent")
        memories = Set("Memory")

    class Conversation(db.Entity):  # type: ignore[misc]
        _table_ = "conversation"
        id = PrimaryKey(str)
        session = Required(Session, column="session_id")
        number = Required(int)
        title = Optional(str, nullable=True)
        summary = Optional(str, nullable=True)
        started_at = Required(float)
        ended_at = Optional(float)
        messages = Set("Message")
        context_windows = Set("ContextWindow")
        agent_events = Set("AgentEvent")
        memories = Set("Memory")
        default_of = Set("UserPreference")
        composite_key(session, number)


def _define_transcripts(db: Any) -> None:
    class TranscriptSegment(db.Entity):  # type: ignore[misc]
        _table_ = "transcript_segment"
        session = Required("Session", column="session_id")
        seq = Required(int, size=64)
        key = Required(str)
        conversation_id = Required(str)
        text = Required(str)
        speaker = Required(str)
        speaker_id = Optional(int, size=64)
        is_user = Required(bool)
        person_id = Optional(str, nullable=True)
        start_s = Required(float)
        end_s = Required(float)
        created_at = Required(float)
        PrimaryKey(session, seq)
        composite_key(session, key)

    class Message(db.Entity):  # type: ignore[misc]
        _table_ = "message"
        id = PrimaryKey(str)
        session = Required("Session", column="session_id")
        conversation = Required("Conversation", column="conversation_id")
        role = Required(str)
        kind = Required(str)
        source = Required(str)
        text = Required(str)
        job_id = Optional(str, nullable=True)
        model = Optional(str)
        created_at = Required(float)
        asker = Optional(str, nullable=True)
        speaker = Optional(str, nullable=True)
        delivery = Optional("Delivery")
        composite_key(job_id, role)

    class Delivery(db.Entity):  # type: ignore[misc]
        _table_ = "delivery"
        id = PrimaryKey(str)
        session = Required("Session", column="session_id")
        message = Required(Message, column="message_id", unique=True)
        state = Required(str)
        channel = Optional(str)
        node = Optional(str)
        incarnation = Required(int, size=64)
        created_at = Required(float)
        changed_at = Required(float)
        notification = Optional("NotificationEvent")


def _define_work(db: Any) -> None:
    class Job(db.Entity):  # type: ignore[misc]
        _table_ = "job"
        seq = PrimaryKey(int, size=64, auto=True)
        job_id = Required(str, unique=True)
        kind = Required(str)
        lane = Required(str)
        idempotency_key = Required(str, unique=True)
        session = Optional("Session", column="session_id")
        state = Required(str)
        priority = Required(int)
        run_at = Required(float)
        token = Optional(str, nullable=True)
        node = Optional(str)
        incarnation = Required(int, size=64)
        lease_until = Optional(float)
        deliveries = Required(int)
        attempts = Required(int)
        max_attempts = Required(int)
        error = Optional(str)
        payload = Required(str)
        request_id = Optional(str)
        created_at = Required(float)
        finished_at = Optional(float)
        version = Required(int)
        is_next = Required(bool)
        fingerprint = Optional(str)

    class RawEvent(db.Entity):  # type: ignore[misc]
        _table_ = "raw_event"
        id = PrimaryKey(str)
        session = Required("Session", column="session_id")
        kind = Required(str)
        dedupe_key = Required(str)
        content_type = Required(str)
        body = Required(bytes)
        received_at = Required(float)
        is_read = Required(bool)
        composite_key(session, dedupe_key)


def _define_events(db: Any) -> None:
    class ContextWindow(db.Entity):  # type: ignore[misc]
        _table_ = "context_window"
        account = Required("Account", column="account_id")
        slot = Required(int)
        conversation = Required("Conversation", column="conversation_id")
        is_active = Required(bool)
        created_at = Required(float)
        PrimaryKey(account, slot)

    class AgentEvent(db.Entity):  # type: ignore[misc]
        _table_ = "agent_event"
        id = PrimaryKey(str)
        account = Optional("Account", column="account_id")
        session = Optional("Session", column="session_id")
        conversation = Optional("Conversation", column="conversation_id")
        kind = Required(str)
        payload = Required(str)
        created_at = Required(float)

    class NotificationEvent(db.Entity):  # type: ignore[misc]
        _table_ = "notification_event"
        id = PrimaryKey(str)
        account = Optional("Account", column="account_id")
        session = Optional("Session", column="session_id")
        delivery = Optional("Delivery", column="delivery_id", unique=True)
        channel = Required(str)
        status = Required(str)
        text = Required(str)
        error = Optional(str, nullable=True)
        created_at = Required(float)
        changed_at = Required(float)

    class Memory(db.Entity):  # type: ignore[misc]
        _table_ = "memory"
        id = PrimaryKey(str)
        account = Optional("Account", column="account_id")
        session = Optional("Session", column="session_id")
        conversation = Optional("Conversation", column="conversation_id")
        dedupe_key = Required(str)
        text = Required(str)
        folded = Optional(str)
        created_at = Required(float)
        updated_at = Optional(float)
        composite_key(account, dedupe_key)
        composite_key(session, dedupe_key)

    class ForgottenMemory(db.Entity):  # type: ignore[misc]
        _table_ = "forgotten_memory"
        account = Required("Account", column="account_id")
        dedupe_key = Required(str)
        PrimaryKey(account, dedupe_key)

    class OperatorEvent(db.Entity):  # type: ignore[misc]
        _table_ = "operator_event"
        id = PrimaryKey(int, size=64, auto=True)
        who = Required(str)
        happened_at = Required(float)
        action = Required(str)
        target = Required(str)
        job_count = Required(int)
        request_id = Optional(str)
