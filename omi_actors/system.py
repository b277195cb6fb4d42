"""The system: starts and stops the supervision tree, and handles all calls of the web package.

Not here: the actors (tree.py), HTTP (web/), the contents of health and status pages (status/).
Threads: the event loop's; the store's actors have threads of their own.
"""

import asyncio
from collections.abc import Callable, Iterable
from typing import Any

from omi_actors.actors.maintenance.eraser import EraseNow
from omi_actors.actors.maintenance.indexer import WordsDeleted
from omi_actors.actors.passwords import Passwords
from omi_actors.actors.queue.messages import CancelJob, Drain, JobsEnqueued
from omi_actors.actors.session.messages import (
    AskerLeft,
    AskQuestion,
    ChatAnswered,
    Complete,
    CompletionLeft,
    Forget,
    Ingested,
    IngestSegments,
    KeepRaw,
    OpenConversation,
    PreferencesChanged,
    ReplySent,
    StopQuestion,
    SwitchSpace,
)
from omi_actors.actors.session.watchers import SessionWatchers
from omi_actors.backplane.counters import WindowCounters
from omi_actors.backplane.interface import TEXTS_DELETED
from omi_actors.clients.model import ModelAnswer
from omi_actors.clients.model_chain import ModelFailure
from omi_actors.clients.omi_api import GuardedNotifier
from omi_actors.domain.sessions.keys import account_in
from omi_actors.domain.sessions.records import Transcript
from omi_actors.errors import StartFailedError, UpstreamError
from omi_actors.instruments.actor_metrics import ActorMetrics
from omi_actors.instruments.logs import get_logger
from omi_actors.instruments.metrics import HTTP_EXTREMES, REGISTRY
from omi_actors.instruments.readings import take_readings
from omi_actors.instruments.webhooks import WEBHOOKS
from omi_actors.jobs.followup import build_followup_job
from omi_actors.kit.errors import ExpectedError
from omi_actors.kit.future import Future
from omi_actors.kit.spec import ChildState
from omi_actors.kit.supervisor import Root, start_root
from omi_actors.parts import Parts
from omi_actors.status.actors import Actors
from omi_actors.status.figures import build_figures
from omi_actors.status.health import build_health
from omi_actors.status.nodes import build_nodes
from omi_actors.status.queue_admin import QueueAdmin
from omi_actors.status.queue_status import build_queue_status
from omi_actors.status.session_memory import SessionMemory
from omi_actors.status.snapshot import Snapshot, take_snapshot
from omi_actors.store import minutes, queue_state, sessions, transcripts
from omi_actors.store.durability import read_durability
from omi_actors.store.facade import Store
from omi_actors.store.people import erasure, recall
from omi_actors.store.people.erasure import Begun
from omi_actors.store.people.followups import Wearable, enqueue_followup
from omi_actors.store.people.recall import RecalledText
from omi_actors.store.transcripts import SessionPage, TalkPlace
from omi_actors.tree import Tree

_log = get_logger(__name__)

# Stored messages in one page of a transcript, besides its segments.
_PAGE_MESSAGES = 1_000
# The only kind of actor that may fail while all other wearers are served.
_SESSION = "session"
# Sessions that an account loses at its end, in one short write; the eraser takes further ones.
_ENDED_SESSIONS = 50
# Seconds that the actors get to stop, after attempts have ended or have released their jobs.
_STOP_S = 10.0
# Seconds between two looks whether a failing model works again.
_RECHECK_S = 10.0


class System:
    """A supervision tree that is built, started and stopped once.

    system = System(parts, on_give_up)   # on_give_up(error): the process must end, non-zero
    await system.start()
    ingested = await system.ingest(IngestSegments(...), timeout_s=12.0)
    """

    def __init__(self, parts: Parts, on_give_up: Callable[[BaseException], None]) -> None:
        self._parts = parts
        self._on_give_up = on_give_up
        self._runtime = parts.build_runtime(parts.clock, parts.rng, hooks=ActorMetrics())
        self._tree = Tree(self._runtime, parts)
        # The operator's view of the actors.
        self.actors = Actors(self._tree.list_groups(), self._tree.live_sessions, self._runtime.crash_log, parts.clock)
        self.nodes = build_nodes(self._tree, parts, lambda: self.health()["checks"])
        self._root: Root | None = None
        self._start_error: ExpectedError | None = None
        self._is_draining = False
        self._tasks: list[asyncio.Task[None]] = []

    # --- start and stop

    async def start(self) -> None:
        """Start the tree and return when the store is open and this node registered.

        If an actor cannot start, the program ends, since a restart would fail in the same way. If an actor crashes
        after its own start, it is restarted.

        Raises:
            ExpectedError: the store cannot be opened, or an actor failed; the message says why. All actors are stopped.
        """
        self._runtime.bind(asyncio.get_running_loop())
        self._runtime.on_start_failed = self._start_failed
        self._root = start_root(self._runtime, self._tree.roots, on_give_up=self._give_up)
        try:
            await self._tree.store_opened
            self._tree.durability = await self._tree.store.write(read_durability)
            if self._start_error is not None:
                raise self._start_error
            self._tasks.append(asyncio.create_task(self._recheck_model(), name="recheck of the model"))
            if self.nodes is not None:
                self._tasks.append(asyncio.create_task(self.nodes.run(), name="reports of nodes"))
        except ExpectedError as exc:
            self.begin_draining()
            await self._root.stop(_STOP_S)  # without a drain: no work was taken yet
            if self._start_error is not None and self._start_error is not exc:
                raise self._start_error from exc
            raise
        finally:
            self._runtime.on_start_failed = None

    def _start_failed(self, kind: str, error: BaseException) -> None:
        if kind != _SESSION:  # a session that cannot start must not stop the program for all wearers
            self._fail_start(error, f"{kind} could not start: {type(error).__name__}")

    def _fail_start(self, error: BaseException, sentence: str) -> None:
        """Settle the start with an error, once. An error that is not expected becomes a StartFailedError."""
        if self._start_error is None:
            self._start_error = error if isinstance(error, ExpectedError) else StartFailedError(sentence)
            self._tree.store_opened.try_fail(self._start_error)

    async def stop(self, *, grace_s: float) -> bool:
        """Drain the workers within `grace_s`, then stop in reverse order. Return True if all actors ended in time."""
        self.begin_draining()
        for task in self._tasks:
            task.cancel()
        if self._root is None:
            return True
        if self.nodes is not None:
            await self.nodes.leave()
        self._tree.job_queue.tell(Drain(grace_s))
        try:
            await self._tree.workers.ask(Drain(grace_s), timeout_s=grace_s + _STOP_S)
        except ExpectedError as exc:
            _log.warning("attempts_not_drained", error=type(exc).__name__)
        return await self._root.stop(_STOP_S)

    async def _recheck_model(self) -> None:
        """Find out that a failing model works again, also while nobody asks anything."""
        while True:
            await asyncio.sleep(_RECHECK_S)
            await self._tree.model.recheck()

    async def check_model(self) -> ModelFailure | None:
        """Check the model's address and key, and log the result. Return the failure, which /health shows, too."""
        model = self._tree.model
        try:
            await model.check()
        except UpstreamError:
            return model.models[0].last_failure
        return None

    def count_jobs_under_way(self) -> dict[str, int]:
        """Return the number of answers and of other jobs that run."""
        return self._tree.count_jobs_under_way()

    def begin_draining(self) -> None:
        """Accept no new work: `ready` is False from now on. The sessions go to other nodes."""
        if not self._is_draining:
            self._is_draining = True
            self._tree.owners.leave()

    def _give_up(self, error: BaseException) -> None:
        self._is_draining = True
        _log.critical("system_gave_up", error=type(error).__name__, exc_info=error)
        self._fail_start(error, f"the actors ended with {type(error).__name__} before the program was ready")
        self._on_give_up(error)

    # --- for the web

    @property
    def ready(self) -> bool:
        """Return True if the store takes writes, and the system is neither starting nor draining."""
        tree = self._tree
        return not self._is_draining and tree.store_writer.state is ChildState.RUNNING and tree.store_takes_writes

    @property
    def counters(self) -> WindowCounters:
        """Return the counters of requests for limits that all nodes share."""
        return self._tree.backplane.counters

    @property
    def store(self) -> Store:
        """Return the store, for what a person owns (store/people/). Sessions are reached by messages only."""
        return self._tree.store

    @property
    def watchers(self) -> SessionWatchers:
        """Return the callbacks for changes of sessions."""
        return self._tree.watchers

    @property
    def passwords(self) -> Passwords:
        """Return the hashing and verifying of passwords."""
        return Passwords(self._tree.passwords)

    async def notify(self, uid: str, text: str) -> bool:
        """Send a wearer one notification that is no answer. Return False if notifications are not configured.

        Raises:
            UpstreamError: it was not sent, or nobody knows; the message says why, without the text.
        """
        if self._tree.notifier is None:
            return False
        await self._tree.notifier.notify(uid, text)
        return True

    async def send_followup(
        self, account_id: str, followup_id: str, wearable: Wearable, text: str, *, request_id: str
    ) -> bool:
        """Store a person's own words for their wearable, with the job that sends them. False: nothing can be sent."""
        if not self._tree.can_notify:
            return False
        job = build_followup_job(followup_id, wearable.uid, request_id, self._runtime.clock.now_s())
        await self.store.write(enqueue_followup, account_id, followup_id, wearable, text, job)
        self._tree.job_queue.tell(JobsEnqueued(job.kind))
        return True

    @property
    def omi(self) -> GuardedNotifier | None:
        """Return the client of Omi's API; None if it is not configured."""
        return self._tree.notifier

    @property
    def memory(self) -> SessionMemory:
        """Return the operator's view of the sessions in memory."""
        return SessionMemory(self._tree.live_sessions, self._tree.router, self._tree.store, self._runtime.clock)

    async def erase_account(self, account_id: str, *, key_digest: str, verified_hash: str | None) -> Begun | None:
        """End an account, and begin to erase it. Live sessions of it forget all, and its jobs under way are cancelled.

        Return what has ended; None: there is no such account, or it has got another password.
        """
        tree = self._tree
        begun = await tree.store.write(
            erasure.begin_erasure, account_id, key_digest=key_digest, verified_hash=verified_hash, limit=_ENDED_SESSIONS
        )
        if begun is None:
            return None
        WEBHOOKS.drop_texts()
        for key, session in tuple(tree.live_sessions.by_key.items()):
            if account_in(key) == account_id or key in begun.session_keys:
                session.handle.tell_always(Forget())
        for job_id in begun.job_ids:
            tree.job_queue.tell(CancelJob(job_id))
        tree.eraser.tell(EraseNow())
        return begun

    def words_deleted(self) -> None:
        """Tell that a person has deleted or changed a text: it leaves all inspectors, and soon the index's file."""
        WEBHOOKS.drop_texts()
        self._tree.backplane.wake(TEXTS_DELETED)
        self._tree.indexer.tell(WordsDeleted())

    def ingest(self, message: IngestSegments, *, timeout_s: float) -> Future[Ingested]:
        """Send segments to their session. The future settles when they are durable and a question has its answer."""
        return self._tree.owners.find(message.session_key).ask(message, timeout_s=timeout_s)

    def keep_raw(self, message: KeepRaw, *, timeout_s: float) -> Future[Ingested]:
        """Store a payload that no feature reads yet. The future settles when it is durable."""
        return self._tree.owners.find(message.session_key).ask(message, timeout_s=timeout_s)

    def reply_sent(self, message: ReplySent) -> None:
        """Report whether a reply with an answer was sent. A full mailbox takes it, too: nothing repeats it."""
        self._tree.owners.find_replier(message).tell_always(message)

    def preferences_changed(self, session_keys: Iterable[str]) -> None:
        """Report that a person has other preferences, to those of the person's sessions that are in memory.

        They have them from their next message on.
        """
        for session_key in session_keys:
            self._tree.owners.tell(PreferencesChanged(session_key))

    def ask_question(self, message: AskQuestion, *, timeout_s: float) -> Future[ChatAnswered]:
        """Ask a session. The future settles with the answer, a failure's text, or AnswerLateError."""
        return self._tree.owners.find(message.session_key).ask(message, timeout_s=timeout_s)

    def complete(self, message: Complete, *, timeout_s: float) -> Future[ModelAnswer]:
        """Go on with a program's conversation, at this node. The future settles with the model's answer."""
        return self._tree.owners.find_here(message.session_key).ask(message, timeout_s=timeout_s)

    def completion_left(self, message: CompletionLeft) -> None:
        """Report that the caller of a `complete` no longer waits."""
        self._tree.owners.find_here(message.session_key).tell(message)

    def switch_space(self, message: SwitchSpace, *, timeout_s: float) -> Future[str]:
        """Move a session to another space (a subject, such as work). When durable, the future has the earlier space."""
        return self._tree.owners.find(message.session_key).ask(message, timeout_s=timeout_s)

    def open_conversation(self, message: OpenConversation, *, timeout_s: float) -> Future[str]:
        """Begin a session's first conversation, unless it has one. When durable, the future has the latest one's id."""
        return self._tree.owners.find(message.session_key).ask(message, timeout_s=timeout_s)

    def stop_question(self, message: StopQuestion, *, timeout_s: float) -> Future[bool]:
        """Cancel a typed question. The future has False if it has an answer, or was never asked."""
        return self._tree.owners.find(message.session_key).ask(message, timeout_s=timeout_s)

    def load_space(self, session_key: str) -> Future[str | None]:
        """Load the space (subject) of a session; None if there is no such session."""
        return self._tree.store.read(sessions.load_space, session_key)

    def load_sources(self, job_id: str) -> Future[tuple[RecalledText, ...]]:
        """Load the texts of the person that were in the prompt of this job's answer, the best first."""
        return self._tree.store.read(recall.load_sources_of_job, job_id)

    def asker_left(self, message: AskerLeft) -> None:
        """Report that the caller of an `ask_question` no longer waits."""
        self._tree.owners.find_asked(message).tell(message)

    def load_transcript(self, session_key: str, *, after_seq: int, limit: int) -> Future[Transcript | None]:
        """Load a page of a session's transcript; None when there is no such session."""
        return self._tree.store.read(
            sessions.load_transcript, session_key, after_seq=after_seq, limit=limit, messages=_PAGE_MESSAGES
        )

    def load_session_page(self, session_key: str, *, before: TalkPlace, limit: int) -> Future[SessionPage | None]:
        """Load what was said and written in a session before a place; None when there is no such session."""
        return self._tree.store.read_cold(transcripts.load_session_page, session_key, before=before, limit=limit)

    async def queue_status(self) -> dict[str, Any]:
        """Return the counts of the job queue and of the sessions in memory (status/queue_status.py).

        Raises:
            ExpectedError: the store did not answer.
        """
        counts = await self._tree.store.read(queue_state.count_queue)
        parts, readings = self._parts, take_readings(REGISTRY)
        now_s = parts.clock.now_s()
        return build_queue_status(counts, self._tree.live_sessions, parts.settings, now_s=now_s, readings=readings)

    @property
    def queue_admin(self) -> QueueAdmin:
        """Return the operator's actions on the job queue and on retention."""
        return QueueAdmin(self._tree.store, self._tree.job_queue, self._tree.janitor)

    def health(self) -> dict[str, Any]:
        """Return the checks and figures behind /health (status/health.py)."""
        return build_health(self._tree, self._parts, self.nodes, is_ready=self.ready)

    def figures(self) -> dict[str, Any]:
        """Return the metrics since the start as JSON (status/figures.py)."""
        live = self._tree.live_sessions
        minutes = self._tree.readings.minutes
        minutes.fold()
        return build_figures(take_readings(REGISTRY), HTTP_EXTREMES, minutes, hits=live.hits, misses=live.misses)

    def snapshot(self) -> Snapshot:
        """Return the contents of the operator's page. The copy of all metrics takes a few milliseconds."""
        return take_snapshot(self._tree, self._parts, self.health(), is_draining=self._is_draining)

    def load_minutes(self) -> Future[dict[str, list[float | None]]]:
        """Load the minutes of the last 24 h as columns: `at`, then a number of each figure for each minute."""
        return self._tree.store.read(minutes.show_day, self._parts.settings.node_name, self._parts.clock.now_s())
