"""The messages that actors exchange, grouped by receiver.

Commands are imperative, facts are in the past tense, questions are `Get…`. A `Request[R]` wants a reply of type R.
Not here: the kit's own messages (kit/), values of the domain (domain/). Threads: frozen, any.
"""

from dataclasses import dataclass

from omi_actors.domain.jobs import ClaimedJob, QueueCounts
from omi_actors.domain.segments import Segment
from omi_actors.domain.sessions import OpenAnswer
from omi_actors.jobs.attempt import Attempted
from omi_actors.kit.asks import Request

# --- to a session (by way of the router) ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Ingested:
    """Reply: everything of the webhook is durable. `message` is what the wearer shall hear, None for nothing.

    `delivery_id` names the answer's delivery; whoever sends `message` reports back with `ReplySent`. `is_failure`:
    the message says why there is no answer.
    """

    message: str | None = None
    delivery_id: str | None = None
    is_failure: bool = False


@dataclass(frozen=True, slots=True)
class IngestSegments(Request[Ingested]):
    """Sent by the webhook: hear these segments, in order, at most 1,000. Replied to after the commit.

    When a question is among them, the reply waits for its answer until the reply deadline. With `needs_news` a reply
    to nothing new carries no answer: who sends what was sent before need not be who may hear it.
    Fails with OverloadError, StoreError or ActorError; then nothing of it may be counted as kept.
    """

    session_key: str
    uid: str
    segments: tuple[Segment, ...]
    received_at: float
    needs_news: bool = False


@dataclass(frozen=True, slots=True)
class KeepRaw(Request[Ingested]):
    """Sent by the webhook: keep a payload of a kind that no feature reads yet."""

    session_key: str
    uid: str
    kind: str
    dedupe_key: str
    content_type: str
    body: bytes
    received_at: float


@dataclass(frozen=True, slots=True)
class ReplySent:
    """Sent by the webhook after an answer went out in its reply; `reached` is False when the connection was gone.

    Sent by the chat, too; what goes out there is not `is_spoken`, and nobody goes on talking after it.
    """

    session_key: str
    delivery_id: str
    reached: bool
    is_spoken: bool = True


@dataclass(frozen=True, slots=True)
class AnswerReady:
    """Sent by the workers once an answer, or its honest failure, is stored; by the answer sweeper while it waits.

    It may come more than once. `asked_at` is its question's time in UTC seconds; `is_failure` tells that it says why
    there is no answer. `is_sending`: the intent to say it in its own reply is committed with it; it is not said yet.
    """

    session_key: str
    job_id: str
    delivery_id: str
    text: str
    asked_at: float
    is_failure: bool = False
    is_sending: bool = False

    @classmethod
    def of(cls, session_key: str, answer: OpenAnswer, *, is_sending: bool = False) -> "AnswerReady":
        """Return the news of an answer once more, as the store has it."""
        ids = (session_key, answer.job_id, answer.delivery_id)
        is_failure = answer.kind == "failure"
        return cls(*ids, answer.text, answer.asked_at, is_failure=is_failure, is_sending=is_sending)


@dataclass(frozen=True, slots=True)
class ReplyUnsettled:
    """Sent by the answer sweeper: a reply with this answer was begun long ago, and its end is not in the store."""

    session_key: str
    answer: OpenAnswer


@dataclass(frozen=True, slots=True)
class AnswerNotified:
    """Sent by the workers when a notification job is over; the delivery stands at `state`."""

    session_key: str
    delivery_id: str
    state: str


@dataclass(frozen=True, slots=True)
class GraceOver:
    """A session's own timer: no webhook came whose reply could have carried this answer."""

    delivery_id: str


@dataclass(frozen=True, slots=True)
class PauseOver:
    """A session's own timer, or the answer sweeper's reminder: a question that was being spoken has ended by now."""

    session_key: str


@dataclass(frozen=True, slots=True)
class ReplyDeadline:
    """A session's own timer: the webhook that waits for this job's answer must be answered now."""

    job_id: str


@dataclass(frozen=True, slots=True)
class Passivate:
    """Sent by the router to an idle session: stop, unless something came meanwhile."""


# --- to the router ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SweepIdle:
    """The router's own timer: passivate what has been idle too long or is too many."""


# --- to the answer sweeper --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SweepAnswers:
    """The sweeper's own timer: look for answers that nobody has begun to give."""


# --- to the janitor ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CleanUp:
    """The janitor's own timer: look for what has been kept long enough."""


@dataclass(frozen=True, slots=True)
class NextBatch:
    """The janitor's own, between two batches."""


# --- to the job queue and its workers ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class JobsEnqueued:
    """Sent by whoever committed a job: there is work of this kind. A hint only; the table is the queue."""

    kind: str


@dataclass(frozen=True, slots=True)
class BookingEnded:
    """Sent by the commit that booked a place with `token`: the job it leased, None if it did not.

    `is_unknown`: nobody knows whether `job_id` was stored and leased.
    """

    kind: str
    job_id: str
    token: str
    job: ClaimedJob | None = None
    is_unknown: bool = False


@dataclass(frozen=True, slots=True)
class WorkElsewhere:
    """Sent by the backplane keeper: another node has work of this kind, and no place for it. A hint, too."""

    kind: str


@dataclass(frozen=True, slots=True)
class QueueTick:
    """The queue's own timer: look for work that nobody hinted at, and take back what was left behind."""


@dataclass(frozen=True, slots=True)
class WorkersReady:
    """Sent by the workers to the queue at their start: jobs given to us now are begun at once."""


@dataclass(frozen=True, slots=True)
class JobsClaimed:
    """Sent by the queue's own claim of `kinds` when the store has answered; `error` names its failure, "" for none."""

    kinds: tuple[str, ...]
    jobs: tuple[ClaimedJob, ...]
    error: str = ""


@dataclass(frozen=True, slots=True)
class RunJob:
    """Sent by the queue to the workers: make one attempt at this job."""

    job: ClaimedJob


@dataclass(frozen=True, slots=True)
class JobFinished:
    """Sent by the workers to the queue: this attempt is over, however it ended; its place is free."""

    token: str
    kind: str


@dataclass(frozen=True, slots=True)
class PlacesFree:
    """The queue's own timer: attempts of these kinds have ended a moment ago."""

    kinds: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AttemptEnded:
    """Sent by a worker's task to its actor."""

    attempted: Attempted


@dataclass(frozen=True, slots=True)
class HeartbeatTick:
    """The workers' own timer: renew the leases of what runs."""


@dataclass(frozen=True, slots=True)
class LeasesRenewed:
    """Sent by the workers' own heartbeat: of the asked tokens, these are still ours."""

    asked: frozenset[str]
    held: frozenset[str]


@dataclass(frozen=True, slots=True)
class CancelAttempts:
    """The workers' own timer while they drain: the grace is over."""


@dataclass(frozen=True, slots=True)
class Drain(Request[None]):
    """Sent at shutdown. The queue claims no more; the workers reply when all attempts are over.

    After `grace_s` seconds the workers cancel what still runs, and each attempt hands its job back.
    """

    grace_s: float


# --- to the metrics collector -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CollectTick:
    """The collector's own timer."""


@dataclass(frozen=True, slots=True)
class QueueCounted:
    """Sent by the collector's own question to the store; None when it did not answer."""

    counts: QueueCounts | None
    store_seconds: float


# --- to the backplane keeper ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CarrierEnded:
    """Sent by the keeper's own task: the backplane has ended although nobody told it to."""

    error: BaseException


# --- to the node keeper -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class KeepTick:
    """The keeper's own timer."""


@dataclass(frozen=True, slots=True)
class NodeConfirmed:
    """Sent by the keeper's own heartbeat: whether the node's name is still this process's."""

    is_ours: bool
