"""A system for tests of the web. It settles at once, later, or never, and remembers its messages."""

import asyncio
from collections import deque
from typing import Any

from omi_actors.actors.passwords import Verdict
from omi_actors.actors.session.messages import ChatAnswered, Cleared, Ingested
from omi_actors.actors.session.router import LiveSessions
from omi_actors.actors.session.watchers import SessionWatchers
from omi_actors.backplane.counters import WindowCounters
from omi_actors.clients.model import ModelAnswer
from omi_actors.clock import SystemClock
from omi_actors.errors import StoreUnavailableError
from omi_actors.kit.errors import ExpectedError
from omi_actors.kit.future import Future
from omi_actors.kit.handle import Handle
from omi_actors.kit.spec import ChildSpec
from omi_actors.kit.supervisor import Supervisor
from omi_actors.kit.testing import ManualRuntime
from omi_actors.status.actors import Actors
from omi_actors.status.queue_admin import QueueAdmin
from omi_actors.status.snapshot import Snapshot
from omi_actors.store.engine import Engine, StoreConfig
from omi_actors.store.people import erasure
from omi_actors.store.transaction import NodeIdentity


class InlineStore:
    """A store in a SQLite file that runs each function at once, in the calling thread."""

    def __init__(self, folder, clock):
        self._engine = Engine(StoreConfig(url="", data_dir=folder, clock=clock), NodeIdentity("web", 1))
        self._engine.open()
        self.error = None  # an exception instead of each result

    def close(self):
        self._engine.close()

    def write(self, work, /, *args, **kwargs):
        return self._settle(lambda: outcome_of(self._engine.commit_group([lambda tx: work(tx, *args, **kwargs)])[0]))

    def write_alone(self, work, /, *args, **kwargs):
        return self._settle(lambda: outcome_of(self._engine.write_alone(lambda tx: work(tx, *args, **kwargs))))

    def read(self, work, /, *args, **kwargs):
        return self._settle(lambda: self._engine.read(lambda tx: work(tx, *args, **kwargs)))

    read_apart = read_cold_apart = read

    def read_cold(self, work, /, *args, **kwargs):
        return self._settle(lambda: self._engine.read_cold(lambda tx: work(tx, *args, **kwargs)))

    def _settle(self, run):
        future: Future[Any] = Future()
        try:
            if self.error is not None:
                raise self.error
            future.try_set(run())
        except ExpectedError as error:
            future.try_fail(error)
        return future


def outcome_of(outcome):
    if outcome.error is not None:
        raise outcome.error
    return outcome.value


class FakePasswords:
    """Passwords whose hash is themselves, backwards: quick, and always of one kind."""

    async def hash(self, password):
        return password[::-1]

    async def verify(self, password, password_hash):
        return Verdict(is_right=password[::-1] == password_hash)


class FakeMemory:
    async def list(self, *, limit):
        return 0, ()

    async def clear(self, *, idle_s):
        return Cleared(0, 0)


class FakeSystem(Any):  # type: ignore[misc]  # passes for a System; test_fake_system.py compares the two
    def __init__(self):
        self.ready = True
        self.counters = WindowCounters(SystemClock())
        self.status = "pass"
        self.received = []  # IngestSegments and KeepRaw, in the order of their coming
        self.timeouts = []
        self.sent = []  # ReplySent
        self.changed = []  # keys of sessions whose persons have other preferences
        self.outcomes: deque[Any] = deque()  # per message: an Ingested, an exception, or None for "settled by the test"
        self.open = []  # futures that the test settles
        self.transcripts = {}
        self.asked = []
        self.shown = None  # a Snapshot instead of an empty one
        self.nodes = None  # the reports of several nodes
        self.on_received = None
        self.on_sent = None
        self.questions = []  # AskQuestion
        self.answers: deque[Any] = deque()  # per question: a ChatAnswered, an exception, or None for "settled later"
        self.spaces = {}  # by session key
        self.conversations = {}  # by session key
        self.completions = []  # Complete
        self.left = []  # AskerLeft and CompletionLeft
        self.on_asked = asyncio.Event()
        self.on_left = asyncio.Event()

        self.passwords = FakePasswords()
        self.watchers = SessionWatchers()
        self.omi = None  # a client of Omi's API
        self.stored = None  # an InlineStore, where a test needs one

    @property
    def store(self):
        if self.stored is None:
            raise StoreUnavailableError("this test has no store")
        return self.stored

    @property
    def actors(self) -> Actors:
        runtime = ManualRuntime()
        group = Handle(ChildSpec("sessions_group", "supervisor", lambda: Supervisor([])), runtime)
        return Actors([(group, [])], LiveSessions(), runtime.crash_log, runtime.clock)

    @property
    def queue_admin(self) -> QueueAdmin:
        raise StoreUnavailableError("queue admin is tested with the whole system")

    async def erase_account(self, account_id, *, key_digest, verified_hash):
        return await self.store.write(
            erasure.begin_erasure, account_id, key_digest=key_digest, verified_hash=verified_hash, limit=50
        )

    def words_deleted(self):
        pass

    def ingest(self, message, *, timeout_s):
        return self._take(message, timeout_s)

    def keep_raw(self, message, *, timeout_s):
        return self._take(message, timeout_s)

    def reply_sent(self, message):
        self.sent.append(message)
        if self.on_sent is not None:
            self.on_sent()

    def preferences_changed(self, session_keys):
        self.changed += session_keys

    def ask_question(self, message, *, timeout_s):
        self.questions.append(message)
        self.timeouts.append(timeout_s)
        future: Future[Any] = Future()
        answer = self.answers.popleft() if self.answers else ChatAnswered("384,400 km.", "c1", "d1")
        if answer is None:
            self.open.append(future)
        elif isinstance(answer, Exception):
            future.try_fail(answer)
        else:
            future.try_set(answer)
        self.on_asked.set()
        return future

    def switch_space(self, message, *, timeout_s):
        self.timeouts.append(timeout_s)
        future: Future[Any] = Future()
        future.try_set(self.spaces.get(message.session_key, "default"))
        self.spaces[message.session_key] = message.space
        return future

    def open_conversation(self, message, *, timeout_s):
        self.timeouts.append(timeout_s)
        future: Future[Any] = Future()
        future.try_set(self.conversations.setdefault(message.session_key, "c1"))
        return future

    def stop_question(self, message, *, timeout_s):
        self.timeouts.append(timeout_s)
        future: Future[Any] = Future()
        future.try_set(False)
        return future

    def complete(self, message, *, timeout_s):
        self.completions.append(message)
        self.timeouts.append(timeout_s)
        future: Future[Any] = Future()
        future.try_set(ModelAnswer("384,400 km.", "demo-echo"))
        return future

    def completion_left(self, message):
        self.left.append(message)
        self.on_left.set()

    def load_sources(self, job_id):
        self.asked.append(("load_sources", job_id))
        future: Future[Any] = Future()
        future.try_set(())
        return future

    async def send_followup(self, account_id, followup_id, wearable, text, *, request_id):
        return False

    @property
    def memory(self):
        return FakeMemory()

    def load_space(self, session_key):
        future: Future[Any] = Future()
        future.try_set(self.spaces.get(session_key))
        return future

    async def notify(self, uid, text):
        return False

    def asker_left(self, message):
        self.left.append(message)
        self.on_left.set()

    def load_transcript(self, session_key, *, after_seq, limit):
        self.asked.append((session_key, after_seq, limit))
        found = self.transcripts.get(session_key)
        future: Future[Any] = Future()
        if isinstance(found, Exception):
            future.try_fail(found)
        else:
            future.try_set(found)
        return future

    def load_session_page(self, session_key, *, before, limit):
        self.asked.append((session_key, before, limit))
        future: Future[Any] = Future()
        future.try_set(None)
        return future

    async def queue_status(self):
        return {"ok": True}

    def health(self):
        return {
            "status": self.status,
            "node": {"name": "local", "status": self.status},
            "ready": self.ready,
            "version": "1.2.3",
            "uptime": 12.5,
            "memory": {"rss": 4096},
            "sessions": 7,
            "checks": {
                "store": {"status": self.status, "note": "a note for the operator", "read_seconds": 0.5},
                "model": {"status": "warn", "provider": "demo", "model": "demo-echo"},
            },
            "features": {"metrics": "on"},
            "database": {"kind": "sqlite", "status": self.status},
            "settings": {"log_level": "info"},
        }

    def figures(self):
        return {"requests": {"total": 3, "success": 2, "failed": 1}, "activeRequests": 1}

    def snapshot(self):
        return self.shown or Snapshot(status=self.status, state="All is well.", checks=[("store", self.status, "")])

    def load_minutes(self):
        future: Future[Any] = Future()
        future.try_set({"at": [0.0], "requests": [1.0]})
        return future

    @property
    def texts(self):
        return [segment.text for message in self.received for segment in getattr(message, "segments", ())]

    def _take(self, message, timeout_s):
        self.received.append(message)
        self.timeouts.append(timeout_s)
        future: Future[Any] = Future()
        outcome = self.outcomes.popleft() if self.outcomes else Ingested()
        if outcome is None:
            self.open.append(future)
        elif isinstance(outcome, Exception):
            future.try_fail(outcome)
        else:
            future.try_set(outcome)
        if self.on_received is not None:
            self.on_received()
        return future
