"""Chat: the growth of a session by a typed question, and the rule for a repeated one."""

from omi_actors.domain.hearing.segments import RecentSegments
from omi_actors.domain.sessions.chat import AnsweredMessage, decide_chat_growth, remember_answered, was_just_answered
from omi_actors.domain.sessions.transcript import Progress

NEW = Progress("s1", 0, None, 0, 0, 0.0, 0.0, RecentSegments())
HEARD = Progress("s1", 4, "c2", 2, 9, 7.5, 1_000.0, RecentSegments())


def grown(progress, *, is_wearable):
    return decide_chat_growth(progress, is_wearable=is_wearable, now_s=2_000.0, new_id=lambda: "c-new")


def test_first_question_begins_the_conversation():
    growth = grown(NEW, is_wearable=False)

    assert growth.new_conversation is not None
    assert (growth.new_conversation.conversation_id, growth.new_conversation.number) == ("c-new", 1)
    assert (growth.progress.conversation_id, growth.progress.conversation_number) == ("c-new", 1)
    assert growth.progress.last_seen_at == 2_000.0


def test_question_goes_on_with_the_wearers_conversation_and_does_not_end_their_silence():
    growth = grown(HEARD, is_wearable=True)

    assert growth.new_conversation is None
    assert growth.progress == HEARD


def test_question_into_a_chat_is_the_latest_that_was_seen_of_it():
    assert grown(HEARD, is_wearable=False).progress.last_seen_at == 2_000.0


def test_message_is_a_repetition_for_five_seconds_after_its_answer():
    answered = (AnsweredMessage("how far is the moon", 100.0),)

    assert was_just_answered(answered, "how far is the moon", 104.9)
    assert not was_just_answered(answered, "how far is the moon", 105.0)
    assert not was_just_answered((), "how far is the moon", 100.0)


def test_last_answered_messages_are_remembered_and_not_only_the_last():
    answered: tuple[AnsweredMessage, ...] = ()
    for number, word in enumerate(("one", "two", "three", "four", "five")):
        answered = remember_answered(answered, f"what is {word}", float(number))

    assert [one.message for one in answered] == ["what is two", "what is three", "what is four", "what is five"]
