"""The session hears over webhooks and pauses; what it listens for survives a crash."""

from typing import Any

import pytest

from omi_actors.actors.queue.messages import AnswerReady, JobsEnqueued
from omi_actors.actors.session.actor import SessionActor, SessionDeps
from omi_actors.actors.session.messages import Ingested, IngestSegments, KeepRaw, Passivate, PauseOver, ReplySent
from omi_actors.domain.hearing.segments import StoredSegment
from omi_actors.domain.hearing.state import HearingOptions, ListenMode, WakeBy
from omi_actors.domain.sessions.records import SessionRecord
from omi_actors.errors import FencedError
from omi_actors.instruments import metrics
from omi_actors.kit.testing import Driver
from tests.actors.conftest import collaborator, spoken

KEY = "omi:ada"
NOW = 1_790_000_000.0


class Session:
    """A driven session, its queue and its store; webhooks come when the driver's clock says."""

    def __init__(self, store, **options):
        self.store = store
        self.queue = collaborator("job_queue")
        hearing = HearingOptions(**options)
        deps = SessionDeps(store, self.queue.handle, reply_deadline_s=12.0, job_max_attempts=4, hearing=hearing)
        self.driver = Driver(SessionActor(deps, KEY), name=KEY, kind="session", runtime=self.queue.runtime)

    def hear(self, *segments):
        return self.driver.send(IngestSegments(KEY, "ada", segments, self.driver.clock.now_s()))

    @property
    def commits(self):
        return self.store.of("commit")

    @property
    def asked(self):
        return [job.payload["question"] for commit in self.commits for job in commit.jobs]


@pytest.fixture
def session(store):
    return Session(store)


def stored(text, key="s1", seq=1, created_at=NOW, *, is_user=True):
    return StoredSegment(key, seq, "c", text, "SPEAKER_00", 0, is_user, None, float(seq), seq + 1.0, created_at)


def record(*segments, **changes):
    values: dict[str, Any] = {
        "session_id": "sid",
        "session_key": KEY,
        "uid": "ada",
        "epoch": 4,
        "conversation_id": "c",
        "conversation_number": 1,
        "last_seq": len(segments),
        "last_end_s": len(segments) + 1.0,
        "last_seen_at": NOW,
        "recent_segments": segments,
    }
    return SessionRecord(**values | changes)


def test_question_split_over_webhooks_is_asked_when_it_is_whole(session):
    first = session.hear(spoken("Hey", "s1", 1.0))
    session.hear(spoken("Omi, how far", "s2", 2.0))
    last = session.hear(spoken("is the moon?", "s3", 3.0))

    assert first.result() == Ingested()
    assert session.asked == ["how far is the moon?"]
    assert not last.done


def test_question_without_an_end_is_asked_after_a_pause(session):
    reply = session.hear(spoken("Hey Omi, remind me how far the moon is"))
    session.driver.advance(1.5)
    assert (reply.result(), session.asked) == (Ingested(), [])

    session.driver.advance(0.2)

    assert session.asked == ["remind me how far the moon is"]
    assert session.queue.actor.messages == [JobsEnqueued("answer")]


def test_statement_to_omi_is_asked_with_its_webhook_whose_reply_waits_for_the_answer(session):
    reply = session.hear(spoken("Hi Omi, my name is Mara, I'm testing"))

    assert session.asked == ["my name is Mara, I'm testing"]
    assert not reply.done


def test_more_words_put_the_pause_off(session):
    session.hear(spoken("Hey Omi, remind me how far", "s1", 1.0))
    session.driver.advance(1.5)
    session.hear(spoken("the moon is", "s2", 2.0))
    session.driver.advance(1.5)
    assert session.asked == []

    session.driver.advance(0.6)

    assert session.asked == ["remind me how far the moon is"]


@pytest.mark.parametrize(
    ("words", "asker"),
    [
        (((True, "Hey Omi, how far is the moon?"),), ("user", "")),
        (((False, "Hey Omi, how far is the moon?"),), ("other", "SPEAKER_00")),
        (((True, "Hey Omi, how far"), (True, "is the moon?")), ("user", "")),
        (((True, "Hey Omi, how far"), (False, "is the moon?")), ("other", "SPEAKER_00")),
        (((False, "Hey Omi, how far"), (True, "is the moon?")), ("other", "SPEAKER_00")),
        (((False, "How nice."), (True, "Hey Omi, how far is the moon?")), ("user", "")),
    ],
)
def test_question_is_stored_with_its_asker(session, words, asker):
    for n, (is_user, text) in enumerate(words, start=1):
        session.hear(spoken(text, f"s{n}", float(n), is_user=is_user))

    (message,) = [message for commit in session.commits for message in commit.messages]
    assert (message.asker, message.speaker) == asker


def test_corrected_speaker_of_an_open_question_is_its_asker(session):
    session.hear(spoken("Hey Omi, remind me how far", is_user=True))
    session.hear(spoken("Hey Omi, remind me how far", speaker="SPEAKER_01", is_user=False))
    session.driver.advance(4.1)

    (message,) = [message for commit in session.commits for message in commit.messages]
    assert (message.asker, message.speaker) == ("other", "SPEAKER_01")


def test_correction_of_one_segment_does_not_make_anothers_words_the_wearers(session):
    session.hear(spoken("Hey Omi, from now on end", "s1", 1.0, speaker="SPEAKER_01", is_user=False))
    session.hear(spoken("each answer with", "s2", 2.0, speaker="SPEAKER_01", is_user=False))
    session.hear(spoken("each answer with", "s2", 2.0, is_user=True))
    session.driver.advance(4.1)

    (message,) = [message for commit in session.commits for message in commit.messages]
    assert message.asker == "other"


ASKED_BY_ANOTHER = spoken("Hey Omi, how old is the sun?", "s1", 1.0, speaker="SPEAKER_01", is_user=False)
ASKED_BY_WEARER = spoken("Hey Omi, how far is the moon?", "s2", 4.0)


@pytest.mark.parametrize(
    ("wake_by", "before", "asked"),
    [
        ("ANYONE", spoken("So.", "s0", 0.0), ["how old is the sun?", "how far is the moon?"]),
        ("OWNER", spoken("So.", "s0", 0.0), ["how far is the moon?"]),
        ("OWNER", spoken("So.", "s0", 0.0, is_user=False), ["how old is the sun?", "how far is the moon?"]),
    ],
)
def test_another_person_wakes_it_if_allowed_or_if_no_voice_was_ever_recognised(store, wake_by, before, asked):
    session = Session(store, wake_by=WakeBy(wake_by))

    for segment in (before, ASKED_BY_ANOTHER, ASKED_BY_WEARER):
        session.hear(segment)

    assert session.asked == asked


def test_another_person_in_the_first_webhook_with_the_wearer_does_not_wake_it(store):
    session = Session(store, wake_by=WakeBy.OWNER)

    session.hear(ASKED_BY_ANOTHER, ASKED_BY_WEARER)

    assert session.asked == ["how far is the moon?"]
    assert session.commits[0].meets_user


@pytest.mark.parametrize(("knows_user", "asked"), [(True, []), (False, ["remind me how old"])])
def test_wearer_is_still_known_after_a_restart(store, knows_user, asked):
    words = stored("Hey Omi, remind me how old", created_at=NOW - 60, is_user=False)
    store.replies["load_session"] = record(words, listening_until=NOW - 58, knows_user=knows_user)
    session = Session(store, wake_by=WakeBy.OWNER)

    session.driver.tell(PauseOver(KEY))

    assert session.asked == asked


def test_store_knows_how_long_a_question_is_waited_for(session):
    session.hear(spoken("Hey Omi, remind me how far the moon is"))
    session.driver.advance(1.7)

    until = pytest.approx(session.driver.clock.now_s() - 0.1)
    assert [commit.listening_until for commit in session.commits] == [until, None]


def test_wake_phrase_after_which_nothing_comes_is_forgotten_by_the_store_too(session):
    session.hear(spoken("Hey Omi"))

    session.driver.advance(8.1)

    assert session.asked == []
    assert session.commits[-1].listening_until is None


def test_two_questions_of_one_webhook_are_both_asked_and_the_first_has_its_reply(session):
    reply = session.hear(
        spoken("Hey Omi, how far is the moon?", "s1", 1.0), spoken("Hey Omi, how old is the sun?", "s2", 4.0)
    )
    (commit,) = session.commits
    first, second = (job.job_id for job in commit.jobs)

    session.driver.tell(AnswerReady(KEY, second, "d2", "4.6 billion years.", NOW))
    assert not reply.done
    session.driver.tell(AnswerReady(KEY, first, "d1", "384,400 km.", NOW))

    assert session.asked == ["how far is the moon?", "how old is the sun?"]
    assert [message.job_id for message in commit.messages] == [first, second]
    assert reply.result() == Ingested("384,400 km.", "d1")


def test_session_stays_while_a_question_is_being_spoken(session):
    session.hear(spoken("Hey Omi, remind me how far the moon is"))

    session.driver.tell(Passivate())

    assert not session.driver.has_stopped


def test_failed_commit_forgets_its_segments_until_they_are_sent_again(session, failure):
    session.store.replies["commit"] = failure
    session.hear(spoken("Hey Omi, how far is the moon?"))
    session.store.replies["commit"] = None

    session.hear(spoken("Hey Omi, how far is the moon?"))

    assert session.asked == ["how far is the moon?"] * 2
    assert len(session.commits) == 2


def test_question_whose_pause_ended_while_the_store_failed_is_asked_on_reminder(session, failure):
    session.hear(spoken("Hey Omi, remind me how far the moon is"))
    session.store.replies["commit"] = failure
    session.driver.advance(2.1)
    session.store.replies["commit"] = None
    until = session.commits[0].listening_until
    session.store.replies["load_session"] = record(
        stored("Hey Omi, remind me how far the moon is", created_at=NOW), listening_until=until
    )
    before = len(session.commits)

    session.driver.tell(PauseOver(KEY))

    assert [job.payload["question"] for job in session.commits[before].jobs] == ["remind me how far the moon is"]


def test_question_that_a_crash_left_open_is_asked_by_the_next_life(store):
    store.replies["load_session"] = record(
        stored("Hey Omi, remind me how far the moon is", created_at=NOW - 60), listening_until=NOW - 58
    )
    session = Session(store)

    session.driver.tell(PauseOver(KEY))

    (commit,) = session.commits
    assert session.asked == ["remind me how far the moon is"]
    assert commit.messages[0].created_at == NOW - 60


def test_next_life_goes_on_listening_where_the_last_one_ended(store):
    now_s = Session(store).driver.clock.now_s()
    words = stored("Hey Omi, remind me how far", created_at=now_s)
    store.replies["load_session"] = record(words, listening_until=now_s + 1.0)
    session = Session(store)

    session.hear(spoken("the moon is.", "s2", 3.0))

    assert session.asked == ["remind me how far the moon is."]


def test_question_asked_in_an_earlier_life_is_not_asked_again(store):
    question = stored("Hey Omi, how far is the moon?", created_at=NOW)
    store.replies["load_session"] = record(question, asked=(("s1", 0),))
    session = Session(store)

    session.hear(spoken("Hey Omi, how far is the moon?"))
    session.hear(spoken("Hey Omi, how far is the moon? Thank you.", "s1"))

    assert session.asked == []


def test_loading_for_another_message_asks_what_was_left_open(store):
    store.replies["load_session"] = record(
        stored("Hey Omi, remind me how far the moon is", created_at=NOW - 60), listening_until=NOW - 58
    )
    session = Session(store)

    session.driver.ask(KeepRaw(KEY, "ada", "day_summary", "k", "application/json", b"{}", NOW))
    session.driver.advance(0.1)

    assert session.asked == ["remind me how far the moon is"]


def test_follow_up_needs_no_wake_phrase_after_the_reply(store):
    session = Session(store, mode=ListenMode.FOLLOWUP)
    session.hear(spoken("Hey Omi, how far is the moon?"))
    job_id = session.commits[0].jobs[0].job_id
    session.driver.tell(AnswerReady(KEY, job_id, "d1", "384,400 km.", NOW))
    session.driver.advance(20.0)
    session.driver.tell(ReplySent(KEY, "d1", reached=True))

    session.driver.advance(5.0)
    session.hear(spoken("And the sun?", "s2", 30.0))

    assert session.asked == ["how far is the moon?", "And the sun?"]


def test_same_question_may_be_asked_again_after_a_failure(session):
    session.hear(spoken("Hey Omi, how far is the moon?"))
    job_id = session.commits[0].jobs[0].job_id
    session.driver.tell(AnswerReady(KEY, job_id, "d1", "I can't answer right now.", NOW, is_failure=True))

    session.driver.advance(3.0)
    session.hear(spoken("Hey Omi, how far is the moon?", "s2", 5.0))

    assert session.asked == ["how far is the moon?"] * 2


def test_same_question_again_within_seconds_is_not_asked_twice(session):
    session.hear(spoken("Hey Omi, how far is the moon?"))

    session.driver.advance(3.0)
    session.hear(spoken("Hey Omi, how far is the moon?", "s2", 5.0))

    assert session.asked == ["how far is the moon?"]


def test_wearable_answers_to_the_names_it_was_given(store):
    session = Session(store, names=("jarvis",))

    session.hear(spoken("Hey Omi, how far is the moon?"))
    session.hear(spoken("Hey Jarvis, how old is the sun?", "s2", 5.0))

    assert session.asked == ["how old is the sun?"]


def test_every_question_of_a_webhook_that_is_heard_in_slices_is_asked_in_order(session):
    session.hear(spoken("hello"))
    many = [spoken(f"Hey Omi, what is {n} and {n}?", f"m{n}", 10.0 + n) for n in range(40)]

    reply = session.hear(*many)

    assert session.asked == [f"what is {n} and {n}?" for n in range(40)]
    assert len(session.commits) == 2
    assert not reply.done


def test_old_speech_of_which_nothing_was_awaited_is_not_asked_on_loading(store):
    store.replies["load_session"] = record(stored("Hey Omi, remind me how far the moon is", created_at=NOW - 60))
    session = Session(store)

    session.hear(spoken("Well.", "s2", 70.0))

    assert session.asked == []


@pytest.mark.parametrize(("node", "retakes"), [("", 0), ("b", 9)])
def test_session_is_taken_back_only_from_another_node(store, node, retakes):
    store.replies |= {"load_session": record(stored("hello"), node=node), "commit": FencedError("as told")}
    before = metrics.SESSION_RETAKES._value.get()

    reply = Session(store).hear(spoken("how nice", "s2", 9.0))

    with pytest.raises(FencedError):
        reply.result()
    assert metrics.SESSION_RETAKES._value.get() - before == retakes


def test_segments_that_are_only_stored_are_never_asked_not_even_after_a_restart(session):
    said = spoken("Hey Omi, tell me", "s1")

    quiet = session.driver.send(IngestSegments(KEY, "ada", (said,), session.driver.clock.now_s(), is_quiet=True))
    assert quiet.result() == Ingested()
    later = session.hear(spoken("about the moon?", "s2", 2.0))

    assert later.result() == Ingested()
    assert [len(commit.segments) for commit in session.commits] == [1, 1]
    assert [commit.listening_until for commit in session.commits] == [None, None]
    assert session.asked == []


def test_session_without_a_stored_deadline_asks_nothing_of_what_it_finds(store):
    now_s = Session(store).driver.clock.now_s()
    store.replies["load_session"] = record(stored("Hey Omi, tell me about", created_at=now_s))
    session = Session(store)

    session.hear(spoken("the moon.", "s9", 3.0))
    session.driver.tell(PauseOver(KEY))

    assert session.asked == []
