"""Records of a session: values that the store loads when a session starts, and that its turns commit.

Not here: the decisions that make them (transcript.py, domain/hearing/, domain/answers/), deliveries
(domain/answers/delivery.py), rows (store/sessions.py). Threads: any; pure.
"""

from dataclasses import dataclass, field

import msgspec

from omi_actors.domain.answers.budget import Spending, Use
from omi_actors.domain.answers.delivery_records import DeliveryChange, NewDelivery, OpenAnswer
from omi_actors.domain.answers.prompt import EarlierMessage, TranscriptLine
from omi_actors.domain.hearing.segments import StoredSegment
from omi_actors.domain.hearing.state import Place
from omi_actors.domain.work.jobs import NewJob

# Seconds from a question to its answer, at least: so they differ in milliseconds, by which clients sort.
AFTER_QUESTION_S = 0.002


@dataclass(frozen=True, slots=True, kw_only=True)
class NewConversation:
    """A conversation to begin: `number` counts a session's conversations from 1."""

    conversation_id: str
    number: int
    started_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class NewMessage:
    """A message to store. `role` is user or assistant; `source` is omi_transcript, frontend or system.

    `kind` is question, answer or failure; failures are delivered, but no prompt contains them. A question and its
    answer share the `job_id` of the answer job. `(job_id, role)` is unique. `asker` of a question is user or other (not
    known to be the user); `speaker` is the other's label.
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
    asker: str = ""
    speaker: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerDone:
    """End of an answer job: the answer or a failure, and its delivery.

    It is stored in one transaction with the job's completion, and only by the holder of `token`. `spent` is the use of
    the model, None when the model was not asked. `sources` are the numbers of the recalled texts in its prompt.
    """

    job_id: str
    token: str
    finished_at: float
    message: NewMessage
    delivery: NewDelivery
    spent: Spending | None = None
    sources: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdrawn:
    """End of an answer job whose question was for somebody else: nothing is answered, and the question is no message.

    It is stored as `AnswerDone` is. `spent` is the use of the model, which was asked.
    """

    job_id: str
    token: str
    finished_at: float
    spent: Spending


@dataclass(frozen=True, slots=True, kw_only=True)
class RawEvent:
    """A webhook of a kind that no feature reads yet, stored unchanged. `dedupe_key` is unique within the session."""

    event_id: str
    session_id: str
    kind: str
    dedupe_key: str
    content_type: str
    body: bytes
    received_at: float


class SessionCommit(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """All that one turn of a session writes, in one transaction.

    Fence: with `epoch_before` 0 the session's row must not exist, and is inserted. Otherwise the row's epoch must be
    `epoch_before`. The row then gets `epoch`, which is one more. `listening_until` (UTC seconds) is the deadline of the
    open question; None when none is open.
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
    # None keeps the stored one.
    active_space: str | None = None
    # Set in the turn that brings the first segment of the wearer's own voice.
    meets_user: bool = False
    new_conversation: NewConversation | None = None
    segments: tuple[StoredSegment, ...] = ()
    messages: tuple[NewMessage, ...] = ()
    jobs: tuple[NewJob, ...] = ()
    # Limit of waiting and running jobs of a lane; a job above it is refused, and its question gets a failure.
    lane_cap: int = 1_000
    delivery_changes: tuple[DeliveryChange, ...] = ()
    raw_events: tuple[RawEvent, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRecord:
    """A stored session, with its latest segments in order of seq; the caller limits their count.

    `open_answers` are the latest that are not delivered, oldest first. `node` has committed last.
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
    # A segment was recognised as the wearer's voice at some time.
    knows_user: bool = False
    node: str = ""
    # Places of the latest accepted questions, oldest first.
    asked: tuple[Place, ...] = ()
    open_answers: tuple[OpenAnswer, ...] = ()
    # The account of the session's person; None: it is nobody's.
    account_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredMessage:
    """A stored message. A question and its answer have the same `job_id`.

    `delivery_state` and `delivery_channel` belong to an answer's delivery; other messages have "". The fields after
    them are loaded for the operator's page alone.
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
    speaker: str = ""
    job_state: str = ""
    request_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Transcript:
    """A page of a session's transcript: segments by seq, messages by time."""

    session_key: str
    segments: tuple[StoredSegment, ...]
    messages: tuple[StoredMessage, ...]
    next_after_seq: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerContext:
    """Stored input of a prompt: the session's latest segments and messages (without failures), oldest first.

    `space` is the name of the session's space. `use` is the use of the model so far, for the budgets. `recall_of` is
    the account whose texts the prompt may recall; None: no text. `wish` is the text of the prompt that the person has
    chosen for the space.
    """

    transcript: tuple[TranscriptLine, ...]
    history: tuple[EarlierMessage, ...]
    space: str = "default"
    use: Use = field(default_factory=Use)
    recall_of: str | None = None
    wish: str = ""
