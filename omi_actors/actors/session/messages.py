"""Mail of sessions and of their router, through which it goes: webhooks, answers, chat.

Commands are imperative, facts are in the past tense. A `Request[R]` wants a reply of type R.
Not here: the workers' mail to sessions (actors/queue/messages.py), values of the domain. Threads: frozen, any.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from omi_actors.clients.model import ModelAnswer
from omi_actors.domain.answers.completions import Completion
from omi_actors.domain.answers.delivery_records import OpenAnswer
from omi_actors.domain.hearing.segments import Segment
from omi_actors.kit.messages import Request


@dataclass(frozen=True, slots=True)
class Ingested:
    """Reply to a webhook: all its segments are stored. `message` is the answer for the wearer, None if there is none.

    `delivery_id` names the answer's delivery. The web handler that sends `message` reports the result by `ReplySent`.
    """

    message: str | None = None
    delivery_id: str | None = None


@dataclass(frozen=True, slots=True)
class IngestSegments(Request[Ingested]):
    """Message from the webhook: store these segments, at most 1,000, in order. The reply comes after the commit.

    If they hold a question, the reply waits for its answer until the reply deadline. `needs_news`: if no segment is
    new, the reply carries no answer, because another person may have repeated the webhook. `ends_meeting`: the sender
    says that the conversation is over; a person in meeting mode then gets its transcript as a memory. `is_quiet`: the
    segments are only stored; no question is looked for in them, and the reply carries nothing.
    Fails with OverloadError, StoreError or ActorError; then no segment counts as stored.
    """

    session_key: str
    uid: str
    segments: tuple[Segment, ...]
    received_at: float
    needs_news: bool = False
    ends_meeting: bool = False
    is_quiet: bool = False


@dataclass(frozen=True, slots=True)
class KeepRaw(Request[Ingested]):
    """Message from the webhook: store a payload of a kind that no feature reads yet."""

    session_key: str
    uid: str
    kind: str
    dedupe_key: str
    content_type: str
    body: bytes
    received_at: float


@dataclass(frozen=True, slots=True)
class ReplySent:
    """Message from webhook and chat at the end of a reply with an answer. `reached`: the connection was not closed.

    `is_spoken` is False for a chat: no spoken follow-up is expected after its answer.
    """

    session_key: str
    delivery_id: str
    reached: bool
    is_spoken: bool = True


@dataclass(frozen=True, slots=True)
class ReplyUnsettled:
    """Message from the answer sweeper: a reply with this answer began long ago, and its end is not stored."""

    session_key: str
    answer: OpenAnswer


@dataclass(frozen=True, slots=True)
class GraceOver:
    """Message from the session's timer: no webhook came in the time for which this answer waited for one."""

    delivery_id: str


@dataclass(frozen=True, slots=True)
class PauseOver:
    """Message from the session's timer, or from the answer sweeper: a pause has ended the open utterance."""

    session_key: str


@dataclass(frozen=True, slots=True)
class ReplyDeadline:
    """Message from the session's timer: reply now to the webhook that waits for this job's answer."""

    job_id: str


@dataclass(frozen=True, slots=True)
class PreferencesChanged:
    """Message from the web, or from the answer sweeper: the session's person may have other preferences now.

    It reaches a session in memory only, and does not count as its use.
    """

    session_key: str


@dataclass(frozen=True, slots=True)
class Passivate:
    """Message from the router to an idle session: stop, unless a message, a reply or a timer still waits."""


@dataclass(frozen=True, slots=True)
class Cleared:
    """Reply to ClearIdle: the sessions that were asked to stop, and the others in memory."""

    cleared: int
    remaining: int


@dataclass(frozen=True, slots=True)
class ClearIdle(Request[Cleared]):
    """Message from the operator to the router: passivate the sessions without use for `idle_s` seconds."""

    idle_s: float


@dataclass(frozen=True, slots=True)
class Forget:
    """Message from the system to a live session: its person is erased. Forget all, and fail what waits."""


# Called with each piece of an answer: its text, and whether it voids all text before it, since an attempt began anew.
OnDelta = Callable[[str, bool], None]

# --- chat


@dataclass(frozen=True, slots=True)
class ChatAnswered:
    """Reply to a chat: the answer, or (`is_failure`) the reason why there is none.

    `delivery_id` names the delivery; the chat reports its end by `ReplySent`. None: the chat reports nothing.
    `is_duplicate`: the same message was answered a moment ago, and `text` says so. `job_id` names the answer's job,
    and by it the answer's sources.
    """

    text: str
    conversation_id: str = ""
    delivery_id: str | None = None
    is_failure: bool = False
    is_duplicate: bool = False
    job_id: str = field(default="", compare=False)  # where the answer came from, not what it says


@dataclass(frozen=True, slots=True, kw_only=True)
class AskQuestion(Request[ChatAnswered]):
    """Message from the chat: answer this question. It is stored before its job begins.

    `asker_id` names the chat's open reply. `key` names the question, unique for its owner: the same key means the
    same question. `may_be_known` is False if the server made the key for this message. `on_delta` gets the pieces of
    the answer; it must be quick and must not raise. `conversation_id` names an earlier conversation of the session,
    which the question continues; "" continues the latest one.
    Fails with OverloadError, StoreError, ActorError; with AnswerLateError at the deadline; with KeyReusedError when
    the key belongs to another question.
    """

    session_key: str
    asker_id: str
    key: str
    text: str
    context: str = ""
    may_be_known: bool = False
    on_delta: OnDelta | None = None
    conversation_id: str = ""


@dataclass(frozen=True, slots=True)
class SwitchSpace(Request[str]):
    """Message from the chat: answer in this space (domain/answers/prompt.py) from now on. Reply: the former space."""

    session_key: str
    space: str


@dataclass(frozen=True, slots=True)
class OpenConversation(Request[str]):
    """Message from a person's page: begin a conversation, unless the session has one. Reply: the latest one's id.

    `anew`: begin one also if the latest has messages.
    """

    session_key: str
    anew: bool = False


@dataclass(frozen=True, slots=True)
class StopQuestion(Request[bool]):
    """Message from a person's page: cancel the typed question with this key. Reply: False if it has ended already."""

    session_key: str
    key: str


@dataclass(frozen=True, slots=True)
class AskerLeft:
    """Message from the chat: this asker's connection is closed. A question without askers is cancelled."""

    session_key: str
    asker_id: str


@dataclass(frozen=True, slots=True)
class ChatDeadline:
    """Message from the session's timer: fail the chats that wait for this job's answer."""

    job_id: str


@dataclass(frozen=True, slots=True)
class AnswerFound:
    """Message from the answer sweeper: the answer that a reply of this session waits for is stored.

    Another node stored it. That node may be sending the answer, or may have sent it.
    """

    session_key: str
    answer: OpenAnswer


# --- completions


@dataclass(frozen=True, slots=True, kw_only=True)
class Complete(Request[ModelAnswer]):
    """Message from the web: go on with a program's conversation, in parallel to all others.

    Question and answer are stored before the reply, if the program wishes it; else nothing is. `completion_id` names
    it. `on_delta` gets the pieces of the answer; it must be quick and must not raise.
    Fails with QueueFullError, ContextTooLongError, BudgetSpentError, UpstreamError, StoreError, ActorError.
    """

    session_key: str
    completion_id: str
    asked: Completion
    on_delta: OnDelta | None = None


@dataclass(frozen=True, slots=True)
class CompletionLeft:
    """Message from the web: the connection that waits for this completion is closed. The model is stopped."""

    session_key: str
    completion_id: str


@dataclass(frozen=True, slots=True)
class CompletionEnded:
    """Message from the task of a completion to its own session. `is_kept`: question and answer are stored."""

    completion_id: str
    is_kept: bool


# --- to the router


@dataclass(frozen=True, slots=True)
class SweepIdle:
    """Message from the router's timer: passivate sessions that are idle too long or too many."""
