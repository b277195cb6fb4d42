"""A session's durable facts as values: what is loaded at activation, what one turn commits.

Not here: the decisions that make them (transcript.py, domain/hearing/hearing.py, domain/answers/delivery.py), rows
(store/sessions.py). Threads: none, pure.
"""

from dataclasses import dataclass, field

import msgspec

from omi_actors.domain.answers.budget import Spending, Use
from omi_actors.domain.answers.delivery_records import DeliveryChange, NewDelivery, OpenAnswer
from omi_actors.domain.answers.prompt import PromptMessage, TranscriptLine
from omi_actors.domain.hearing.segments import StoredSegment
from omi_actors.domain.hearing.state import Place
from omi_actors.domain.work.jobs import NewJob


@dataclass(frozen=True, slots=True, kw_only=True)
class NewConversation:
    """A conversation that begins: `number` counts a session's conversations from 1."""

    conversation_id: str
    number: int
    started_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class NewMessage:
    """One message of a turn. `role` is user or assistant; `source` omi_transcript, frontend or system.

    `kind` is question, answer or failure: a failure is said, but never used as knowledge. `job_id` names the answer
    job on both sides of the turn. `(job_id, role)` is unique.
    """

    message_id: str
    session_id: str
    conversation_id: str
    role: str
    kind: str
    source: str
    text: str
    job_id: str
    model: str
    created_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerDone:
    """The end of an answer job: its answer, or its honest failure, and the delivery that gives it to the wearer.

    Stored in one transaction with the job's completion, and only by the holder of `token`. `spent` is what it cost,
    None when the model was not asked.
    """

    job_id: str
    token: str
    finished_at: float
    message: NewMessage
    delivery: NewDelivery
    spent: Spending | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RawEvent:
    """A webhook of a kind that no feature reads yet, kept whole. `dedupe_key` is unique within the session."""

    event_id: str
    session_id: str
    kind: str
    dedupe_key: str
    content_type: str
    body: bytes
    received_at: float


class SessionCommit(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Everything that one turn of a session writes: all of it or nothing.

    Fence: `epoch_before == 0` inserts the session's row, which must not exist; otherwise the row must stand at
    `epoch_before`. The row then stands at `epoch`, one more than before. `listening_until` (UTC seconds) is when the
    question that is being spoken ends unless more of it comes; None while none is.
    """

    session_id: str
    session_key: str
    uid: str
    epoch_before: int
    epoch: int
    conversation_id: str | None
    conversation_number: int
    last_seq: int
    last_end_s: float
    last_seen_at: float
    listening_until: float | None = None
    # None leaves it as it is.
    active_space: str | None = None
    new_conversation: NewConversation | None = None
    segments: tuple[StoredSegment, ...] = ()
    messages: tuple[NewMessage, ...] = ()
    jobs: tuple[NewJob, ...] = ()
    # Jobs of one lane that may wait or run; those beyond are refused, and their questions told so.
    lane_cap: int = 1_000
    delivery_changes: tuple[DeliveryChange, ...] = ()
    raw_events: tuple[RawEvent, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRecord:
    """A session as the store knows it. `recent_segments` is ordered by seq, at most as many as were asked for.

    `open_answers` are the latest that are not given, oldest first.
    """

    session_id: str
    session_key: str
    uid: str
    epoch: int
    conversation_id: str | None
    conversation_number: int
    last_seq: int
    last_end_s: float
    last_seen_at: float
    recent_segments: tuple[StoredSegment, ...]
    listening_until: float | None = None
    # Where the latest accepted questions were put, oldest first.
    asked: tuple[Place, ...] = ()
    open_answers: tuple[OpenAnswer, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredMessage:
    """A message of a turn as it is read back. A question and its answer have the same `job_id`.

    Of an answer it says where its delivery stands, and on which channel; "" for neither.
    """

    message_id: str
    conversation_id: str
    role: str
    kind: str
    source: str
    text: str
    model: str
    created_at: float
    job_id: str = ""
    delivery_state: str = ""
    delivery_channel: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Transcript:
    """A page of what a session heard and said, segments by seq, messages by time."""

    session_key: str
    segments: tuple[StoredSegment, ...]
    messages: tuple[StoredMessage, ...]
    next_after_seq: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerContext:
    """Input of an answer: a session's latest segments and messages, oldest first, without failures, and its space.

    `use` is the model's use until now, for the budgets.
    """

    transcript: tuple[TranscriptLine, ...]
    history: tuple[PromptMessage, ...]
    space: str = "default"
    use: Use = field(default_factory=Use)
