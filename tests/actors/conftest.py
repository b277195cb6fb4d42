"""Actors driven by hand, with a store whose futures the test settles."""

from typing import Any

import pytest

from omi_actors.domain.hearing.segments import Segment
from omi_actors.errors import StoreUnavailableError
from omi_actors.kit.errors import ActorUnavailableError
from omi_actors.kit.future import Future
from omi_actors.kit.testing import Driver, Probe


class FakeStore:
    """Records calls; each reply is settled at once from `replies` (a value or an error), else stays open in `open`."""

    def __init__(self):
        self.calls = []
        self.open = []
        self.replies: dict[str, Any] = {
            "load_session": None,
            "find_segments": {},
            "bury_unknown_kinds": {},
            "commit": None,
            "change_delivery": True,
            "enqueue_notification": True,
            "count_spent": (0, 3600.0),
            "load_waiting_answers": (),
            "find_question": None,
            "cancel_question": True,
            "load_space": None,
            "load_unsettled_answers": (),
            "load_listening": (),
            "load_for_session": None,
            "load_changed_sessions": (),
            "claim_jobs": [],
            "release_job": None,
            "reap_jobs": 0,
        }

    def of(self, name):
        return [args for called, args in self.calls if called == name]

    def commit(self, commit):
        return self._record("commit", commit)

    def write(self, work, *args, **kwargs):
        return self._record(work.__name__, args[0] if args else kwargs)

    write_alone = read = read_cold = write

    def _record(self, name, given):
        self.calls.append((name, given))
        future: Future[Any] = Future()
        if name not in self.replies:
            self.open.append(future)
        elif isinstance(self.replies[name], Exception):
            future.try_fail(self.replies[name])
        else:
            future.try_set(self.replies[name])
        return future


@pytest.fixture(params=[StoreUnavailableError, ActorUnavailableError], ids=lambda cls: cls.__name__)
def failure(request):
    """A failure of the store's own, and one of the kit that stands in front of it: both are expected everywhere."""
    return request.param("as told")


@pytest.fixture(autouse=True)
def no_callback_of_a_future_fails(caplog):
    """Fail a test in which a future's callback raised: the future only logs that."""
    yield
    assert not [line for line in caplog.get_records("call") if "future callback failed" in line.getMessage()]


@pytest.fixture
def store():
    return FakeStore()


def spoken(text, sid="s1", start=1.0, speaker="SPEAKER_00", *, is_user=True):
    return Segment(sid, text, speaker, 0, is_user, None, start, start + 1.0)


def collaborator(name):
    """Return a running actor that records what it is told (`.actor.messages`), on a runtime to share (`.runtime`)."""
    return Driver(Probe(lambda _: None), name=name, kind=name).start()
