"""Values for the store's tests, and shorthands that fail a test when the store fails."""

import os
from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from omi_actors.domain.answers.delivery_records import DeliveryChange, NewDelivery
from omi_actors.domain.hearing.segments import StoredSegment
from omi_actors.domain.sessions.records import AnswerDone, NewConversation, NewMessage, RawEvent, SessionCommit
from omi_actors.domain.work.jobs import ClaimedJob, NewJob
from omi_actors.store import jobs
from omi_actors.store.engine import Engine, Write
from omi_actors.store.transaction import EntityTransaction, Transaction

NOW = 1_790_000_000.0


def segment(seq: int = 1, *, session: str = "s1", **changes: Any) -> StoredSegment:
    values: dict[str, Any] = {
        "key": f"key-{seq}",
        "seq": seq,
        "conversation_id": f"{session}-c1",
        "text": f"text {seq}",
        "speaker": "SPEAKER_00",
        "speaker_id": 0,
        "is_user": True,
        "person_id": None,
        "start_s": float(seq),
        "end_s": seq + 0.5,
        "created_at": NOW,
    }
    return StoredSegment(**values | changes)


def first_commit(session: str = "s1", **changes: Any) -> SessionCommit:
    """A session's first turn: one conversation, one segment."""
    values: dict[str, Any] = {
        "session_id": session,
        "session_key": f"omi:{session}",
        "uid": session,
        "epoch_before": 0,
        "epoch": 1,
        "conversation_id": f"{session}-c1",
        "conversation_number": 1,
        "last_seq": 1,
        "last_end_s": 1.5,
        "last_seen_at": NOW,
        "new_conversation": NewConversation(conversation_id=f"{session}-c1", number=1, started_at=NOW),
        "segments": (segment(1, session=session),),
    }
    return SessionCommit(**values | changes)


def next_commit(session: str = "s1", **changes: Any) -> SessionCommit:
    """A later turn of the same activation: one more segment."""
    values: dict[str, Any] = {
        "epoch_before": 1,
        "new_conversation": None,
        "segments": (segment(2, session=session),),
        "last_seq": 2,
    }
    return replace(first_commit(session), **values | changes)


def job(number: int = 1, *, session: str = "s1", **changes: Any) -> NewJob:
    values: dict[str, Any] = {
        "job_id": f"{session}-j{number}",
        "kind": "answer",
        "lane": session,
        "idempotency_key": f"answer:{session}:{number}",
        "payload": {"question": "why? \u00fc", "n": number},
        "created_at": NOW,
        "run_at": NOW,
    }
    return NewJob(**values | changes)


def message(number: int = 1, *, session: str = "s1", **changes: Any) -> NewMessage:
    values: dict[str, Any] = {
        "message_id": f"{session}-m{number}",
        "session_id": session,
        "conversation_id": f"{session}-c1",
        "role": "user",
        "kind": "question",
        "source": "omi_transcript",
        "text": f"question {number}",
        "job_id": f"{session}-j{number}",
        "model": "",
        "created_at": NOW + number,
    }
    return NewMessage(**values | changes)


def raw_event(number: int = 1, *, session: str = "s1", **changes: Any) -> RawEvent:
    values: dict[str, Any] = {
        "event_id": f"{session}-r{number}",
        "session_id": session,
        "kind": "memory_created",
        "dedupe_key": f"dedupe-{number}",
        "content_type": "application/json",
        "body": b"{\x00\xff}",
        "received_at": NOW,
    }
    return RawEvent(**values | changes)


def asking_commit(session: str = "s1") -> SessionCommit:
    """A first turn with a question: its job and message."""
    return first_commit(session, jobs=(job(session=session),), messages=(message(session=session),))


def answer(claimed: ClaimedJob, *, session: str = "s1", kind: str = "answer", text: str = "because") -> AnswerDone:
    said = message(
        session=session,
        message_id=f"{claimed.job_id}-answer",
        role="assistant",
        kind=kind,
        source="system",
        text=text,
        job_id=claimed.job_id,
        model="demo",
        created_at=NOW + 100,
    )
    waiting = NewDelivery(
        delivery_id=f"{claimed.job_id}-d", session_id=session, message_id=said.message_id, created_at=NOW
    )
    return AnswerDone(job_id=claimed.job_id, token=claimed.token, finished_at=NOW + 1, message=said, delivery=waiting)


def step(delivery_id: str, from_states: tuple[str, ...], state: str, channel: str = "inline") -> DeliveryChange:
    return DeliveryChange(
        delivery_id=delivery_id, from_states=from_states, state=state, channel=channel, changed_at=NOW + 2
    )


def do(engine: Engine, write: Write) -> Any:
    """Store one thing; return its result or raise its error."""
    outcome = engine.commit_group([write])[0]
    if outcome.error is not None:
        raise outcome.error
    return outcome.value


def alone(engine: Engine, work: Callable[[EntityTransaction], Any]) -> Any:
    """Run one write alone; return its result or raise its error."""
    outcome = engine.write_alone(work)
    if outcome.error is not None:
        raise outcome.error
    return outcome.value


def claim(engine: Engine, *, limit: int = 10, kinds: tuple[str, ...] = ("answer",)) -> list[ClaimedJob]:
    claimed: list[ClaimedJob] = do(engine, lambda tx: jobs.claim_jobs(tx, kinds=kinds, limit=limit, lease_s=30.0))
    return claimed


def find_process(_tx: Transaction) -> int:
    """Return the id of the process that runs it."""
    return os.getpid()


def rows(engine: Engine, sql: str) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in engine.read(lambda tx: tx.fetch(sql))]


def count(engine: Engine, table: str) -> int:
    ((number,),) = rows(engine, f"SELECT count(*) FROM {table}")  # noqa: S608 (our own table names)
    assert isinstance(number, int)
    return number
