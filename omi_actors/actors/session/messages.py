"""Mail of sessions and of their router, through which it goes: webhooks, answers, chat.

Commands are imperative, facts are in the past tense. A `Request[R]` wants a reply of type R.
Not here: the workers' mail to sessions (actors/queue/messages.py), values of the domain. Threads: frozen, any.
"""

from collections.abc import Callable
from dataclasses import dataclass

from omi_actors.domain.answers.delivery_records import OpenAnswer
from omi_actors.domain.hearing.segments import Segment
from omi_actors.kit.messages import Request


@dataclass(frozen=True, slots=True)
class Ingested:
    """Reply to a webhook: everything in it is durable. `message` is for the wearer, None without an answer.

    `delivery_id` names the answer's delivery; the sender of `message` reports its end with `ReplySent`.
    """

    message: str | None = None
    delivery_id: str | None = None


@dataclass(frozen=True, slots=True)
class IngestSegments(Request[Ingested]):
    """Sent by the webhook: take in these segments, at most 1,000, in order. The reply follows the commit.

    If they hold a question, the reply waits for its answer until the reply deadline. With `needs_news` a reply to
    known segments carries no answer, because the sender of a repeated webhook may be another person.
    Fails with OverloadError, StoreError or ActorError; then no segment counts as stored.
    """

    session_key: str
    uid: str
    segments: tuple[Segment, ...]
    received_at: float
    needs_news: bool = False


@dataclass(frozen=True, slots=True)
class KeepRaw(Request[Ingested]):
    """Sent by the webhook: store a payload of a kind that no feature reads yet."""

    session_key: str
    uid: str
    kind: str
    dedupe_key: str
    content_type: str
    body: bytes
    received_at: float


@dataclass(frozen=True, slots=True)
class ReplySent:
    """Sent by webhook and chat at the end of a reply with an answer; `reached` is False if the connection was closed.

    `is_spoken` is False for a chat: no talk follows its answer.
    """

    session_key: str
    delivery_id: str
    reached: bool
    is_spoken: bool = True


@dataclass(frozen=True, slots=True)
class ReplyUnsettled:
    """Sent by the answer sweeper: a reply with this answer began long ago, and its end is not stored."""

    session_key: str
    answer: OpenAnswer


@dataclass(frozen=True, slots=True)
class GraceOver:
    """Sent by the session's timer: no webhook came within the grace of this answer."""

    delivery_id: str


@dataclass(frozen=True, slots=True)
class PauseOver:
    """Sent by the session's timer, or the answer sweeper as a reminder: a pause has ended the open utterance."""

    session_key: str


@dataclass(frozen=True, slots=True)
class ReplyDeadline:
    """Sent by the session's timer: reply now to the webhook that waits for this job's answer."""

    job_id: str


@dataclass(frozen=True, slots=True)
class Passivate:
    """Sent by the router to an idle session: stop, unless mail or a timer waits."""


# Called with each piece of an answer: its text, and whether it voids all text before it, since an attempt began anew.
OnDelta = Callable[[str, bool], None]

# --- chat


@dataclass(frozen=True, slots=True)
class ChatAnswered:
    """Reply to a chat: the answer, or (`is_failure`) the sentence that says why there is none.

    `delivery_id` names the delivery whose end the chat reports with `ReplySent`, None if nothing is to be reported.
    `is_duplicate`: the same message was answered a moment ago, and `text` says so.
    """

    text: str
    conversation_id: str = ""
    delivery_id: str | None = None
    is_failure: bool = False
    is_duplicate: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AskQuestion(Request[ChatAnswered]):
    """Sent by the chat: answer this question. It is durable before any work for it begins.

    `asker_id` names the open reply, `key` the question among its owner's: the same key means the same question.
    `may_be_known` is False for a key that was made for this message. `on_delta` gets the answer's pieces; it must be
    quick and must not raise.
    Fails with OverloadError, StoreError, ActorError, with AnswerLateError at the deadline, or with KeyReusedError
    when the key names another question.
    """

    session_key: str
    asker_id: str
    key: str
    text: str
    context: str = ""
    may_be_known: bool = False
    on_delta: OnDelta | None = None


@dataclass(frozen=True, slots=True)
class SwitchSpace(Request[str]):
    """Sent by the chat: answer in this space from now on (domain/answers/prompt.py). The reply is the former space."""

    session_key: str
    space: str


@dataclass(frozen=True, slots=True)
class AskerLeft:
    """Sent by the chat: this asker's connection is closed. The last asker's leaving cancels the question."""

    session_key: str
    asker_id: str


@dataclass(frozen=True, slots=True)
class ChatDeadline:
    """Sent by the session's timer: fail now the chats that wait for this job's answer."""

    job_id: str


@dataclass(frozen=True, slots=True)
class AnswerFound:
    """Sent by the answer sweeper: an answer that a reply of this session waits for is stored, in this state.

    Another node made it, and may be sending it or have sent it.
    """

    session_key: str
    answer: OpenAnswer


# --- to the router


@dataclass(frozen=True, slots=True)
class SweepIdle:
    """Sent by the router's timer: passivate sessions that are idle too long or too many."""
