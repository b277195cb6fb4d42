"""Chat: typed questions, their effect on a session, and the rule for a repeated one.

Not here: delivery of the answer (domain/answers/delivery.py), comparing texts (domain/hearing/repetition.py), rows
(store/). Threads: any; pure.
"""

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import blake2b

from msgspec.structs import replace

from omi_actors.domain.hearing.repetition import is_repetition
from omi_actors.domain.sessions.records import NewConversation
from omi_actors.domain.sessions.transcript import Growth, Progress

# Seconds after an answer in which the same question counts as a mistake.
_REPETITION_S = 5.0
# Reply to such a question; chat clients of Omi know the sentence.
JUST_ANSWERED = "I just answered that question. Is there something else I can help with?"
# Answered messages that are remembered: a person types no more within those seconds.
_REMEMBERED = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatQuestion:
    """A typed question. `key` is unique for its owner, for ever; `context` is data that came with it.

    `is_streamed`: the client receives the answer while the model writes it.
    """

    key: str
    conversation_id: str
    text: str
    context: str = ""
    is_streamed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownQuestion:
    """A stored question with the same key. `answer` is None until it is stored; its `kind` is answer or failure.

    `fingerprint` is the digest of the first request with this key.
    """

    job_id: str
    conversation_id: str
    answer: str | None
    kind: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class AnsweredMessage:
    """A normalised message that was answered, and the time of the answer (monotonic seconds)."""

    message: str
    at_mono_s: float


def build_fingerprint(session_key: str, text: str, context: str) -> str:
    """Return a digest of a typed question: two requests with the same digest ask the same question."""
    parts = (session_key, text, context)
    # With their lengths, so that no text can move from one part to the next.
    framed = "".join(f"{len(part)}:{part}" for part in parts)
    return blake2b(framed.encode(), digest_size=16).hexdigest()


def decide_chat_growth(
    progress: Progress, *, is_wearable: bool, now_s: float, new_id: Callable[[], str], conversation_id: str = ""
) -> Growth:
    """Return the growth of the transcript by a typed question: the conversation continues, or the first one begins.

    A question in an earlier conversation, `conversation_id`, begins none. Typing does not end a silence, so the times
    of a wearable's session do not change.
    """
    new = None
    if progress.conversation_id is None and not conversation_id:
        new = NewConversation(conversation_id=new_id(), number=progress.conversation_number + 1, started_at=now_s)
        progress = replace(progress, conversation_id=new.conversation_id, conversation_number=new.number)
    if progress.epoch == 0 or not is_wearable:
        progress = replace(progress, last_seen_at=now_s)
    return Growth(progress, (), new, 0, 0, 0)


def remember_answered(
    answered: tuple[AnsweredMessage, ...], message: str, now_mono_s: float
) -> tuple[AnsweredMessage, ...]:
    """Return the answered messages with this normalised one added. Failures must not be added."""
    return (*answered[-(_REMEMBERED - 1) :], AnsweredMessage(message, now_mono_s))


def was_just_answered(answered: tuple[AnsweredMessage, ...], message: str, now_mono_s: float) -> bool:
    """Return True when this normalised message, or one nearly equal, was answered a moment ago."""
    return any(now_mono_s - one.at_mono_s < _REPETITION_S and is_repetition(one.message, message) for one in answered)
