"""The way and the form of an answer."""

import pytest

from omi_actors.domain.answers.delivery import (
    Channel,
    DeliveryRules,
    DeliveryState,
    OpenAnswer,
    Reply,
    Way,
    decide_pause,
    decide_way,
    format_message,
)

NOW = 1_790_000_000.0
RULES = {True: DeliveryRules(can_notify=True), False: DeliveryRules(can_notify=False)}
FRESH, OLD = 20.0, 600.0


def waiting(state, channel=Channel.NONE, age_s=FRESH):
    return OpenAnswer(
        delivery_id="d", job_id="j", text="384,400 km.", state=state, channel=channel, asked_at=NOW - age_s
    )


PENDING, KEPT, UNKNOWN = waiting(DeliveryState.PENDING), waiting(DeliveryState.KEPT), waiting(DeliveryState.UNKNOWN)
NOTIFYING = waiting(DeliveryState.PENDING, Channel.NOTIFY)

# answer, the reply at hand, whether there is a key, whether the grace is over → the way
CASES = [
    (PENDING, Reply.CHAT, True, False, Way.CHAT),
    (KEPT, Reply.CHAT, False, True, Way.CHAT),
    (PENDING, Reply.OWN, True, False, Way.INLINE),
    (PENDING, Reply.OWN, False, False, Way.INLINE),
    (PENDING, Reply.NEXT, True, False, Way.NEXT_WEBHOOK),
    (PENDING, Reply.NEXT, False, False, Way.NEXT_WEBHOOK),
    (PENDING, Reply.NONE, True, False, Way.AWAIT),
    (PENDING, Reply.NONE, True, True, Way.NOTIFY),
    (PENDING, Reply.NONE, False, False, Way.KEEP),
    (PENDING, Reply.NONE, False, True, Way.KEEP),
    (NOTIFYING, Reply.NONE, True, True, Way.AWAIT),
    (NOTIFYING, Reply.NEXT, True, True, Way.NEXT_WEBHOOK),
    (KEPT, Reply.NONE, True, True, Way.AWAIT),
    (KEPT, Reply.NEXT, True, True, Way.NEXT_WEBHOOK),
    (KEPT, Reply.NEXT, False, False, Way.NEXT_WEBHOOK),
    (UNKNOWN, Reply.NONE, True, True, Way.AWAIT),
    (UNKNOWN, Reply.NEXT, True, False, Way.NEXT_WEBHOOK),
    (UNKNOWN, Reply.NEXT, False, False, Way.NEXT_WEBHOOK),
]


@pytest.mark.parametrize(("answer", "reply", "has_key", "is_grace_over", "way"), CASES)
def test_answer_goes_by_the_first_way_that_is_open(answer, reply, has_key, is_grace_over, way):
    decided = decide_way(answer, reply, RULES[has_key], now_s=NOW, is_grace_over=is_grace_over)

    assert decided is way


@pytest.mark.parametrize("state", [DeliveryState.PENDING, DeliveryState.KEPT, DeliveryState.UNKNOWN])
@pytest.mark.parametrize("reply", [Reply.OWN, Reply.NEXT, Reply.NONE])
@pytest.mark.parametrize("is_grace_over", [True, False])
def test_answer_that_nobody_waits_for_any_more_is_only_shown(state, reply, is_grace_over):
    decided = decide_way(waiting(state, age_s=OLD), reply, RULES[True], now_s=NOW, is_grace_over=is_grace_over)

    assert decided is Way.SHOW


def test_answer_in_its_chat_is_read_however_old_it_is():
    decided = decide_way(
        waiting(DeliveryState.PENDING, age_s=OLD), Reply.CHAT, RULES[True], now_s=NOW, is_grace_over=False
    )

    assert decided is Way.CHAT


def test_answer_is_spoken_until_it_expires():
    answer = waiting(DeliveryState.KEPT, age_s=OLD - 0.001)

    assert decide_way(answer, Reply.NEXT, RULES[True], now_s=NOW, is_grace_over=False) is Way.NEXT_WEBHOOK


@pytest.mark.parametrize("answer", [NOTIFYING, KEPT, UNKNOWN])
@pytest.mark.parametrize("is_grace_over", [True, False])
def test_only_an_answer_that_nothing_was_tried_with_is_notified(answer, is_grace_over):
    ways = {decide_way(answer, reply, RULES[True], now_s=NOW, is_grace_over=is_grace_over) for reply in Reply}

    assert Way.NOTIFY not in ways


# seconds since a notification was chosen, seconds for which it cannot be tried → how its answer goes on
@pytest.mark.parametrize(
    ("waited_s", "pause_s", "way"),
    [
        (0.0, 0.0, Way.NOTIFY),
        (500.0, 0.0, Way.NOTIFY),
        (0.0, 5.0, Way.AWAIT),
        (55.0, 5.0, Way.AWAIT),
        (55.1, 5.0, Way.KEEP),
        (0.0, 61.0, Way.KEEP),
    ],
)
def test_notification_that_cannot_be_tried_within_a_minute_is_kept_for_the_next_contact(waited_s, pause_s, way):
    assert decide_pause(waited_s, pause_s) is way


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
