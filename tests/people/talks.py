"""Conversations that tests store for an account, without speaking them."""

from omi_actors.ids import new_id

UID = "vT5mQ2rJx8NnPzK4eWcLh7sYb1D3"


async def own(store, account_id, uid=UID):
    """Give the session of a wearable to an account."""
    await store.write(lambda tx: tx.run("UPDATE session SET account_id = ? WHERE uid = ?", (account_id, uid)))


def fill(tx, account_id, *, conversations=1, messages=0, segments=0, at=1e3, step_s=1.0):  # noqa: PLR0913
    """Store a session with conversations, `step_s` seconds apart, each with messages and segments. Return their ids."""
    session_id = new_id()
    tx.run(
        "INSERT INTO session (id, session_key, uid, account_id, node, incarnation, epoch, conversation_number,"
        " last_seq, last_end_s, created_at, last_seen_at) VALUES (?, ?, ?, ?, 'n', 1, 1, ?, ?, 0, ?, ?)",
        (
            session_id,
            f"omi:{session_id}",
            session_id,
            account_id,
            conversations,
            conversations * segments,
            at,
            at,
        ),
    )
    ids = [new_id() for _ in range(conversations)]
    for number, conversation_id in enumerate(ids, 1):
        started_at = at + number * step_s
        tx.run(
            "INSERT INTO conversation (id, session_id, number, started_at) VALUES (?, ?, ?, ?)",
            (conversation_id, session_id, number, started_at),
        )
        _fill_conversation(tx, session_id, conversation_id, started_at, (number - 1) * segments, messages, segments)
    tx.run("UPDATE session SET conversation_id = ? WHERE id = ?", (ids[-1], session_id))
    return ids


def _fill_conversation(tx, session_id, conversation_id, at, last_seq, messages, segments):  # noqa: PLR0913, PLR0917
    for number in range(messages):
        role, kind = (("user", "question"), ("assistant", "answer"))[number % 2]
        tx.run(
            "INSERT INTO message (id, session_id, conversation_id, role, kind, source, text, model, created_at)"
            " VALUES (?, ?, ?, ?, ?, 'frontend', ?, '', ?)",
            (new_id(), session_id, conversation_id, role, kind, f"message {number}", at + number * 0.001),
        )
    for number in range(1, segments + 1):
        tx.run(
            "INSERT INTO transcript_segment (session_id, seq, key, conversation_id, text, speaker, is_user, start_s,"
            " end_s, created_at) VALUES (?, ?, ?, ?, ?, 'Ada', ?, 0, 1, ?)",
            (
                *(session_id, last_seq + number, f"k{last_seq + number}", conversation_id),
                *(f"segment {number}", True, at + number * 0.001),
            ),
        )
