"""The messages of chat, grouped by receiver.

Not here: a session's other mail (actors/session/messages.py), the queue's (actors/queue/messages.py).
Threads: frozen, any; `on_delta` is called on the event loop.
"""

from collections.abc import Callable
from dataclasses import dataclass

from omi_actors.kit.asks import Request

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
    """Sent by the chat: from now on answer for this space (domain/spaces.py). The reply is the space before."""

    session_key: str
    space: str


@dataclass(frozen=True, slots=True)
class AskerLeft:
    """Sent by the chat: this asker's connection is gone. A question that nobody waits for any more is called off."""

    session_key: str
    asker_id: str


@dataclass(frozen=True, slots=True)
class AnswerGrew(Request[bool]):
    """Sent by the workers while an answer is made: more of its text; `is_first` of an attempt's pieces.

    The reply tells whether anybody listens. The next piece is sent after it, so that a piece waits in no mailbox
    behind another, and none is lost.
    """

    session_key: str
    job_id: str
    text: str
    is_first: bool


@dataclass(frozen=True, slots=True)
class ChatDeadline:
    """A session's own timer: who waits for this job's answer must be told now that it is late."""

    job_id: str


# --- to the job queue, which passes it on to the workers --------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CancelJob:
    """Sent by a session whose job is cancelled in the store: end its attempt, if there is one."""

    job_id: str
