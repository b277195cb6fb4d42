"""The delivery table: the events that are chosen, the steps and phases to which they lead."""

import pytest

from omi_actors.domain.answers.delivery import (
    FINAL,
    TRANSITIONS,
    Effect,
    Event,
    Phase,
    build_change,
    choose_event,
    find_transition,
    phase_of,
    resolve,
)
from omi_actors.domain.answers.delivery_records import Channel, DeliveryRules, DeliveryState, OpenAnswer

NOW = 1_790_000_000.0
RULES = {True: DeliveryRules(can_notify=True), False: DeliveryRules(can_notify=False)}
FRESH, OLD = 20.0, 600.0


def waiting(state, channel=Channel.NONE, age_s=FRESH):
    return OpenAnswer(
        delivery_id="d", job_id="j", text="384,400 km.", state=state, channel=channel, asked_at=NOW - age_s
    )


def decide(answer, reply, *, has_key=True, is_grace_over=False):
    """Return the stored state and channel to which the next step leads, or the effect when nothing is committed."""
    event = choose_event(answer, reply, RULES[has_key], now_s=NOW, is_grace_over=is_grace_over)
    row = find_transition(phase_of(answer), event)
    if not row.step_from:
        return (row.done.to, row.done.effect)
    change = build_change(row, phase_of(answer), reply, "d", NOW)
    return (change.state, change.channel)


PENDING, KEPT, UNKNOWN = waiting("pending"), waiting("kept"), waiting("unknown")
CHOSEN = waiting("pending", Channel.NOTIFY)
CHAT, INLINE, NEXT = (("sending", channel) for channel in (Channel.CHAT, Channel.INLINE, Channel.NEXT_WEBHOOK))
GRACE, STAYS = (Phase.SAME, Effect.START_GRACE), (Phase.SAME, Effect.NONE)

# answer, the channel of the reply at hand, whether there is a key, whether the grace is over → the step
CASES = [
    (PENDING, Channel.CHAT, True, False, CHAT),
    (KEPT, Channel.CHAT, False, True, CHAT),
    (PENDING, Channel.INLINE, True, False, INLINE),
    (PENDING, Channel.INLINE, False, False, INLINE),
    (PENDING, Channel.NEXT_WEBHOOK, True, False, NEXT),
    (PENDING, Channel.NEXT_WEBHOOK, False, False, NEXT),
    (PENDING, Channel.NONE, True, False, GRACE),
    (PENDING, Channel.NONE, True, True, ("pending", "notify")),
    (PENDING, Channel.NONE, False, False, ("kept", "")),
    (PENDING, Channel.NONE, False, True, ("kept", "")),
    (CHOSEN, Channel.NONE, True, True, STAYS),
    (CHOSEN, Channel.NEXT_WEBHOOK, True, True, NEXT),
    (KEPT, Channel.NONE, True, True, STAYS),
    (KEPT, Channel.NEXT_WEBHOOK, True, True, NEXT),
    (KEPT, Channel.NEXT_WEBHOOK, False, False, NEXT),
    (UNKNOWN, Channel.NONE, True, True, STAYS),
    (UNKNOWN, Channel.NEXT_WEBHOOK, True, False, NEXT),
    (UNKNOWN, Channel.NEXT_WEBHOOK, False, False, NEXT),
]


@pytest.mark.parametrize(("answer", "reply", "has_key", "is_grace_over", "step"), CASES)
def test_answer_goes_over_the_first_channel_that_is_open(answer, reply, has_key, is_grace_over, step):
    assert decide(answer, reply, has_key=has_key, is_grace_over=is_grace_over) == step


@pytest.mark.parametrize("answer", ["pending", "kept", "unknown"])
@pytest.mark.parametrize("reply", [Channel.INLINE, Channel.NEXT_WEBHOOK, Channel.NONE])
@pytest.mark.parametrize("is_grace_over", [True, False])
def test_answer_that_is_too_old_expires(answer, reply, is_grace_over):
    old = waiting(answer, age_s=OLD)
    event = choose_event(old, reply, RULES[True], now_s=NOW, is_grace_over=is_grace_over)

    assert event is Event.TOO_OLD
    assert find_transition(phase_of(old), event).done.to is Phase.EXPIRED


def test_answer_in_its_chat_is_read_however_old_it_is():
    assert decide(waiting("pending", age_s=OLD), Channel.CHAT) == CHAT


def test_answer_is_spoken_until_it_expires():
    assert decide(waiting("kept", age_s=OLD - 0.001), Channel.NEXT_WEBHOOK) == NEXT


# --- the table as a graph


def exits(phase, before=Phase.ABSENT):
    """Return the phases that one row leads to, whatever its step's outcome; `before` is the one outside of a reply."""
    rows = [row for row in TRANSITIONS if phase in row.phases]
    return {resolve(one.to, before) for row in rows for one in (row.done, row.lost, row.failed)} - {Phase.SAME}


def reachable(phase):
    seen, rest = set(), [(phase, phase)]
    while rest:
        one, before = rest.pop()
        seen.add((one, before))
        after = {(to, before if to is Phase.SENDING else to) for to in exits(one, before)}
        rest += after - seen
    return {one for one, _ in seen}


@pytest.mark.parametrize("phase", FINAL)
def test_final_phase_has_no_exit(phase):
    assert exits(phase) == set()


@pytest.mark.parametrize("phase", [one for one in Phase if one not in (*FINAL, Phase.SAME, Phase.BEFORE)])
def test_every_other_phase_can_end_as_sent(phase):
    assert Phase.SENT in reachable(phase)


def test_each_event_has_one_row_in_a_phase():
    cells = [(phase, row.event) for row in TRANSITIONS for phase in row.phases]

    assert len(cells) == len(set(cells))
    assert {event for _, event in cells} == set(Event)


@pytest.mark.parametrize("phase", [Phase.KEPT, Phase.UNKNOWN])
def test_kept_or_unknown_answer_is_never_notified_again(phase):
    assert not reachable(phase) & {Phase.PENDING, Phase.CHOSEN, Phase.NOTIFYING}


@pytest.mark.parametrize("row", [row for row in TRANSITIONS if row.enqueues], ids=lambda row: row.event.name)
def test_only_an_untried_answer_is_notified(row):
    assert row.phases == (Phase.PENDING,)
    assert row.step_from == (DeliveryState.PENDING,)


@pytest.mark.parametrize(
    "row",
    [row for row in TRANSITIONS if Effect.SEND is row.done.effect],
    ids=lambda row: "_".join((*row.phases, row.event.name)),
)
def test_answer_goes_into_a_reply_only_from_a_state_in_which_nothing_is_sent(row):
    assert DeliveryState.SENDING not in row.step_from
    assert DeliveryState.SENT not in row.step_from
