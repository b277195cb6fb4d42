"""The way and the form of an answer."""

import pytest

from omi_actors.domain.delivery import Channel, decide_channel, format_message


def test_answer_goes_into_the_reply_that_waits_for_it():
    assert decide_channel(reply_slot_open=True) is Channel.INLINE


def test_answer_without_a_waiting_reply_is_kept():
    assert decide_channel(reply_slot_open=False) is Channel.KEPT


@pytest.mark.parametrize("text", ["4", "Yes.", "да", "12345"])
def test_short_answer_is_made_long_enough_to_be_spoken(text):
    message = format_message(text)

    assert len(message) > 5
    assert message.endswith(text)


def test_longer_answer_is_left_as_it_is():
    assert format_message("  Canberra. ") == "Canberra."
