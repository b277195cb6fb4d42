"""A session whose person is erased: it forgets all, and open replies end without an answer."""

import pytest

from omi_actors.actors.session.actor import SessionActor, SessionDeps
from omi_actors.actors.session.messages import AskQuestion, Forget, Ingested, IngestSegments
from omi_actors.errors import FencedError, NotFoundError
from omi_actors.kit.testing import Driver
from tests.actors.conftest import collaborator, spoken

KEY = "omi:ada"


@pytest.fixture
def session(store):
    """Return a driven session that hears half a question, waits for an answer, and for that of a chat."""
    queue = collaborator("job_queue")
    deps = SessionDeps(store, queue.handle, 12.0, job_max_attempts=4)
    return Driver(SessionActor(deps, KEY), name=KEY, kind="session", runtime=queue.runtime)


def hear(session, text, number):
    segment = spoken(text, f"s{number}", 2.0 * number)
    return session.send(IngestSegments(KEY, "ada", (segment,), session.clock.now_s()))


def ask_all(session):
    """Ask by voice and by chat, and begin another question."""
    spoken_reply = hear(session, "Hey Omi, how far is the moon?", 1)
    typed_reply = session.send(AskQuestion(session_key=KEY, asker_id="a", key="k", text="and the sun?"))
    hear(session, "Hey Omi, how far", 2)
    return spoken_reply, typed_reply


def assert_forgotten(session, store, replies):
    first, typed = replies
    assert first.result() == Ingested()
    with pytest.raises(NotFoundError):
        typed.result()
    assert not session.actor._deps.open_replies._looked_mono_s
    before = store.of("commit")[-1].session_id
    commits = len(store.of("commit"))
    session.advance(60.0)  # no timer of the old utterance is left
    assert len(store.of("commit")) == commits
    return before


def test_erased_session_forgets_its_words_and_ends_its_replies(session, store):
    replies = ask_all(session)

    session.tell(Forget())

    before = assert_forgotten(session, store, replies)
    hear(session, "is the moon?", 3)
    anew = store.of("commit")[-1]
    assert (anew.epoch_before, anew.session_id != before, anew.jobs) == (0, True, ())


def test_session_that_was_erased_by_another_node_forgets_when_it_is_fenced(session, store):
    replies = ask_all(session)
    ours = store.of("commit")[-1].session_id
    results = iter([FencedError("gone"), None])
    record, take = store._record, lambda: next(results)

    def fence_once(name, given):
        store.replies["commit"] = take() if name == "commit" else store.replies["commit"]
        return record(name, given)

    store._record = fence_once
    assert hear(session, "is the moon?", 3).result() == Ingested()
    store._record = record

    assert assert_forgotten(session, store, replies) != ours
    assert store.of("commit")[-1].jobs == ()
