"""The messages to the job queue and its workers, and those that the workers send to sessions.

Not here: jobs as values (domain/work/jobs.py). Threads: frozen, any.
"""

from dataclasses import dataclass
from typing import Any, Protocol

from omi_actors.domain.answers.delivery_records import Channel, DeliveryState, OpenAnswer
from omi_actors.domain.work.jobs import ClaimedJob
from omi_actors.jobs.attempt import Attempted
from omi_actors.kit.future import Future
from omi_actors.kit.messages import Request

# --- to the job queue ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class JobsEnqueued:
    """Message after the commit of a job of this kind. Only a hint: the job table is the queue."""

    kind: str


@dataclass(frozen=True, slots=True)
class ReservationEnded:
    """Message after a commit that reserved a slot with `token`; `job` is the job that it leased, or None.

    `is_unknown`: the store did not reply in time, so `job_id` may be stored and leased although `job` is None.
    """

    kind: str
    job_id: str
    token: str
    job: ClaimedJob | None = None
    is_unknown: bool = False


@dataclass(frozen=True, slots=True)
class WorkElsewhere:
    """Message from the backplane runner: another node has jobs of this kind and no free slot. Only a hint."""

    kind: str


@dataclass(frozen=True, slots=True)
class QueueTick:
    """Message from the queue's timer: claim jobs, also if no hint about them came; take back jobs of expired leases."""


@dataclass(frozen=True, slots=True)
class WorkersReady:
    """Message from the workers after their start: they can run jobs now."""


@dataclass(frozen=True, slots=True)
class JobsClaimed:
    """Message with the result of the queue's claim of jobs of `kinds`; `error` names the failure, "" after success."""

    kinds: tuple[str, ...]
    jobs: tuple[ClaimedJob, ...]
    error: str = ""


@dataclass(frozen=True, slots=True)
class JobFinished:
    """Message from the workers at the end of each attempt: its slot is free."""

    token: str
    kind: str


@dataclass(frozen=True, slots=True)
class SlotsFree:
    """Message from the queue's timer: attempts of these kinds ended a moment ago, so claim more jobs."""

    kinds: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CancelJob:
    """Message from a session after it cancelled the job in the store; the queue passes it on to the workers."""

    job_id: str


# --- to the workers -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RunJob:
    """Message from the queue to the workers: make one attempt at this job."""

    job: ClaimedJob


@dataclass(frozen=True, slots=True)
class AttemptEnded:
    """Message at the end of an attempt, from its task to the workers."""

    attempted: Attempted


@dataclass(frozen=True, slots=True)
class HeartbeatTick:
    """Message from the workers' timer: renew the leases of running attempts."""


@dataclass(frozen=True, slots=True)
class LeasesRenewed:
    """Message with the result of a heartbeat: of the tokens in `asked`, those in `held` still have their leases.

    If `error` is not empty, the store failed, and `held` is empty without a meaning.
    """

    asked: frozenset[str]
    held: frozenset[str]
    error: str = ""


@dataclass(frozen=True, slots=True)
class CancelAttempts:
    """Message from the workers' timer while they drain: the grace is over, so cancel the running attempts."""


@dataclass(frozen=True, slots=True)
class Drain(Request[None]):
    """Message at shutdown: end the work. The queue claims no more jobs; the workers reply when all attempts have ended.

    After `grace_s` seconds the workers cancel running attempts, and each releases its job.
    """

    grace_s: float


# --- to a session, by way of the router -------------------------------------------------------------------------


class SessionMail(Protocol):
    """The way of facts to sessions, wherever these are: the router, or the owners (actors/session/owners.py)."""

    def tell(self, message: Any) -> bool:
        """Send a fact to the session that its `session_key` names."""

    def ask(self, message: Any, *, timeout_s: float) -> Future[Any]:
        """Send a piece of an answer there; return the future of the reply."""


@dataclass(frozen=True, slots=True)
class AnswerReady:
    """Message to a session: an answer or a failure is stored. The workers send it; the answer sweeper repeats it.

    `asked_at` is the question's time in UTC seconds. A failure's text says why there is no answer. `is_sending`: the
    intent to send the answer in its own reply is stored, too; it is not sent yet.
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
        """Return the message about this stored answer."""
        ids = (session_key, answer.job_id, answer.delivery_id)
        is_failure = answer.kind == "failure"
        return cls(*ids, answer.text, answer.asked_at, is_failure=is_failure, is_sending=is_sending)

    def to_open_answer(self) -> OpenAnswer:
        """Return the answer as the session remembers it before the first step of its delivery."""
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
class QuestionWithdrawn:
    """Message from the workers: the model found that this job's question was for somebody else. There is no answer."""

    session_key: str
    job_id: str


@dataclass(frozen=True, slots=True)
class AnswerNotified:
    """Message from the workers at the end of a notification job: the delivery is now in state `state`."""

    session_key: str
    delivery_id: str
    state: str


@dataclass(frozen=True, slots=True)
class AnswerGrew(Request[bool]):
    """Message with the next piece of a streamed answer, from the workers. `is_first`: the first piece of this attempt.

    The reply is True if an open chat receives the piece. The workers send the next piece only after this reply, so a
    mailbox never holds two.
    """

    session_key: str
    job_id: str
    text: str
    is_first: bool
