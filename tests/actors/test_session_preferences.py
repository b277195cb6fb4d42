"""Preferences in a session: loaded with it and after each change; silence, follow-ups, failures of the store."""

from dataclasses import replace

import pytest

from omi_actors.actors.session.messages import (
    Ingested,
    IngestSegments,
    KeepRaw,
    PauseOver,
    PreferencesChanged,
    ReplySent,
)
from omi_actors.domain.hearing.segments import StoredSegment
from omi_actors.domain.hearing.state import ListenMode
from omi_actors.domain.people.preferences import Preferences
from omi_actors.errors import FencedError, StoreUnavailableError
from tests.actors.conftest import spoken
from tests.actors.test_session_answers import KEY, TEXT, Session, left, record

MUTED = Preferences(mute=True)


@pytest.fixture
def session(store):
    """A session of a person without preferences, who has an answer to come."""
    store.replies["load_session"] = replace(record(left("kept")), account_id="a1")
    return Session(store)


def hear(session, *segments, **more):
    driver = session.driver
    return driver.send(IngestSegments(KEY, "ada", segments, driver.clock.now_s(), **more))


def asked(session):
    return [job.payload["question"] for commit in session.store.of("commit") for job in commit.jobs]


def test_nothing_is_said_in_silence_and_what_was_kept_comes_afterwards(session):
    session.store.replies["load_for_session"] = MUTED
    assert hear(session).result() == Ingested()
    assert hear(session, spoken("Hey Omi, how far is the moon?")).result() == Ingested()

    session.store.replies["load_for_session"] = None
    session.driver.tell(PreferencesChanged(KEY))

    assert hear(session).result() == Ingested(TEXT, "d1")
    assert asked(session) == []


def test_preferences_are_read_once_and_after_each_change(session):
    for _ in range(3):
        hear(session)
    assert session.store.of("load_for_session") == [KEY]

    for _ in range(2):
        session.driver.tell(PreferencesChanged(KEY))
    assert session.store.of("load_for_session") == [KEY]
    hear(session)
    assert session.store.of("load_for_session") == [KEY, KEY]


def test_session_of_nobody_reads_no_preferences(store):
    store.replies["load_session"] = record()

    hear(Session(store), spoken("hello"))

    assert store.of("load_for_session") == []


def test_turn_fails_while_preferences_cannot_be_read_and_the_next_one_reads_them(session):
    session.store.replies["load_for_session"] = StoreUnavailableError("as told")
    with pytest.raises(StoreUnavailableError):
        hear(session, spoken("Hey Omi, how far is the moon?")).result()

    session.store.replies["load_for_session"] = MUTED
    hear(session, spoken("Hey Omi, how far is the moon?"))

    assert asked(session) == []


def test_open_question_is_dropped_when_silence_begins(session):
    hear(session, spoken("Hey Omi, remind me how far the moon is"))
    session.store.replies["load_for_session"] = MUTED
    session.driver.tell(PreferencesChanged(KEY))

    session.driver.advance(10.0)

    assert asked(session) == []
    assert session.store.of("commit")[-1].listening_until is None


def test_question_that_another_commit_has_fenced_is_still_asked_after_its_pause(session, monkeypatch):
    hear(session, spoken("Hey Omi, remind me how far the moon is"))
    recalled = replace(
        session.store.replies["load_session"],
        recent_segments=session.store.of("commit")[0].segments,
        listening_until=session.store.of("commit")[0].listening_until,
    )
    session.store.replies["load_session"] = recalled
    commit, fences = session.store.commit, [FencedError("as told")]

    def commit_after_a_fence(turn):
        session.store.replies["commit"] = fences.pop() if fences else None
        return commit(turn)

    monkeypatch.setattr(session.store, "commit", commit_after_a_fence)

    session.driver.advance(10.0)

    assert asked(session) == ["remind me how far the moon is"] * 2


def test_pause_that_cannot_be_stored_is_left_to_the_sweeper(session):
    hear(session, spoken("Hey Omi, remind me how far the moon is"))
    (turn,) = session.store.of("commit")
    stored = session.store.replies["load_session"]
    recalled = replace(stored, recent_segments=turn.segments, listening_until=turn.listening_until)
    session.store.replies |= {"load_session": recalled, "commit": FencedError("as told")}

    session.driver.advance(10.0)

    assert len(session.store.of("commit")) == 1 + 10


@pytest.mark.parametrize(("minutes_ago", "count"), [(2, 0), (120, 1)])
def test_question_of_quiet_hours_is_not_asked_after_a_restart(store, minutes_ago, count):
    session = Session(store)
    now_s = session.driver.clock.now_s()
    spoken_at = now_s - 60.0
    words = StoredSegment("s1", 1, "c", "Hey Omi, remind me how old", "A", 0, True, None, 1.0, 2.0, spoken_at)
    begins = int(spoken_at // 60 - minutes_ago) % 1_440
    store.replies["load_session"] = replace(
        record(), recent_segments=(words,), listening_until=spoken_at + 2.0, account_id="a1"
    )
    store.replies["load_for_session"] = Preferences(quiet=(begins, (begins + minutes_ago + 1) % 1_440))
    if count:
        store.replies["load_for_session"] = Preferences(quiet=(begins, (begins + 1) % 1_440))

    session.driver.tell(PauseOver(KEY))

    assert len(asked(session)) == count


@pytest.mark.parametrize(("window_s", "count"), [(5.0, 0), (60.0, 1)])
def test_follow_up_window_is_the_persons(store, window_s, count):
    store.replies["load_session"] = replace(record(), account_id="a1")
    store.replies["load_for_session"] = Preferences(listen_mode=ListenMode.FOLLOWUP, followup_s=window_s)
    session = Session(store)
    _, job_id = session.ask()
    session.finish(job_id)
    session.driver.tell(ReplySent(KEY, "d1", reached=True))
    before = len(asked(session))
    session.driver.advance(20.0)

    hear(session, spoken("And how far is the sun?", "s9", 30.0))

    assert len(asked(session)) - before == count


def test_end_of_a_meeting_that_cannot_be_kept_fails_its_webhook(session):
    session.store.replies |= {"load_for_session": Preferences(is_meeting=True), "keep_meeting": True}
    assert hear(session, ends_meeting=True).result() == Ingested("Meeting transcribed and saved.")

    session.store.replies["keep_meeting"] = StoreUnavailableError("as told")
    with pytest.raises(StoreUnavailableError):
        hear(session, ends_meeting=True).result()
    conversation = KeepRaw(KEY, "ada", "memory_created", "k", "", b"{}", session.driver.clock.now_s())
    with pytest.raises(StoreUnavailableError):
        session.driver.send(conversation).result()


def test_end_of_a_meeting_is_not_told_to_a_person_who_is_muted(session):
    session.store.replies |= {"load_for_session": Preferences(is_meeting=True, mute=True), "keep_meeting": True}

    assert hear(session, ends_meeting=True).result() == Ingested()
    assert session.store.of("keep_meeting") == ["sid"]
