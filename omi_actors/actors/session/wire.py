"""Messages of sessions as bytes between nodes: the mail that one node sends another, and the frames in it.

A mail is signed with the key that its receiver keeps in the store. So whoever may write to Redis cannot speak for a
person; who may read there can read along.
Not here: when they are sent, and deadlines (owners.py), carrying them (backplane/). Threads: any; pure.
"""

from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from functools import cache
from hashlib import blake2b
from hmac import compare_digest
from typing import Any

import msgspec

from omi_actors.actors.queue.messages import AnswerGrew, AnswerNotified, AnswerReady, QuestionWithdrawn
from omi_actors.actors.session.messages import (
    AskerLeft,
    AskQuestion,
    ChatAnswered,
    Ingested,
    IngestSegments,
    KeepRaw,
    OpenConversation,
    PauseOver,
    PreferencesChanged,
    ReplySent,
    StopQuestion,
    SwitchSpace,
)
from omi_actors.kit.errors import ActorUnavailableError, ExpectedError

# Bytes of a signature, the first ones of a mail: nobody guesses 128 bits.
_SIGNED = 16
_Values = str | int | float | bool | None


class Ask(msgspec.Struct, frozen=True, array_like=True, tag=0, gc=False):
    """A message for a session of the receiver. `left_s`: seconds until its sender no longer waits for the reply."""

    number: int
    kind: str
    left_s: float
    request_id: str
    message: msgspec.Raw


class Reply(msgspec.Struct, frozen=True, array_like=True, tag=1, gc=False):
    """The reply to the ask with this number; after a message that wants none, the receiver has it."""

    number: int
    value: msgspec.Raw


class Failure(msgspec.Struct, frozen=True, array_like=True, tag=2, gc=False):
    """The error in place of a reply: its class, its text, its attributes."""

    number: int
    name: str
    text: str
    attributes: dict[str, _Values]


class Piece(msgspec.Struct, frozen=True, array_like=True, tag=3, gc=False):
    """The next piece of a streamed answer; `is_anew`: it voids all pieces before it."""

    number: int
    text: str
    is_anew: bool


class Working(msgspec.Struct, frozen=True, array_like=True, tag=4, gc=False):
    """The replies to these asks are not ready yet: the receiver lives and works on them."""

    numbers: tuple[int, ...]


class Watching(msgspec.Struct, frozen=True, array_like=True, tag=5, gc=False):
    """The sender shows the sessions of these owners, so for a while it wants a hint of each change."""

    owners: tuple[str, ...]


class Changed(msgspec.Struct, frozen=True, array_like=True, tag=6, gc=False):
    """Something was stored for a session of this owner, whom the receiver shows."""

    owner: str


Frame = Ask | Reply | Failure | Piece | Working | Watching | Changed


class Mail(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Frames from the node `sender`, in order."""

    sender: str
    frames: Sequence[Frame]


# Message types by their names on the wire, with the type of the reply. Others are for this node's sessions only.
_REPLIES: dict[type, Any] = {
    IngestSegments: Ingested,
    KeepRaw: Ingested,
    AskQuestion: ChatAnswered,
    SwitchSpace: str,
    OpenConversation: str,
    StopQuestion: bool,
    AnswerGrew: bool,
    ReplySent: None,
    AskerLeft: None,
    PreferencesChanged: None,
    PauseOver: None,
    AnswerReady: None,
    AnswerNotified: None,
    QuestionWithdrawn: None,
}
_TYPES = {kind.__name__: kind for kind in _REPLIES}
_encode = msgspec.msgpack.Encoder().encode
_decode_mail = msgspec.msgpack.Decoder(Mail).decode
_decode_any = msgspec.msgpack.Decoder().decode


def can_travel(message: object) -> bool:
    """Return True if this message may be sent to another node."""
    return type(message) in _REPLIES


def wants_reply(message: object) -> bool:
    """Return True if this message is an ask."""
    return _REPLIES[type(message)] is not None


def build_ask(number: int, message: Any, left_s: float, request_id: str) -> Ask:
    """Return the frame of a message. Its callback for pieces stays here."""
    if isinstance(message, AskQuestion) and message.on_delta is not None:
        # The owner sends pieces only if the asker reads them.
        message = {**{one.name: getattr(message, one.name) for one in fields(message)}, "on_delta": 1}
        return Ask(number, "AskQuestion", left_s, request_id, msgspec.Raw(_encode(message)))
    return Ask(number, type(message).__name__, left_s, request_id, msgspec.Raw(_encode(message)))


def read_ask(ask: Ask, on_delta: Callable[[str, bool], None]) -> Any:
    """Return the message of a frame; pieces of its answer go to `on_delta`.

    Raises:
        msgspec.ValidationError: it is no such message. KeyError: its kind is unknown.
    """
    kind = _TYPES[ask.kind]
    if kind is not AskQuestion:
        return _decoder(kind)(ask.message)
    values = _decode_any(ask.message)
    question = AskQuestion(**{**values, "on_delta": None})
    return replace(question, on_delta=on_delta) if values["on_delta"] else question


def build_reply(number: int, value: object) -> Reply:
    """Return the frame of a reply."""
    return Reply(number, msgspec.Raw(_encode(value)))


def read_reply(reply: Reply, message: object) -> Any:
    """Return the reply to `message`.

    Raises:
        msgspec.ValidationError: it is no such reply.
    """
    kind = _REPLIES[type(message)]
    return None if kind is None else _decoder(kind)(reply.value)


def build_failure(number: int, error: BaseException) -> Failure:
    """Return the frame of an error. Of one that is not expected only the name crosses."""
    if not isinstance(error, ExpectedError):
        return Failure(number, ActorUnavailableError.__name__, f"the session crashed: {type(error).__name__}", {})
    attributes = {name: value for name, value in vars(error).items() if isinstance(value, _Values)}
    return Failure(number, type(error).__name__, str(error), attributes)


def read_failure(failure: Failure) -> ExpectedError:
    """Return the error of a frame. One of a class that this program does not have becomes ActorUnavailableError."""
    kind = _find_errors().get(failure.name, ActorUnavailableError)
    error = kind.__new__(kind)
    error.args = (failure.text,)
    vars(error).update(failure.attributes)
    return error


def seal(sender: str, frames: Sequence[Frame], key: bytes) -> bytes:
    """Return a mail for the node that has this key."""
    content = _encode(Mail(sender, frames))
    return _sign(content, key) + content


def unseal(content: bytes, key: bytes) -> Mail | None:
    """Return the mail; None if nobody with the key has made it."""
    signature, content = content[:_SIGNED], content[_SIGNED:]
    if not compare_digest(signature, _sign(content, key)):
        return None
    try:
        return _decode_mail(content)
    except (msgspec.DecodeError, RecursionError):
        return None


def _sign(content: bytes, key: bytes) -> bytes:
    return blake2b(content, digest_size=_SIGNED, key=key).digest()


@cache
def _decoder(kind: type) -> Callable[[msgspec.Raw], Any]:
    return msgspec.msgpack.Decoder(kind).decode


@cache
def _find_errors() -> dict[str, type[ExpectedError]]:
    """Return all classes of expected errors by name."""
    found: dict[str, type[ExpectedError]] = {}
    waiting: list[type[ExpectedError]] = [ExpectedError]
    while waiting:
        kind = waiting.pop()
        found[kind.__name__] = kind
        waiting.extend(kind.__subclasses__())
    return found
