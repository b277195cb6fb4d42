"""A session's chat: durable before it is answered, answered once, called off when nobody waits."""

from dataclasses import replace

import pytest

from omi_actors.actors.queue.messages import AnswerGrew, AnswerReady, CancelJob, JobsEnqueued
from omi_actors.actors.session.actor import SessionActor, SessionDeps
from omi_actors.actors.session.messages import (
    AskerLeft,
    AskQuestion,
    ChatAnswered,
    Ingested,
    IngestSegments,
    Passivate,
    ReplySent,
    SwitchSpace,
)
from omi_actors.domain.answers.delivery_records import DeliveryRules
from omi_actors.domain.hearing.state import HearingOptions, ListenMode
from omi_actors.domain.sessions.chat import JUST_ANSWERED, KnownQuestion, build_fingerprint
from omi_actors.domain.sessions.records import SessionRecord
from omi_actors.errors import (
    AnswerLateError,
    FencedError,
    KeyReusedError,
    QueueFullError,
    StoreUnavailableError,
)
from omi_actors.kit.testing import Driver
from tests.actors.conftest import collaborator, spoken

KEY = "chat:operator:default"
TEXT = "384,400 km."
MOON = "How far is the moon?"
SENDING = ("d1", "pending", "sending", "chat")


class Session:
    """A driven session, its queue and its store."""

    def __init__(self, store, key=KEY, **more):
        self.store, self.key = store, key
        self.queue = collaborator("job_queue")
        rules = DeliveryRules(grace_s=5.0, expires_s=600.0, can_notify=True)
        deps = SessionDeps(store, self.queue.handle, 12.0, 4, rules, chat_deadline_s=60.0, **more)
        self.driver = Driver(SessionActor(deps, key), name=key, kind="session", runtime=self.queue.runtime)
        self.heard = []

    def ask(self, text=MOON, asker="a1", key="", **more):
        """Type; return the reply's future."""
        question = AskQuestion(session_key=self.key, asker_id=asker, key=key or f"key-{asker}", text=text, **more)
        return self.driver.send(question)

    def stream(self, text=MOON, asker="a1", **more):
        return self.ask(text, asker, on_delta=lambda *delta: self.heard.append(delta), **more)

    def hear(self, text, sid, start):
        """The wearer speaks."""
        segment = spoken(text, sid, start)
        self.driver.send(IngestSegments(self.key, "ada", (segment,), self.driver.clock.now_s()))

    def grow(self, text, *, is_first=False):
        """An attempt has made more of the answer; return whether anybody listens."""
        return self.driver.ask(AnswerGrew(self.key, self.job_ids[0], text, is_first))

    def answer(self, job_id="", *, is_failure=False):
        asked_at = self.driver.clock.now_s()
        ready = AnswerReady(self.key, job_id or self.job_ids[-1], "d1", TEXT, asked_at, is_failure=is_failure)
        self.driver.tell(ready)

    def leave(self, asker="a1"):
        self.driver.tell(AskerLeft(self.key, asker))

    @property
    def commits(self):
        return self.store.of("commit")

    @property
    def job_ids(self):
        return [job.job_id for commit in self.commits for job in commit.jobs]

    @property
    def steps(self):
        changes = self.store.of("change_delivery")
        return [(c.delivery_id, c.from_states[0], c.state, c.channel) for c in changes]


@pytest.fixture
def session(store):
    return Session(store)


def test_question_is_durable_with_its_job_before_the_queue_hears_of_it(session):
    reply = session.ask(context="where: home")

    (commit,) = session.commits
    ((job,), (asked,)) = commit.jobs, commit.messages
    assert (asked.role, asked.kind, asked.source, asked.text) == ("user", "question", "frontend", MOON)
    assert (asked.job_id, asked.conversation_id) == (job.job_id, commit.new_conversation.conversation_id)
    assert (job.kind, job.idempotency_key) == ("answer", "chat:chat:operator:key-a1")
    assert (job.payload["context"], job.payload["is_typed"], job.payload["is_streamed"]) == ("where: home", True, False)
    assert session.queue.actor.messages == [JobsEnqueued("answer")]
    assert not reply.done


def test_question_that_cannot_be_stored_is_refused_and_forgotten(session, failure):
    session.store.replies["commit"] = failure
    refused = session.ask()
    session.store.replies["commit"] = None

    session.ask(asker="a2")

    with pytest.raises(type(failure)):
        refused.result()
    assert session.queue.actor.messages == [JobsEnqueued("answer")]


def test_fenced_question_is_decided_anew_but_not_for_ever(session):
    session.store.replies["commit"] = FencedError("as told")

    refused = session.ask()

    with pytest.raises(FencedError):
        refused.result()
    assert len(session.commits) == 10


def test_answer_goes_in_its_chats_reply_after_that_is_durable(session):
    reply = session.ask()

    session.answer()
    session.driver.tell(ReplySent(KEY, "d1", reached=True))

    (commit,) = session.commits
    assert reply.result() == ChatAnswered(TEXT, commit.conversation_id, "d1")
    assert session.steps == [SENDING, ("d1", "sending", "sent", "chat")]


def test_short_answer_is_read_as_it_is(session):
    reply = session.ask()

    session.driver.tell(AnswerReady(KEY, session.job_ids[0], "d1", "Yes.", session.driver.clock.now_s()))

    assert reply.result().text == "Yes."


def test_answer_is_not_given_if_its_step_cannot_be_stored(session, failure):
    reply = session.ask()
    session.store.replies["change_delivery"] = failure

    session.answer()

    with pytest.raises(StoreUnavailableError):
        reply.result()


def test_answer_that_did_not_reach_its_chat_is_kept(session):
    session.ask()
    session.answer()

    session.driver.tell(ReplySent(KEY, "d1", reached=False))

    assert session.steps[1:] == [("d1", "sending", "pending", ""), ("d1", "pending", "kept", "")]


def test_answer_that_did_not_reach_its_chat_goes_to_the_wearer(store):
    session = Session(store, "omi:ada")
    session.ask()
    session.answer()
    session.driver.tell(ReplySent("omi:ada", "d1", reached=False))

    heard = session.driver.send(IngestSegments("omi:ada", "ada", (spoken("and so on"),), 1_790_000_000.0))

    assert heard.result() == Ingested(TEXT, "d1")


def test_question_typed_into_a_wearables_session_goes_on_with_its_conversation(store):
    session = Session(store, "omi:ada")
    session.driver.send(IngestSegments("omi:ada", "ada", (spoken("hello"),), session.driver.clock.now_s()))

    session.ask()

    heard, typed = session.commits
    assert (typed.new_conversation, typed.conversation_id) == (None, heard.conversation_id)
    assert typed.last_seen_at == heard.last_seen_at


def test_late_answer_fails_its_chat_and_is_kept(session):
    reply = session.ask()

    session.driver.advance(60.1)
    session.answer()

    with pytest.raises(AnswerLateError):
        reply.result()
    assert session.steps == [("d1", "pending", "kept", "")]


@pytest.mark.parametrize(("is_spoken", "is_question"), [(True, True), (False, False)])
def test_answer_that_is_read_does_not_make_the_next_words_a_follow_up(is_spoken, is_question, store):
    session = Session(store, "omi:ada", hearing=HearingOptions(mode=ListenMode.FOLLOWUP))
    session.hear("Hey Omi, how far is Mars?", "s1", 1.0)
    session.driver.advance(60.0)
    session.ask()
    session.answer()
    session.driver.tell(ReplySent("omi:ada", "d1", reached=True, is_spoken=is_spoken))

    session.hear("And how far is the sun?", "s2", 63.0)
    session.driver.advance(10.0)

    assert (len(session.job_ids) == 3) is is_question


# --- the same once more


def test_same_message_while_it_is_being_answered_gets_the_same_answer(session):
    first, second = session.ask(), session.ask(asker="a2")

    session.answer()

    assert len(session.job_ids) == 1
    assert (first.result().text, second.result().text) == (TEXT, TEXT)
    assert [first.result().delivery_id, second.result().delivery_id] == ["d1", None]


def test_same_message_with_other_data_is_another_question(session):
    session.ask()

    session.ask(asker="a2", context="the moon of Mars")

    assert len(session.job_ids) == 2


def test_message_that_was_just_answered_is_a_duplicate(session):
    session.ask()
    session.answer()

    again = session.ask("how far is the mon", asker="a2")

    assert again.result() == ChatAnswered(JUST_ANSWERED, is_duplicate=True)
    assert len(session.job_ids) == 1


def test_message_may_be_asked_again_five_seconds_later(session):
    session.ask()
    session.answer()
    session.driver.advance(5.0)

    session.ask(asker="a2")

    assert len(session.job_ids) == 2


@pytest.mark.parametrize("end", ["failure", "late", "left"])
def test_message_that_was_not_answered_may_be_asked_again_at_once(end, session):
    session.ask()
    if end == "failure":
        session.answer(is_failure=True)
    elif end == "late":
        session.driver.advance(60.1)
    else:
        session.leave()

    again = session.ask(asker="a2")

    assert not again.done
    assert len(session.job_ids) == 2


def test_failure_says_that_it_is_one(session):
    reply = session.ask()

    session.answer(is_failure=True)

    assert reply.result().is_failure


# --- keys


RECORD = SessionRecord(
    session_id="sid",
    session_key=KEY,
    uid="operator:default",
    epoch=4,
    conversation_id="c",
    conversation_number=1,
    last_seq=0,
    last_end_s=0.0,
    last_seen_at=1_790_000_000.0,
    recent_segments=(),
)
KNOWN = KnownQuestion(
    job_id="j9",
    conversation_id="c",
    answer=TEXT,
    kind="answer",
    fingerprint=build_fingerprint(KEY, MOON, ""),
)
# Each differs from the question above in one thing.
OTHERS = {"message": ("something else", ""), "context": (MOON, "from the moon")}


def test_key_that_is_known_gets_the_same_answer(store):
    store.replies |= {"load_session": RECORD, "find_question": KNOWN}
    session = Session(store)

    reply = session.ask(key="k", may_be_known=True)

    assert reply.result() == ChatAnswered(TEXT, "c")
    assert store.of("find_question") == ["chat:chat:operator:k"]
    assert session.commits == []


def test_key_whose_question_is_being_answered_waits_for_that_answer(store):
    store.replies |= {"load_session": RECORD, "find_question": replace(KNOWN, answer=None, kind="")}
    session = Session(store)

    reply = session.ask(key="k", may_be_known=True)
    session.answer("j9")

    assert reply.result() == ChatAnswered(TEXT, "c", "d1")
    assert session.commits == []


@pytest.mark.parametrize(("text", "context"), OTHERS.values(), ids=OTHERS)
def test_key_of_another_question_is_refused(store, text, context):
    store.replies |= {"load_session": RECORD, "find_question": KNOWN}
    session = Session(store)

    reply = session.ask(text, key="k", context=context, may_be_known=True)

    with pytest.raises(KeyReusedError, match="Idempotency-Key"):
        reply.result()


@pytest.mark.parametrize(("text", "context"), OTHERS.values(), ids=OTHERS)
def test_key_of_another_question_is_refused_while_that_is_being_answered(session, text, context):
    session.ask(key="k", may_be_known=True)

    reply = session.ask(text, "a2", key="k", context=context, may_be_known=True)

    with pytest.raises(KeyReusedError, match="Idempotency-Key"):
        reply.result()


def test_key_that_another_session_of_its_owner_used_is_refused_in_a_new_one(store):
    store.replies["find_question"] = KNOWN
    session = Session(store, "chat:operator:other")

    reply = session.ask(key="k", may_be_known=True)

    with pytest.raises(KeyReusedError):
        reply.result()
    assert store.of("find_question") == ["chat:chat:operator:k"]
    assert session.commits == []


def test_key_that_another_session_used_meanwhile_is_refused(store):
    del store.replies["find_question"]
    session = Session(store, "chat:operator:other")
    reply = session.ask(key="k", may_be_known=True)

    session.driver.settle(store.open.pop(), None)
    session.driver.settle(store.open.pop(), KNOWN)

    with pytest.raises(KeyReusedError):
        reply.result()


def test_new_key_means_a_new_question_even_right_after_the_answer(session):
    session.ask(key="k1", may_be_known=True)
    session.answer()

    reply = session.ask(asker="a2", key="k2", may_be_known=True)

    assert not reply.done


# --- leaving


def test_question_is_cancelled_in_the_store_and_then_at_the_workers_when_its_askers_left(session):
    session.ask()

    session.leave()

    (job_id,) = session.job_ids
    assert session.store.of("cancel_question") == [job_id]
    assert session.queue.actor.messages == [JobsEnqueued("answer"), CancelJob(job_id)]


def test_question_goes_on_while_an_asker_is_left(session):
    session.ask()
    other = session.ask(asker="a2")

    session.leave("a1")
    session.answer()

    assert session.store.of("cancel_question") == []
    assert other.result().delivery_id == "d1"


def test_answer_that_was_made_when_its_asker_left_is_kept(session):
    session.store.replies["cancel_question"] = False
    session.ask()

    session.leave()
    session.answer()

    assert session.queue.actor.messages == [JobsEnqueued("answer")]
    assert session.steps == [("d1", "pending", "kept", "")]


def test_store_that_fails_to_call_off_leaves_the_question_to_be_answered(session, failure):
    session.store.replies["cancel_question"] = failure
    session.ask()

    session.leave()

    assert session.queue.actor.messages == [JobsEnqueued("answer")]


def test_stranger_who_leaves_changes_nothing(session):
    reply = session.ask()

    session.leave("nobody")

    assert not reply.done
    assert session.store.of("cancel_question") == []


# --- streaming


def test_pieces_reach_their_askers_in_order(session):
    session.stream()

    assert session.grow("384,", is_first=True)
    assert session.grow("400 km.")

    assert session.heard == [("384,", False), ("400 km.", False)]


def test_attempt_that_begins_anew_voids_what_was_shown(session):
    session.stream()
    session.grow("38", is_first=True)

    session.grow("About", is_first=True)

    assert session.heard == [("38", False), ("About", True)]


def test_later_asker_is_shown_the_pieces_before(session):
    session.stream()
    session.grow("384,", is_first=True)
    session.heard.clear()

    session.stream(asker="a2")

    assert session.heard == [("384,", False)]


def test_answer_that_is_asked_for_as_a_whole_takes_no_pieces(session):
    session.ask()

    assert not session.grow("384,", is_first=True)


def test_asker_that_left_takes_no_pieces(session):
    session.stream()
    session.leave()

    assert not session.grow("384,", is_first=True)
    assert session.heard == []


def test_chat_with_too_many_open_questions_takes_no_more(session):
    for number in range(8):
        session.ask(f"question {number}", f"a{number}")

    refused = session.ask("one more", "a9")

    with pytest.raises(QueueFullError):
        refused.result()


def test_session_stays_in_memory_while_a_chat_waits(session):
    session.ask()

    session.driver.tell(Passivate())

    assert not session.driver.has_stopped


# --- the space


def test_space_is_switched_in_a_turn_of_its_session(session):
    before = session.driver.ask(SwitchSpace(KEY, "memories"))

    (commit,) = session.commits
    assert before == "default"
    assert (commit.active_space, commit.epoch_before, commit.epoch, commit.conversation_id) == ("memories", 0, 1, None)


def test_space_that_is_active_already_is_not_written_again(store):
    store.replies |= {"load_session": RECORD, "load_space": "tasks"}
    session = Session(store)

    assert session.driver.ask(SwitchSpace(KEY, "tasks")) == "tasks"

    assert session.commits == []


def test_question_leaves_the_space_as_it_is(session):
    session.ask()

    assert session.commits[0].active_space is None
