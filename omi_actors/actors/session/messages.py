"""The mail of a session, by way of the router.

Commands are imperative, facts are in the past tense. A `Request[R]` wants a reply of type R.
Not here: its mail about chat (chat_messages.py), values of the domain (domain/). Threads: frozen, any.
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
class ReplyUnsettled:
    """Sent by the answer sweeper: a reply with this answer was begun long ago, and its end is not in the store."""

    session_key: str
    answer: OpenAnswer


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


# Hears an answer grow: the text that is added, and whether all text before it is void, since the answer began anew.
OnDelta = Callable[[str, bool], None]

# --- to a session (by way of the router) ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ChatAnswered:
    """Reply: the answer, or (`is_failure`) the sentence that says why there is none.

    `delivery_id` names the answer's delivery; who sends the answer reports back with `ReplySent`. None: nothing to
    report. `is_duplicate`: the same was answered a moment ago, and `text` says so.
    """

    text: str
    conversation_id: str = ""
    delivery_id: str | None = None
    is_failure: bool = False
    is_duplicate: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AskQuestion(Request[ChatAnswered]):
    """Sent by the chat: answer this. The question is durable before anything is done for it.

    `asker_id` names who waits, `key` the question among its owner's: the same key means the same question.
    `may_be_known` is False for a key that was made for this message. `on_delta` hears the answer grow; it must be quick
    and must not raise.
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
    """Sent by the chat: from now on answer for this space (domain/answers/prompt.py). The reply is the space before."""

    session_key: str
    space: str


@dataclass(frozen=True, slots=True)
class AskerLeft:
    """Sent by the chat: this asker's connection is gone. A question that nobody waits for any more is called off."""

    session_key: str
    asker_id: str


@dataclass(frozen=True, slots=True)
class ChatDeadline:
    """A session's own timer: who waits for this job's answer must be told now that it is late."""

    job_id: str


# --- to a session (by way of the router) ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class AnswerFound:
    """Sent by the answer sweeper: the answer that a reply of this session waits for is stored, and stands as it says.

    Who stored it has not told us; it may be on its way, or given, by another node.
    """

    session_key: str
    answer: OpenAnswer


# --- to the router ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SweepIdle:
    """The router's own timer: passivate sessions that are idle too long or too many."""
