"""A session's answers on their way: one way each, every step committed before it is taken."""

from dataclasses import replace

import pytest

from omi_actors.actors.queue.messages import AnswerNotified, AnswerReady, JobsEnqueued
from omi_actors.actors.session.actor import SessionActor, SessionDeps
from omi_actors.actors.session.messages import Ingested, IngestSegments, Passivate, ReplySent
from omi_actors.domain.answers.delivery_records import DeliveryRules, OpenAnswer
from omi_actors.domain.sessions.records import SessionRecord
from omi_actors.errors import StoreUnavailableError
from omi_actors.instruments.metrics import REGISTRY
from omi_actors.kit.testing import Driver
from tests.actors.conftest import collaborator, spoken

KEY = "omi:ada"
TEXT = "384,400 km."
SENDING_INLINE = ("d1", "pending", "sending", "inline")
SENDING_NEXT = ("d1", "pending", "sending", "next_webhook")


class Session:
    """A driven session, its queue and its store."""

    def __init__(self, store, *, can_notify=True, key=KEY, per_hour=0):
        self.store = store
        self.queue = collaborator("job_queue")
        rules = DeliveryRules(grace_s=5.0, expires_s=600.0, can_notify=can_notify, per_hour=per_hour)
        deps = SessionDeps(store, self.queue.handle, 12.0, job_max_attempts=4, delivery_rules=rules)
        self.replies = deps.open_replies
        self.driver = Driver(SessionActor(deps, key), name=key, kind="session", runtime=self.queue.runtime)
        self.heard = 0

    def hear(self, text="and so on"):
        """Say something; return the reply's future."""
        self.heard += 1
        segment = spoken(text, f"s{self.heard}", 2.0 * self.heard)
        return self.driver.send(IngestSegments(KEY, "ada", (segment,), self.driver.clock.now_s()))

    def ask(self):
        """Ask; return the reply's future and the job's id."""
        reply = self.hear("Hey Omi, how far is the moon?")
        return reply, self.store.of("commit")[-1].jobs[0].job_id

    def finish(self, job_id="j1", delivery_id="d1", *, age_s=0.0):
        """An answer is there."""
        asked_at = self.driver.clock.now_s() - age_s
        self.driver.tell(AnswerReady(KEY, job_id, delivery_id, TEXT, asked_at))

    def finish_late(self):
        """Ask, let the deadline pass, and then have the answer."""
        _, job_id = self.ask()
        self.driver.advance(12.1)
        self.finish(job_id)

    @property
    def steps(self):
        """The steps of deliveries: id, from, to, channel."""
        return [(c.delivery_id, c.from_states[0], c.state, c.channel) for c in self.store.of("change_delivery")]

    @property
    def notified(self):
        """The deliveries that a notification was enqueued for."""
        return [change.delivery_id for change in self.store.of("enqueue_notification")]


@pytest.fixture
def session(store):
    return Session(store)


def record(*answers):
    return SessionRecord(
        session_id="sid",
        session_key=KEY,
        uid="ada",
        epoch=4,
        conversation_id="c",
        conversation_number=1,
        last_seq=0,
        last_end_s=0.0,
        last_seen_at=1_790_000_000.0,
        recent_segments=(),
        open_answers=answers,
    )


def left(state, channel="", delivery_id="d1", age_s=60.0):
    return OpenAnswer(
        delivery_id=delivery_id,
        job_id="j1",
        text=TEXT,
        state=state,
        channel=channel,
        asked_at=1_790_000_000.0 - age_s,
    )


# --- in the reply of the webhook that asked


def test_answer_in_time_goes_in_its_own_reply(session):
    reply, job_id = session.ask()

    session.finish(job_id)
    session.driver.tell(ReplySent(KEY, "d1", reached=True))

    assert reply.result() == Ingested(TEXT, "d1")
    assert session.steps == [SENDING_INLINE, ("d1", "sending", "sent", "inline")]


def test_answer_that_did_not_reach_goes_on_as_if_never_tried(session):
    _, job_id = session.ask()
    session.finish(job_id)
    session.driver.tell(ReplySent(KEY, "d1", reached=False))

    carried = session.hear()

    assert carried.result() == Ingested(TEXT, "d1")
    assert session.steps == [SENDING_INLINE, ("d1", "sending", "pending", ""), SENDING_NEXT]


def test_answer_that_did_not_reach_gets_its_whole_grace_again(session):
    session.finish_late()
    session.driver.advance(4.0)
    session.hear()
    session.driver.tell(ReplySent(KEY, "d1", reached=False))

    session.driver.advance(4.9)
    before = session.notified
    session.driver.advance(0.2)

    assert (before, session.notified) == ([], ["d1"])


def test_answer_is_left_to_the_webhook_that_waits_for_it(session, failure):
    reply, job_id = session.ask()
    session.store.replies["commit"] = failure
    session.hear()
    session.store.replies["commit"] = None
    stored = record(replace(left("pending"), job_id=job_id))
    session.store.replies["load_session"] = replace(stored, session_id=session.store.of("commit")[0].session_id)

    meanwhile = session.hear()
    session.finish(job_id)

    assert (meanwhile.result(), reply.result()) == (Ingested(), Ingested(TEXT, "d1"))


def test_answer_of_a_released_webhook_goes_over_the_next_channel(session, failure):
    reply, job_id = session.ask()
    reply.try_fail(failure)

    session.finish(job_id)

    assert session.steps == [SENDING_INLINE, ("d1", "sending", "pending", "")]
    assert session.hear().result() == Ingested(TEXT, "d1")


# --- in the reply of the next webhook


def test_late_answer_goes_in_the_next_reply_within_the_grace(session):
    session.finish_late()
    session.driver.advance(4.9)

    carried = session.hear()
    session.driver.tell(ReplySent(KEY, "d1", reached=True))
    session.driver.advance(60.0)

    assert carried.result() == Ingested(TEXT, "d1")
    assert session.steps == [SENDING_NEXT, ("d1", "sending", "sent", "next_webhook")]
    assert session.notified == []


def test_answer_for_a_webhook_that_gave_up_while_its_step_was_stored_goes_on(session, failure):
    session.finish_late()
    del session.store.replies["change_delivery"]
    reply = session.hear()
    reply.try_fail(failure)
    session.store.replies["change_delivery"] = True

    session.driver.settle(session.store.open[-1], True)

    assert session.steps == [SENDING_NEXT, ("d1", "sending", "pending", "")]
    assert session.hear().result() == Ingested(TEXT, "d1")


def test_reply_carries_one_answer_and_the_next_reply_the_next(session):
    session.finish("j1", "d1")
    session.finish("j2", "d2")

    replies = [session.hear().result().delivery_id for _ in range(3)]

    assert replies == ["d1", "d2", None]


def test_answer_in_a_reply_is_in_no_other_while_it_is_being_sent(session):
    session.finish()
    session.hear()

    session.driver.advance(60.0)

    assert session.hear().result() == Ingested()
    assert session.notified == []


def test_repeated_webhook_carries_an_answer_too(session):
    session.hear("hello")
    session.finish()
    session.heard = 0

    assert session.hear("hello").result() == Ingested(TEXT, "d1")


def test_reply_that_stops_waiting_carries_an_older_answer(session):
    session.finish("j0", "d0")
    reply, _ = session.ask()

    session.driver.advance(12.1)

    assert session.notified == ["d0"]
    assert reply.result() == Ingested(TEXT, "d0")


def test_answer_whose_step_is_not_stored_is_not_given(session, failure):
    session.finish()
    session.store.replies["change_delivery"] = failure

    refused = session.hear()
    session.store.replies["change_delivery"] = True

    assert refused.result() == Ingested()
    assert session.hear().result() == Ingested(TEXT, "d1")


def test_answer_that_another_actor_has_sent_is_not_sent_again(session):
    session.finish()
    session.store.replies["change_delivery"] = False

    replies = [session.hear().result() for _ in range(2)]

    assert replies == [Ingested(), Ingested()]
    assert session.steps == [SENDING_NEXT]


# --- by a notification


def test_late_answer_becomes_a_notification_without_a_webhook(session):
    session.finish_late()
    session.driver.advance(4.9)
    assert session.notified == []

    session.driver.advance(0.2)

    (change,) = session.store.of("enqueue_notification")
    assert (change.delivery_id, change.from_states, change.state, change.channel) == (
        "d1",
        ("pending",),
        "pending",
        "notify",
    )
    assert session.queue.actor.messages[-1] == JobsEnqueued("notify")


def test_notification_is_chosen_once_when_news_of_the_answer_repeat(session):
    session.finish_late()
    session.driver.advance(5.1)

    session.finish()
    session.driver.advance(60.0)

    assert session.notified == ["d1"]


def test_notification_that_cannot_be_enqueued_is_tried_again(session, failure):
    session.store.replies["enqueue_notification"] = failure
    session.finish_late()
    session.driver.advance(5.1)
    session.store.replies["enqueue_notification"] = True

    session.driver.advance(5.1)

    assert session.notified == ["d1", "d1"]


def test_webhook_that_comes_before_the_notification_takes_its_answer(session):
    session.finish_late()
    session.driver.advance(5.1)

    assert session.hear().result() == Ingested(TEXT, "d1")
    assert session.steps == [SENDING_NEXT]


@pytest.mark.parametrize(
    ("state", "carried"), [("sent", None), ("kept", TEXT), ("unknown", f"Again: {TEXT}"), ("sending", None)]
)
def test_next_reply_carries_what_a_notification_did_not_bring(session, state, carried):
    session.finish_late()
    session.driver.advance(5.1)

    session.driver.tell(AnswerNotified(KEY, "d1", state))

    assert session.hear().result().message == carried


def test_webhook_during_the_notification_does_not_cost_an_answer_that_omi_then_refuses(session):
    session.finish_late()
    session.driver.advance(5.1)
    session.store.replies["change_delivery"] = False  # the job has it
    assert session.hear().result() == Ingested()
    session.store.replies["change_delivery"] = True

    session.driver.tell(AnswerNotified(KEY, "d1", "kept"))

    assert session.hear().result() == Ingested(TEXT, "d1")


def test_repeated_answer_that_did_not_reach_stays_unknown_and_is_not_notified(session):
    session.store.replies["load_session"] = record(left("unknown"))
    session.hear()

    session.driver.tell(ReplySent(KEY, "d1", reached=False))
    session.driver.advance(60.0)

    assert session.steps == [("d1", "unknown", "sending", "next_webhook"), ("d1", "sending", "unknown", "")]
    assert session.notified == []


# --- kept, loaded, shown


@pytest.mark.parametrize("key", [KEY, "account:ada"])
def test_answer_is_kept_for_the_next_contact_without_a_notifier(store, key):
    session = Session(store, can_notify=key != KEY, key=key)
    session.finish_late()
    session.driver.advance(60.0)

    carried = session.hear()

    assert carried.result() == Ingested(TEXT, "d1")
    assert session.steps == [("d1", "pending", "kept", ""), ("d1", "kept", "sending", "next_webhook")]
    assert session.notified == []


@pytest.mark.parametrize(("state", "message"), [("pending", TEXT), ("kept", TEXT), ("unknown", f"Again: {TEXT}")])
def test_session_that_comes_back_carries_what_it_still_owes(session, state, message):
    session.store.replies["load_session"] = record(left(state))

    assert session.hear().result() == Ingested(message, "d1")


@pytest.mark.parametrize(
    ("answer", "notified"),
    [(left("pending"), ["d1"]), (left("pending", "notify"), []), (left("kept"), []), (left("unknown"), [])],
)
def test_session_that_comes_back_notifies_only_what_nothing_was_tried_with(session, answer, notified):
    session.store.replies["load_session"] = record(answer)
    session.ask()

    session.driver.advance(5.1)

    assert session.notified == notified


@pytest.mark.parametrize(("state", "steps"), [("pending", [("d1", "pending", "kept", "")]), ("kept", [])])
def test_answer_that_is_too_old_is_dropped(session, state, steps):
    session.store.replies["load_session"] = record(left(state, age_s=600.0))

    replies = [session.hear().result() for _ in range(2)]

    assert replies == [Ingested(), Ingested()]
    assert session.steps == steps


def test_answer_that_expires_during_its_grace_is_not_notified(session):
    session.finish(age_s=597.0)

    session.driver.advance(5.1)

    assert session.notified == []
    assert session.steps == [("d1", "pending", "kept", "")]


def test_reply_that_a_crashed_session_had_sent_is_recorded(session):
    session.driver.tell(ReplySent(KEY, "d1", reached=True))
    session.driver.tell(ReplySent(KEY, "d2", reached=False))

    assert session.steps == [("d1", "sending", "sent", "inline"), ("d2", "sending", "kept", "")]


def test_session_stays_in_memory_during_a_grace_and_leaves_after_it(session):
    session.finish_late()
    session.driver.tell(Passivate())
    assert not session.driver.has_stopped

    session.driver.advance(5.1)
    session.driver.tell(Passivate())

    assert session.driver.has_stopped


# --- the grace, by the notifications that are left


def frugal(store, *, spent):
    """Return a session that asked, with ten notifications an hour of which some are spent, and an answer after 12 s."""
    session = Session(store, per_hour=10)
    store.replies["count_spent"] = (spent, 1800.0)
    session.finish_late()
    return session


@pytest.mark.parametrize(("spent", "is_early"), [(0, True), (6, True), (7, False), (9, False), (10, False)])
def test_answer_in_silence_is_notified_at_once_while_much_of_the_budget_is_left(store, spent, is_early):
    session = frugal(store, spent=spent)

    session.driver.advance(0.1)
    assert session.notified == ["d1"] * is_early

    session.driver.advance(5.0)
    assert session.notified == ["d1"]


def test_answer_waits_for_a_webhook_while_people_talk(store):
    session = Session(store, per_hour=10)
    _, job_id = session.ask()
    session.driver.advance(12.1)
    session.hear()
    session.finish(job_id)
    session.driver.advance(0.7)
    assert session.notified == []

    carried = session.hear()

    assert carried.result() == Ingested(TEXT, "d1")
    session.driver.advance(60.0)
    assert session.notified == []


def test_webhook_carries_an_answer_whose_notification_has_not_begun(store):
    session = frugal(store, spent=0)
    session.driver.advance(0.1)
    assert session.notified == ["d1"]

    carried = session.hear()

    assert carried.result() == Ingested(TEXT, "d1")
    assert session.steps == [SENDING_NEXT]


def test_whole_grace_passes_for_a_question_that_was_asked_on_another_node(store):
    session = Session(store, per_hour=10)
    session.finish("j9")

    session.driver.advance(4.9)
    assert session.notified == []
    session.driver.advance(0.2)
    assert session.notified == ["d1"]


def test_whole_grace_passes_when_the_budget_cannot_be_read(store):
    session = Session(store, per_hour=10)
    store.replies["count_spent"] = StoreUnavailableError("away")
    session.finish_late()

    session.driver.advance(4.9)
    assert session.notified == []
    session.driver.advance(0.2)
    assert session.notified == ["d1"]


# --- the time to the answer


def measured(channel, ended_by):
    labels = {"channel": channel, "ended_by": ended_by}
    return [REGISTRY.get_sample_value(f"omi_time_to_answer_seconds_{name}", labels) or 0.0 for name in ("count", "sum")]


def test_time_to_answer_counts_from_the_last_words_to_the_moment_it_has_left(store):
    session, before = Session(store, per_hour=10), measured("notify", "pause")
    session.hear("hey omi how far is the moon")
    session.driver.advance(0.9)
    job_id = session.store.of("commit")[-1].jobs[0].job_id
    session.finish(job_id, age_s=0.9)
    session.driver.advance(0.2)

    session.driver.tell(AnswerNotified(KEY, "d1", "sent"))

    count, seconds = (after - was for after, was in zip(measured("notify", "pause"), before, strict=True))
    assert count == 1
    assert seconds == pytest.approx(1.1, abs=0.01)


def test_answer_that_left_in_its_own_reply_is_measured_once(store):
    session, before = Session(store), measured("inline", "words")
    _, job_id = session.ask()
    session.finish(job_id)

    for _ in range(2):
        session.driver.tell(ReplySent(KEY, "d1", reached=True))

    assert measured("inline", "words")[0] == before[0] + 1
