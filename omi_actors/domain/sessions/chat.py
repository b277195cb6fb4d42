"""Chat: what a typed question adds to its session, and what counts as the same question.

Not here: the way of its answer (domain/answers/delivery.py), likeness of texts (domain/hearing/repetition.py), rows
(store/). Threads: none, pure.
"""

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import blake2b

from msgspec.structs import replace

from omi_actors.domain.hearing.repetition import is_repetition
from omi_actors.domain.sessions.records import NewConversation
from omi_actors.domain.sessions.transcript import Growth, Progress

# Seconds after an answer in which its question, asked again, is a slip.
_REPETITION_S = 5.0
# What is said then; chat clients of Omi know the sentence.
JUST_ANSWERED = "I just answered that question. Is there something else I can help with?"
# Answered messages that are remembered: more do not fit into the seconds above at a person's speed.
_REMEMBERED = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatQuestion:
    """A typed question. `key` names it among its owner's for ever; `context` is data that its asker sent along.

    `is_streamed` tells whether somebody hears the answer while it is made.
    """

    key: str
    conversation_id: str
    text: str
    context: str = ""
    is_streamed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownQuestion:
    """What the store knows of a question that was asked before. `answer` is None while it is being made.

    `kind` is answer or failure. `fingerprint` is that of the request that asked it.
    """

    job_id: str
    conversation_id: str
    answer: str | None
    kind: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Answered:
    """A normalised message that was answered, and when (monotonic seconds)."""

    message: str
    at_mono_s: float


def build_fingerprint(session_key: str, text: str, context: str) -> str:
    """Return a digest of all that makes a typed question another one than that before it."""
    parts = (session_key, text, context)
    # Their lengths, too: no part can be moved over the border to the next.
    framed = "".join(f"{len(part)}:{part}" for part in parts)
    return blake2b(framed.encode(), digest_size=16).hexdigest()


def decide_chat_growth(progress: Progress, *, is_wearable: bool, now_s: float, new_id: Callable[[], str]) -> Growth:
    """Return where the session stands once a question is typed into it: its conversation goes on, or begins.

    Typing is no speech: it does not end a wearer's silence, so it moves no time of a wearable's session.
    """
    new = None
    if progress.conversation_id is None:
        new = NewConversation(conversation_id=new_id(), number=progress.conversation_number + 1, started_at=now_s)
        progress = replace(progress, conversation_id=new.conversation_id, conversation_number=new.number)
    if progress.epoch == 0 or not is_wearable:
        progress = replace(progress, last_seen_at=now_s)
    return Growth(progress, (), new, 0, 0, 0)


def remember_answered(answered: tuple[Answered, ...], message: str, now_mono_s: float) -> tuple[Answered, ...]:
    """Return what is remembered once `message` (normalised) is answered; a failure is no answer."""
    return (*answered[-(_REMEMBERED - 1) :], Answered(message, now_mono_s))


def was_just_answered(answered: tuple[Answered, ...], message: str, now_mono_s: float) -> bool:
    """Tell whether this normalised message, or one so like it that it is a slip, was answered a moment ago."""
    return any(now_mono_s - one.at_mono_s < _REPETITION_S and is_repetition(one.message, message) for one in answered)
