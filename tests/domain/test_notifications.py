"""The time and the form of a notification."""

import pytest

from omi_actors.domain.answers.notifications import NotifyTime, decide_notify_time, format_message


# seconds since a notification was chosen, seconds for which it cannot be tried → when it is tried
@pytest.mark.parametrize(
    ("waited_s", "pause_s", "time"),
    [
        (0.0, 0.0, NotifyTime.NOW),
        (500.0, 0.0, NotifyTime.NOW),
        (0.0, 5.0, NotifyTime.LATER),
        (55.0, 5.0, NotifyTime.LATER),
        (55.1, 5.0, NotifyTime.TOO_LATE),
        (0.0, 61.0, NotifyTime.TOO_LATE),
    ],
)
def test_notification_is_put_off_for_a_minute_at_most(waited_s, pause_s, time):
    assert decide_notify_time(waited_s, pause_s) is time


@pytest.mark.parametrize("text", ["4", "Yes.", "да", "12345"])
@pytest.mark.parametrize("is_repeated", [True, False])
def test_short_answer_is_made_long_enough_to_be_spoken(text, is_repeated):
    message = format_message(text, is_repeated=is_repeated)

    assert len(message) > 5
    assert message.endswith(text)


def test_longer_answer_is_left_as_it_is():
    assert format_message("  Canberra. ") == "Canberra."


def test_answer_that_may_have_been_heard_is_marked_as_repeated():
    assert format_message("Canberra.", is_repeated=True) == "Again: Canberra."
