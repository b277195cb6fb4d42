"""The messages to the job queue and its workers, and those that the workers send to sessions.

Not here: jobs as values (domain/work/jobs.py). Threads: frozen, any.
"""

from dataclasses import dataclass

from omi_actors.domain.answers.delivery_records import Channel, DeliveryState, OpenAnswer
from omi_actors.domain.work.jobs import ClaimedJob
from omi_actors.jobs.attempt import Attempted
from omi_actors.kit.messages import Request

# --- to the job queue ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class JobsEnqueued:
    """Sent after the commit of a job of this kind. A hint only: the job table is the queue."""

    kind: str


@dataclass(frozen=True, slots=True)
class ReservationEnded:
    """Sent by the commit that reserved a slot with `token`: the job it leased, None without one.

    `is_unknown`: the store did not reply in time, so that `job_id` may be stored and leased all the same.
    """

    kind: str
    job_id: str
    token: str
    job: ClaimedJob | None = None
    is_unknown: bool = False


@dataclass(frozen=True, slots=True)
class WorkElsewhere:
    """Sent by the backplane runner: another node has work of this kind and no free slot. A hint, too."""

    kind: str


@dataclass(frozen=True, slots=True)
class QueueTick:
    """The queue's own timer: claim jobs without a hint, and take back jobs of expired leases."""


@dataclass(frozen=True, slots=True)
class WorkersReady:
    """Sent by the workers at their start: they can begin jobs at once."""


@dataclass(frozen=True, slots=True)
class JobsClaimed:
    """Sent by the queue's own claim of `kinds` after the store's answer; `error` names its failure, "" for none."""

    kinds: tuple[str, ...]
    jobs: tuple[ClaimedJob, ...]
    error: str = ""


@dataclass(frozen=True, slots=True)
class JobFinished:
    """Sent by the workers at every end of an attempt: its slot is free."""

    token: str
    kind: str


@dataclass(frozen=True, slots=True)
class SlotsFree:
    """The queue's own timer: attempts of these kinds ended a moment ago."""

    kinds: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CancelJob:
    """Sent by a session after it cancelled the job in the store; the queue passes it on to the workers."""

    job_id: str


# --- to the workers -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RunJob:
    """Sent by the queue: make one attempt at this job."""

    job: ClaimedJob


@dataclass(frozen=True, slots=True)
class AttemptEnded:
    """Sent by the task of an attempt to its actor."""

    attempted: Attempted


@dataclass(frozen=True, slots=True)
class HeartbeatTick:
    """The workers' own timer: renew the leases of running attempts."""


@dataclass(frozen=True, slots=True)
class LeasesRenewed:
    """Sent by the workers' own heartbeat: of the asked tokens, these still hold their leases."""

    asked: frozenset[str]
    held: frozenset[str]


@dataclass(frozen=True, slots=True)
class CancelAttempts:
    """The workers' own timer while they drain: the grace is over."""


@dataclass(frozen=True, slots=True)
class Drain(Request[None]):
    """Sent at shutdown. The queue claims no more; the workers reply when all attempts are over.

    After `grace_s` seconds the workers cancel running attempts, and each releases its job.
    """

    grace_s: float


# --- to a session, by way of the router -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class AnswerReady:
    """Sent by the workers once an answer or a failure is stored; by the answer sweeper while its delivery is pending.

    It may come more than once. `asked_at` is the question's time in UTC seconds; a failure gives the reason for no
    answer. `is_sending`: the intent to send it in its own reply is committed with it; it is not sent yet.
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
        """Return the message about an answer as it is stored."""
        ids = (session_key, answer.job_id, answer.delivery_id)
        is_failure = answer.kind == "failure"
        return cls(*ids, answer.text, answer.asked_at, is_failure=is_failure, is_sending=is_sending)

    def to_open_answer(self) -> OpenAnswer:
        """Return the answer as its session remembers it until its first step."""
        return OpenAnswer(
            delivery_id=self.delivery_id,
            job_id=self.job_id,
            text=self.text,
            state=DeliveryState.PENDING,
            channel=Channel.NONE,
            asked_at=self.asked_at,
            kind="failure" if self.is_failure else "answer",
        )


@dataclass(frozen=True, slots=True)
class AnswerNotified:
    """Sent by the workers at the end of a notification job; the delivery's state is `state`."""

    session_key: str
    delivery_id: str
    state: str


@dataclass(frozen=True, slots=True)
class AnswerGrew(Request[bool]):
    """Sent by the workers while the model streams: the next piece of an answer; `is_first` of this attempt.

    The reply tells whether any asker receives it. The next piece follows the reply, so no two wait in a mailbox.
    """

    session_key: str
    job_id: str
    text: str
    is_first: bool
