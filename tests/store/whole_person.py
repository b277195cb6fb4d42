"""A person with a row in every table, and a word of theirs in every column that can hold one.

A new table, or a new column of text, fails `test_every_column_of_text_is_filled_or_holds_nobodys_words` until it has a
row here; then the tests of erasure and export look for it.
"""

import re

from tests.store.builders import rows

# Tables of no person. The words of the index stand in `recall_text`.
OF_NOBODY = re.compile(
    r"schema_migration|node|node_report|metric_minute|queue_pause|retention_state|operator_event|erasure|sqlite_.*|recall_word.*"
)
# Columns of checked words, and of the names of nodes.
CHECKED = {
    "account.role", "account_key.purpose", "account_key.role", "conversation.state", "delivery.state",
    "delivery.channel", "delivery.node", "job.state", "job.token", "job.node", "message.role", "message.kind",
    "message.source", "message.asker", "model_use.node", "notification_event.channel", "notification_event.status",
    "session.node", "session.active_space", "session_preference.listen_mode", "user_preference.listen_mode",
    "user_preference.active_space", "prompt.space", "prompt.output_type", "prompt_version.output_type",
}  # fmt: skip


def fill_person(tx, word, account_id=None):
    """Store rows of a person; each text begins with `word`, then names its column. Return the account's id.

    With `account_id` the account is there already.
    """
    own = account_id or f"{word}account"
    known = {"account"} if account_id else set()
    for table, values in _rows(word, own).items():
        if table in known:
            continue
        names = ", ".join(values)
        marks = ", ".join("?" * len(values))
        tx.run(f"INSERT INTO {table} ({names}) VALUES ({marks})", tuple(values.values()))  # noqa: S608
    _index(tx, word, own)
    return own


def _index(tx, word, own):
    """Store the words of a memory, a segment and a message in the index."""
    ((owner,),) = tx.fetch("SELECT no FROM recall_owner WHERE account_id = ?", (own,))
    sources = (
        (f"{word}memory", None, None, None),
        (None, f"{word}message", None, None),
        (None, None, f"{word}session", 1),
    )
    for place, source in enumerate(sources, 1):
        number = owner * 2**32 + place
        tx.run(
            "INSERT INTO recall_text (no, follows, words, memory_id, message_id, session_id, seq)"
            " VALUES (?, FALSE, ?, ?, ?, ?, ?)",
            (number, f"{word}recallwords", *source),
        )
        tx.run(
            "INSERT INTO recall_vector (no, follows, vector) VALUES (?, FALSE, ?)", (number, f"{word}vector".encode())
        )
        tx.run(
            "INSERT INTO answer_source (message_id, place, text_no) VALUES (?, ?, ?)", (f"{word}message", place, number)
        )


def words_of(word):
    """Return all texts that `fill_person` stores for a person, ids included."""
    values = [value for row in _rows(word, f"{word}account").values() for value in row.values()]
    texts = [value.decode() if isinstance(value, bytes) else str(value) for value in values]
    return set(re.findall(rf"{word}\w*", " ".join(texts)))


def _rows(word, own):
    def text(column):
        return f"{word}{column.replace('.', '').replace('_', '')}"

    def json(value):
        return f'{{"time_zone": "{value}"}}'

    session, talk, message = (f"{word}{name}" for name in ("session", "talk", "message"))
    memory, delivery = f"{word}memory", f"{word}delivery"
    digest = f"{word:0<64}"
    at = {"created_at": 1.0, "updated_at": 1.0}
    wishes = {
        name: text(f"wish.{name}") for name in ("activation_regex", "quiet_hours_start", "quiet_hours_end", "time_zone")
    }
    said = {"session_id": session, "conversation_id": talk, "source": "system", "created_at": 1.0}
    return {
        "account": {
            "id": own, "email": text("account.email"), "password_hash": text("account.password_hash"),
            "display_name": text("account.display_name"), **at,
        },
        "account_key": {
            "key_sha256": digest, "purpose": "reset", "account_id": own, "created_at": 1.0, "expires_at": 1e10,
        },
        "auth_session": {
            "token_sha256": digest, "account_id": own, "created_at": 1.0, "expires_at": 1e10, "id": text("auth.id"),
            "hint": text("auth.hint"),
        },
        "omi_link": {
            "id": text("link.id"), "account_id": own, "omi_uid": text("uid"), "is_verified": True,
            "code_sha256": digest, "undo_sha256": digest, "created_at": 1.0, "verified_at": 1.0,
        },
        "session": {
            "id": session, "session_key": f"omi:{text('uid')}", "uid": text("uid"), "account_id": own, "node": "n",
            "incarnation": 1, "epoch": 1, "conversation_id": talk, "conversation_number": 1, "last_seq": 1,
            "last_end_s": 1.0, "created_at": 1.0, "last_seen_at": 1.0,
        },
        "conversation": {
            "id": talk, "session_id": session, "number": 1, "title": text("talk.title"),
            "summary": text("talk.summary"), "started_at": 1.0,
        },
        "transcript_segment": {
            "session_id": session, "seq": 1, "key": text("segment.key"), "conversation_id": talk,
            "text": text("segment.text"), "speaker": text("segment.speaker"), "is_user": True,
            "person_id": text("segment.person"), "start_s": 0.0, "end_s": 1.0, "created_at": 1.0,
        },
        "job": {
            "job_id": text("job.id"), "kind": text("job.kind"), "lane": text("job.lane"),
            "idempotency_key": text("job.key"), "session_id": session, "priority": 1, "run_at": 1.0,
            "max_attempts": 1, "payload": text("job.payload"), "created_at": 1.0, "error": text("job.error"),
            "request_id": text("job.request"), "fingerprint": text("job.fingerprint"),
        },
        "message": {
            "id": message, **said, "role": "user", "kind": "question", "text": text("message.text"),
            "job_id": text("job.id"), "model": text("message.model"), "speaker": text("message.speaker"),
        },
        "delivery": {
            "id": delivery, "session_id": session, "message_id": message, "state": "sent", "created_at": 1.0,
            "changed_at": 1.0,
        },
        "model_response": {
            "message_id": message, "session_id": session, "previous_id": text("response.previous"),
            "body": text("response.body"), "created_at": 1.0,
        },
        "raw_event": {
            "id": text("raw.id"), "session_id": session, "kind": text("raw.kind"), "dedupe_key": text("raw.key"),
            "content_type": text("raw.type"), "body": text("raw.body").encode(), "received_at": 1.0,
        },
        "context_window": {
            "account_id": own, "slot": 1, "conversation_id": talk, "is_active": True, "created_at": 1.0,
        },
        "agent_event": {
            "id": text("task.id"), "account_id": own, "session_id": session, "conversation_id": talk,
            "kind": text("task.kind"), "payload": json(text("task.payload")), "created_at": 1.0,
        },
        "notification_event": {
            "id": text("notice.id"), "account_id": own, "session_id": session, "delivery_id": delivery,
            "channel": "omi", "status": "sent", "text": text("notice.text"), "error": text("notice.error"),
            "created_at": 1.0, "changed_at": 1.0,
        },
        "memory": {
            "id": memory, "account_id": own, "session_id": session, "conversation_id": talk,
            "dedupe_key": text("memory.key"), "text": text("memory.text"), "folded": text("memory.folded"),
            "created_at": 1.0,
        },
        "prompt": {
            "id": text("prompt.id"), "account_id": own, "name": text("prompt.name"), "space": "todos", "version": 1,
            "text": text("prompt.text"), "output_type": "text", **at,
        },
        "prompt_version": {
            "id": text("version.id"), "prompt_id": text("prompt.id"), "account_id": own, "number": 1,
            "text": text("version.text"), "output_type": "text", "created_at": 1.0,
        },
        "forgotten_memory": {"account_id": own, "dedupe_key": text("forgotten.key")},
        "recall_owner": {
            "account_id": own, "last_text": 3, "last_conversation_id": talk,
            "speakers": text("recall.speakers"),
        },
        "recall_progress": {"session_id": session, "account_id": own, "message_id": message},
        "user_preference": {
            "account_id": own, "default_conversation_id": talk, "meeting_transcribe": False, "inject_memories": True,
            "mute": False, "entered": json(text("wish.entered")), **wishes, **at,
        },
        "session_preference": {"session_id": session, **wishes, **at},
        "model_use": {
            "owner": f"omi:{text('uid')}", "node": "n", "minute_at": 1.0, "requests": 1, "day_at": 1.0, "tokens": 1,
        },
    }  # fmt: skip


def columns_of_text(engine):
    """Return all columns of the schema that can hold text, as (table, column, expression of its text)."""
    if engine._dialect.name == "sqlite":
        sql = (
            "SELECT m.name, p.name, p.type FROM sqlite_master AS m, pragma_table_info(m.name) AS p"
            " WHERE m.type = 'table' ORDER BY 1, 2"
        )
    else:
        sql = (
            "SELECT table_name, column_name, data_type FROM information_schema.columns"
            " WHERE table_schema = current_schema() ORDER BY 1, 2"
        )
    return [(table, column, _KINDS[kind.lower()].format(column)) for table, column, kind in rows(engine, sql)
            if kind.lower() in _KINDS]  # fmt: skip


_KINDS = {"text": "{}", "blob": "CAST({} AS TEXT)", "bytea": "encode({}, 'escape')"}


def places_of(engine, word):
    """Return the columns, as `table.column`, in which `word` stands."""
    held = set()
    for table, column, text in columns_of_text(engine):
        ((count,),) = rows(engine, f"SELECT count(*) FROM {table} WHERE {text} LIKE '%{word}%'")  # noqa: S608
        if count:
            held.add(f"{table}.{column}")
    return held
