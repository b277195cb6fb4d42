"""The mail of a session, by way of the router.

Commands are imperative, facts are in the past tense. A `Request[R]` wants a reply of type R.
Not here: its mail about chat (chat_messages.py), values of the domain (domain/). Threads: frozen, any.
"""

from dataclasses import dataclass

from omi_actors.domain.sessions.records import OpenAnswer
from omi_actors.domain.sessions.segments import Segment
from omi_actors.kit.asks import Request


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
