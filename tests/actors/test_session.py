"""The session actor: decide on a copy, commit, apply."""

import pytest

from omi_actors.actors.queue.messages import AnswerReady, JobsEnqueued
from omi_actors.actors.session.actor import SessionActor, SessionDeps
from omi_actors.actors.session.messages import Ingested, IngestSegments, KeepRaw, Passivate
from omi_actors.domain.hearing.segments import build_version
from omi_actors.domain.sessions.records import SessionRecord
from omi_actors.errors import FencedError
from omi_actors.kit.errors import AskTimeoutError
from omi_actors.kit.testing import Driver
from tests.actors.conftest import collaborator, spoken

KEY = "omi:ada"
ASKED_AT = 1_790_000_000.0
QUESTION = "Hey Omi, how far is the moon?"


class Session:
    """A driven session, its queue and its store."""

    def __init__(self, store):
        self.store = store
        self.queue = collaborator("job_queue")
        deps = SessionDeps(store, self.queue.handle, reply_deadline_s=12.0, job_max_attempts=4)
        self.driver = Driver(SessionActor(deps, KEY), name=KEY, kind="session", runtime=self.queue.runtime)

    def hear(self, *segments, waited_s=0.0):
        return self.driver.send(IngestSegments(KEY, "ada", segments, self.driver.clock.now_s() - waited_s))

    @property
    def commits(self):
        return self.store.of("commit")


@pytest.fixture
def session(store):
    return Session(store)


def test_first_webhook_inserts_the_session_with_its_first_epoch(session):
    reply = session.hear(spoken("hello"))

    (commit,) = session.commits
    assert reply.result() == Ingested()
    assert (commit.epoch_before, commit.epoch, commit.uid, commit.session_key) == (0, 1, "ada", KEY)
    assert [s.text for s in commit.segments] == ["hello"]
    assert commit.new_conversation.number == 1


def test_each_commit_takes_the_next_epoch(session):
    session.hear(spoken("hello"))
    session.hear(spoken("again", "s2", 3.0))

    assert [(c.epoch_before, c.epoch) for c in session.commits] == [(0, 1), (1, 2)]
    assert session.store.of("load_session") == [KEY]


def test_activation_of_a_known_session_takes_the_next_epoch(store):
    store.replies["load_session"] = SessionRecord(
        session_id="sid",
        session_key=KEY,
        uid="ada",
        epoch=4,
        conversation_id="c",
        conversation_number=1,
        last_seq=9,
        last_end_s=5.0,
        last_seen_at=1_790_000_000.0,
        recent_segments=(),
    )
    session = Session(store)

    session.hear(spoken("hello", "s2", 6.0))

    (commit,) = session.commits
    assert (commit.session_id, commit.epoch_before, commit.epoch) == ("sid", 4, 5)
    assert commit.segments[0].seq == 10


def test_repeated_segment_needs_no_commit(session):
    session.hear(spoken("hello"))

    reply = session.hear(spoken("hello"))

    assert reply.result() == Ingested()
    assert len(session.commits) == 1


def test_failed_commit_leaves_the_session_as_it_was(session, failure):
    session.store.replies["commit"] = failure
    refused = session.hear(spoken("hello"))
    session.store.replies["commit"] = None

    stored = session.hear(spoken("hello"))

    with pytest.raises(type(failure)):
        refused.result()
    assert stored.result() == Ingested()
    first, second = session.commits
    assert (first.epoch_before, second.epoch_before) == (0, 0)
    assert [s.seq for s in second.segments] == [1]
    assert len(session.store.of("load_session")) == 2


def test_fenced_session_loads_itself_anew_and_tries_again_but_not_for_ever(session):
    session.store.replies["commit"] = FencedError("as told")

    reply = session.hear(spoken("hello"))

    with pytest.raises(FencedError):
        reply.result()
    assert len(session.commits) == 10
    assert len(session.store.of("load_session")) == 10


def test_question_is_committed_with_its_job_and_keeps_the_reply_open(session):
    reply = session.hear(spoken(QUESTION))

    (commit,) = session.commits
    (job,) = commit.jobs
    assert not reply.done
    assert job.payload["question"] == "how far is the moon?"
    assert job.idempotency_key == f"answer:{commit.session_id}:s1:0"
    assert job.lane == commit.session_id
    assert [(m.role, m.text, m.job_id) for m in commit.messages] == [("user", "how far is the moon?", job.job_id)]
    assert session.queue.actor.messages == [JobsEnqueued("answer")]


def ask(session):
    reply = session.hear(spoken(QUESTION))
    return reply, session.commits[0].jobs[0].job_id


def test_answer_is_given_in_the_open_reply_after_its_intent_is_committed(session):
    reply, job_id = ask(session)

    session.driver.tell(AnswerReady(KEY, job_id, "d1", "384,400 km.", ASKED_AT))

    (change,) = session.store.of("change_delivery")
    assert (change.delivery_id, change.from_states, change.state, change.channel) == (
        "d1",
        ("pending", "kept"),
        "sending",
        "inline",
    )
    assert reply.result() == Ingested("384,400 km.", "d1")


def test_answer_whose_intent_cannot_be_committed_is_not_given(session, failure):
    reply, job_id = ask(session)
    session.store.replies["change_delivery"] = failure

    session.driver.tell(AnswerReady(KEY, job_id, "d1", "384,400 km.", ASKED_AT))

    assert reply.result() == Ingested()


def test_reply_is_given_up_at_the_deadline_and_a_later_answer_is_kept(session):
    reply, job_id = ask(session)
    session.driver.advance(11.9)
    assert not reply.done

    session.driver.advance(0.2)
    session.driver.tell(AnswerReady(KEY, job_id, "d1", "384,400 km.", ASKED_AT))

    assert reply.result() == Ingested()
    assert [c.state for c in session.store.of("change_delivery")] == ["kept"]


def test_what_a_webhook_waited_for_its_turn_counts_to_its_deadline(session):
    reply = session.hear(spoken(QUESTION), waited_s=3.0)
    (job,) = session.commits[0].jobs
    assert job.payload["reply_until"] == session.driver.clock.now_s() + 9.0
    session.driver.advance(8.9)
    assert not reply.done

    session.driver.advance(0.2)

    assert reply.result() == Ingested()


def test_longer_version_of_a_segment_is_no_second_question(session):
    ask(session)

    session.hear(spoken(QUESTION + " And how old is it?"))

    assert [len(commit.jobs) for commit in session.commits] == [1, 0]


def test_webhook_waits_while_another_is_being_committed(session):
    del session.store.replies["commit"]
    first = session.hear(spoken("one"))
    second = session.hear(spoken("two", "s2", 3.0))
    assert len(session.commits) == 1

    session.driver.settle(session.store.open[0], None)

    assert first.done
    assert not second.done
    assert [s.text for s in session.commits[1].segments] == ["two"]


def test_raw_payload_is_kept_whole(session):
    reply = session.driver.ask(KeepRaw(KEY, "ada", "day_summary", "k", "application/json", b"{}", 5.0))

    (commit,) = session.commits
    (event,) = commit.raw_events
    assert reply == Ingested()
    assert (event.kind, event.dedupe_key, event.body, commit.segments) == ("day_summary", "k", b"{}", ())


def test_idle_session_leaves_when_asked(session):
    session.hear(spoken("hello"))

    session.driver.tell(Passivate())

    assert session.driver.has_stopped


def test_corrected_speaker_is_stored_and_asks_nothing_again(session):
    ask(session)

    again = session.hear(spoken("Hey Omi, how far is the moon?", speaker="SPEAKER_01"))
    repeated = session.hear(spoken("Hey Omi, how far is the moon?", speaker="SPEAKER_01"))

    first, corrected = session.commits
    assert [(s.key, s.speaker) for s in corrected.segments] == [(first.segments[0].key, "SPEAKER_01")]
    assert (corrected.jobs, corrected.messages) == ((), ())
    assert [again.result(), repeated.result()] == [Ingested(), Ingested()]


def test_session_with_an_open_reply_stays(session):
    ask(session)

    session.driver.tell(Passivate())

    assert not session.driver.has_stopped


def test_late_repetition_is_looked_up_before_a_conversation_is_opened(session):
    session.hear(spoken("good morning", "", 1.0), spoken("much later", "", 500.0))
    session.driver.runtime.advance(1.0)
    session.store.replies["find_segments"] = {
        segment.key: build_version(segment) for segment in session.commits[0].segments[:1]
    }
    for number in range(200):  # push it out of the session's memory
        session.hear(spoken("x", f"n{number}", 500.0))

    session.hear(spoken("good morning", "", 1.0))

    assert all(commit.new_conversation is None for commit in session.commits[1:])
    assert len(session.commits) == 201


def test_answer_for_a_webhook_that_was_answered_otherwise_waits_for_the_next(session):
    reply, job_id = ask(session)
    reply.try_fail(AskTimeoutError("as told"))

    session.driver.tell(AnswerReady(KEY, job_id, "d1", "384,400 km.", ASKED_AT))

    assert [c.state for c in session.store.of("change_delivery")] == ["sending", "pending", "kept"]
    assert session.hear(spoken("and so on", "s2", 3.0)).result() == Ingested("384,400 km.", "d1")


def test_answer_whose_webhook_ends_during_the_commit_of_its_intent_waits_for_the_next(session):
    reply, job_id = ask(session)
    del session.store.replies["change_delivery"]
    session.driver.tell(AnswerReady(KEY, job_id, "d1", "384,400 km.", ASKED_AT))
    reply.try_fail(AskTimeoutError("as told"))
    session.store.replies["change_delivery"] = True

    session.driver.settle(session.store.open[0], True)

    assert [c.state for c in session.store.of("change_delivery")] == ["sending", "pending", "kept"]
    assert session.hear(spoken("and so on", "s2", 3.0)).result() == Ingested("384,400 km.", "d1")


def test_session_that_begins_with_a_raw_payload_has_the_time_of_its_beginning(session):
    session.driver.ask(KeepRaw(KEY, "ada", "day_summary", "k", "application/json", b"{}", 1_790_000_005.0))

    assert session.commits[0].last_seen_at == 1_790_000_005.0
