"""Messages between nodes as bytes: what arrives is what was sent, and what is not ours is not read."""

import pytest

from omi_actors.actors.queue.messages import AnswerGrew, AnswerNotified, AnswerReady, QuestionWithdrawn
from omi_actors.actors.session import wire
from omi_actors.actors.session.messages import (
    AskerLeft,
    AskQuestion,
    ChatAnswered,
    CompletionLeft,
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
from omi_actors.domain.hearing.segments import Segment
from omi_actors.errors import AnswerLateError, KeyReusedError, QueueFullError, UpstreamRejectedError
from omi_actors.kit.errors import ActorUnavailableError

KEY, MAIL_KEY = "omi:ada", b"k" * 32
SEGMENT = Segment("s1", "Grüße, 世界", "SPEAKER_01", 1, True, None, 0.5, 2.0)
MESSAGES = [
    IngestSegments(KEY, "ada", (SEGMENT, SEGMENT), 1.5, needs_news=True),
    KeepRaw(KEY, "ada", "memory_created", "k1", "application/json", b"\x00\xff", 2.5),
    AskQuestion(session_key=KEY, asker_id="a1", key="k", text="how far?", context="moon", conversation_id="c1"),
    SwitchSpace(KEY, "todos"),
    OpenConversation(KEY, anew=True),
    StopQuestion(KEY, "k"),
    AnswerGrew(KEY, "j1", "piece", is_first=True),
    ReplySent(KEY, "d1", reached=False, is_spoken=False),
    AskerLeft(KEY, "a1"),
    PreferencesChanged(KEY),
    PauseOver(KEY),
    AnswerReady(KEY, "j1", "d1", "far", 3.5, is_failure=True),
    AnswerNotified(KEY, "d1", "sent"),
    QuestionWithdrawn(KEY, "j1"),
]


def carry(*frames):
    """Send frames as one mail; return them as they arrive."""
    mail = wire.unseal(wire.seal("node-a", frames, MAIL_KEY), MAIL_KEY)
    assert mail is not None
    return mail.frames


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: type(message).__name__)
def test_message_arrives_as_it_was_sent(message):
    (ask,) = carry(wire.build_ask(7, message, 12.0, "request-1"))

    assert (ask.number, ask.left_s, ask.request_id) == (7, 12.0, "request-1")
    assert wire.read_ask(ask, print) == message


def test_every_message_of_the_wire_is_tried_above():
    assert {type(message) for message in MESSAGES} == set(wire._REPLIES)
    assert not wire.can_travel(CompletionLeft(KEY, "c1"))


def test_pieces_go_to_the_callback_of_the_receiver_only_if_the_asker_reads_them():
    heard, here = [], []
    question = AskQuestion(session_key=KEY, asker_id="a1", key="k", text="?", on_delta=lambda *_: here.append(1))
    (ask,) = carry(wire.build_ask(1, question, 1.0, ""))

    wire.read_ask(ask, lambda text, is_anew: heard.append((text, is_anew))).on_delta("far", False)

    assert (heard, here) == ([("far", False)], [])


@pytest.mark.parametrize(
    ("message", "reply"),
    [
        (MESSAGES[0], Ingested("far", "d1")),
        (MESSAGES[2], ChatAnswered("far", "c1", "d1", is_failure=True, job_id="j1")),
        (MESSAGES[3], "default"),
        (MESSAGES[5], False),
        (MESSAGES[7], None),
    ],
)
def test_reply_arrives_as_it_was_sent(message, reply):
    (frame,) = carry(wire.build_reply(7, reply))

    assert wire.read_reply(frame, message) == reply


@pytest.mark.parametrize(
    "error",
    [
        QueueFullError("full", retry_after_s=2.5),
        KeyReusedError("used", hint="another"),
        AnswerLateError("late"),
        UpstreamRejectedError("no", code="insufficient_quota"),
    ],
)
def test_error_arrives_with_its_class_text_and_attributes(error):
    (frame,) = carry(wire.build_failure(7, error))

    arrived = wire.read_failure(frame)

    assert (type(arrived), str(arrived)) == (type(error), str(error))
    assert {**vars(error), **vars(arrived)} == vars(error)


def test_of_a_crash_only_its_name_crosses():
    (frame,) = carry(wire.build_failure(7, ValueError("words of a person")))

    arrived = wire.read_failure(frame)

    assert isinstance(arrived, ActorUnavailableError)
    assert str(arrived) == "the session crashed: ValueError"


@pytest.mark.parametrize(
    "harm", [lambda _: b"", lambda mail: mail[:20], lambda mail: mail[:-1] + b"\x07", bytes.swapcase]
)
def test_mail_that_no_node_has_sealed_is_not_read(harm):
    mail = wire.seal("node-a", [wire.build_ask(1, MESSAGES[0], 1.0, "")], MAIL_KEY)

    assert wire.unseal(harm(mail), MAIL_KEY) is None
    assert wire.unseal(mail, b"o" * 32) is None
