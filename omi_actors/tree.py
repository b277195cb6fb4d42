"""The supervision tree: every actor, its supervisor, and the order of starting.

root (one_for_one, 3 restarts in 30 s, then the process ends)
├─ store (one_for_one)      store_writer, store_reader_1 … n, store_reader_cold_1 … n
├─ node (one_for_one)       metrics_collector, node_lease, backplane_runner, janitor, embedder, indexer, eraser,
│                           passwords
├─ jobs (one_for_all)       job_queue, workers
└─ sessions (one_for_one)   session_supervisor → one actor a session, session_router, answer_sweeper
A group restarts its children 5 times in 30 s, all together; the next crash ends the group, and the root restarts it.

Not here: starting and stopping it (system.py), supervision itself (kit/), building its parts (parts.py).
Threads: built on the event loop.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from omi_actors.actors import embedder
from omi_actors.actors.embedder import Embedder, Embedding
from omi_actors.actors.maintenance.answer_sweeper import AnswerSweeper
from omi_actors.actors.maintenance.backplane import BackplaneRunner
from omi_actors.actors.maintenance.eraser import Eraser, OpenErasures
from omi_actors.actors.maintenance.indexer import Indexer
from omi_actors.actors.maintenance.node_lease import Membership, NodeLease, NodeReadings, RenewNodeLease
from omi_actors.actors.metrics_collector import LatestReadings, MetricsCollector
from omi_actors.actors.passwords import CAPACITY as PASSWORDS_MAILBOX
from omi_actors.actors.passwords import PasswordActor
from omi_actors.actors.queue.dispatcher import JobQueue
from omi_actors.actors.queue.workers import Workers
from omi_actors.actors.session.owners import SessionOwners
from omi_actors.actors.session.router import LiveSessions, RouterLimits, SessionRouter
from omi_actors.actors.session.slots import OpenReplies
from omi_actors.actors.session.watchers import SessionWatchers
from omi_actors.backplane.interface import NODES_CHANGED
from omi_actors.errors import StoreError
from omi_actors.kit.dynamic_supervisor import DynamicSupervisor
from omi_actors.kit.errors import ExpectedError
from omi_actors.kit.future import Future
from omi_actors.kit.handle import Handle
from omi_actors.kit.runtime import Runtime
from omi_actors.kit.spec import Backoff, ChildSpec, Incarnation, Restart, Strategy
from omi_actors.kit.supervisor import Supervisor
from omi_actors.parts import (
    JOB_LEASE_S,
    Parts,
    build_backplane,
    build_budget,
    build_guarded_notifier,
    build_janitor,
    build_job_deps,
    build_model_chain,
    build_session_deps,
    build_worker_slots,
)
from omi_actors.store.actors import StoreReader, StoreWriter
from omi_actors.store.engine import StoreConfig, build_dialect
from omi_actors.store.facade import Store
from omi_actors.store.people import erasure
from omi_actors.store.reader_process import ReaderProcess
from omi_actors.store.transaction import NodeIdentity
from omi_actors.store.vacuum import start_vacuum

if TYPE_CHECKING:
    from omi_actors.store.durability import Durability

# Deliveries after which a job is buried: its lease expired this often in a living process, so it blocks its workers.
_MAX_DELIVERIES = 3
# Deaths of the process after which a job that was running each time is buried, since it may be their cause. More than
# above: every running job is suspected alike, and a machine that restarts often must not cost an answer.
_MAX_PROCESS_LOSSES = 10
# Sessions restart at once, every time: a person is speaking. One that crashes on and on is quarantined instead.
_SESSION_BACKOFF = Backoff(min_s=0.0, max_s=0.0)
# Readers of the store: one may be busy with a long page while another loads a session.
_READERS = ("store_reader_1", "store_reader_2")
# Readers of what persons and operators call, and of retention: a page does not wait behind a search.
_COLD_READERS = ("store_reader_cold_1", "store_reader_cold_2")
# Messages that may wait, beyond the default: the router gets every webhook, and the writer every commit.
_ROUTER_MAILBOX = 100_000
_WRITER_MAILBOX = 100_000
# Seconds. Their turns wait for the store, and a step that is cut is taken again; a stop must not wait for a dead store.
_STEP_S = 0.5
# Seconds for the last write of a node that stops. Without it its lease ends by itself.
_LEAVE_S = 2.0

# A supervisor, its strategy, and its children in start order.
_Group = tuple[str, Strategy, tuple[ChildSpec, ...]]


class Tree:
    """The stable handles and the shared objects of a system. Nothing runs until `roots` start, in this order.

    `store_opened` settles when the writer has opened the store for the first time, or has failed to.
    `durability` is written by the system at its start, `store_refusal` by the
    store's writer.
    """

    def __init__(self, runtime: Runtime, parts: Parts) -> None:
        """Build all handles. An actor itself is built when it starts, so that handles may refer to each other.

        Raises:
            StoreError: the settings name no database, or a database without an installed driver.
        """
        settings, clock = parts.settings, parts.clock
        self._runtime, self._parts = runtime, parts
        self.store_opened = _build_opened(parts.on_store_unopened)
        self.durability: Durability | None = None
        self.store_refusal, self.store_refuses_since_mono_s = "", 0.0
        self.readings = LatestReadings(started_mono_s=clock.mono_s())
        self.node_readings, self.open_erasures = NodeReadings(), OpenErasures()
        self.live_sessions = LiveSessions()
        self.model = build_model_chain(settings, (parts.model, *parts.fallbacks), clock)
        self.notifier = build_guarded_notifier(settings, parts.notifier, clock)
        self.budget = build_budget(settings, parts.model.provider, clock)
        self.backplane = build_backplane(parts)
        url = settings.database_url.get_secret_value() if settings.database_url else ""
        self._store_config = StoreConfig(
            url=url,
            data_dir=settings.data_dir,
            clock=parts.store_clock,
            slow_s=settings.slow_statement_threshold_s,
            logs_statements=settings.db_enable_logging,
            must_sync=not settings.allow_unsynced_commits,
        )
        build_dialect(self._store_config, readonly=True)  # refused here, not in an actor that restarts again and again
        # One for all incarnations of the writer: a replacement goes on under the node's incarnation.
        self._node = NodeIdentity(settings.node_name)
        self._open_replies = OpenReplies()
        self._pools = build_worker_slots(settings)
        groups = self._groups()
        self._handles = {spec.name: Handle(spec, runtime) for _, _, specs in groups for spec in specs}
        self.store_writer, self.router = self._handles["store_writer"], self._handles["session_router"]
        self.job_queue, self.workers = self._handles["job_queue"], self._handles["workers"]
        self.store = Store(
            self.store_writer,
            [self._handles[name] for name in _READERS],
            [self._handles[name] for name in _COLD_READERS],
            write_timeout_s=settings.store_write_timeout_s,
            read_timeout_s=settings.store_read_timeout_s,
        )
        self.owners = self._build_owners()
        self._embedding = self._build_embedding()
        self._job_deps = replace(
            build_job_deps(parts, self.store, self.model, self.notifier, self.budget),
            is_awaited=self._open_replies.__contains__,
            find_meaning=self._embedding.find_meaning if self._embedding else None,
        )
        self._session_deps = replace(
            build_session_deps(parts, self.store, self.job_queue, self._pools[0]),
            open_replies=self._open_replies,
            asking=self._job_deps,
            watchers=self.owners.watchers,
        )
        self.roots = [self._supervise(*group) for group in groups]

    @property
    def store_takes_writes(self) -> bool:
        """Return False while the store's writer cannot write; `store_refusal` says why."""
        return not self.store_refusal

    def list_groups(self) -> list[tuple[Handle, list[Handle]]]:
        """Return each group with its children, in start order."""
        specs = [specs for _, _, specs in self._groups()]
        return [(root, [self._handles[one.name] for one in own]) for root, own in zip(self.roots, specs, strict=True)]

    def count_jobs_under_way(self) -> dict[str, int]:
        """Return the worker slots that are held: by answers, and by all other jobs."""
        answers, others = (slots.held_count for slots in self._pools)
        return {"answers": answers, "other_jobs": others}

    @property
    def can_notify(self) -> bool:
        """Return True if jobs can send notifications."""
        return self._session_deps.delivery_rules.can_notify

    @property
    def watchers(self) -> SessionWatchers:
        """Return the callbacks for changes of sessions."""
        return self._session_deps.watchers

    @property
    def janitor(self) -> Handle:
        """Return the janitor's handle."""
        return self._handles["janitor"]

    @property
    def indexer(self) -> Handle:
        """Return the indexer's handle."""
        return self._handles["indexer"]

    @property
    def eraser(self) -> Handle:
        """Return the eraser's handle."""
        return self._handles["eraser"]

    @property
    def passwords(self) -> Handle:
        """Return the handle of the passwords actor."""
        return self._handles["passwords"]

    def _groups(self) -> Sequence[_Group]:
        """Return the table of all fixed children, in start order."""
        settings = self._parts.settings
        each, together = Strategy.ONE_FOR_ONE, Strategy.ONE_FOR_ALL
        store = (
            _child("store_writer", self._build_writer, mailbox_capacity=_WRITER_MAILBOX),
            *(_child(name, self._build_reader, "store_reader") for name in _READERS),
            *(_child(name, self._build_cold_reader, "store_reader") for name in _COLD_READERS),
        )
        node = (
            _child("metrics_collector", self._build_collector),
            _child("node_lease", self._build_node_lease, shutdown_timeout_s=_LEAVE_S),
            _child("backplane_runner", self._build_backplane_runner),
            _child("janitor", lambda: build_janitor(settings, self.store)),
            _child("embedder", Embedder, mailbox_capacity=embedder.CAPACITY),
            _child("indexer", self._build_indexer, shutdown_timeout_s=_STEP_S),
            _child("eraser", self._build_eraser, shutdown_timeout_s=_STEP_S),
            _child("passwords", PasswordActor, mailbox_capacity=PASSWORDS_MAILBOX),
        )
        jobs = (_child("job_queue", self._build_job_queue), _child("workers", self._build_workers))
        sessions = (
            _child("session_supervisor", lambda: DynamicSupervisor(backoff=_SESSION_BACKOFF, observer=self.router)),
            _child("session_router", self._build_router, mailbox_capacity=_ROUTER_MAILBOX),
            _child("answer_sweeper", self._build_sweeper),
        )
        return ("store", each, store), ("node", each, node), ("jobs", together, jobs), ("sessions", each, sessions)

    def _build_writer(self) -> StoreWriter:
        return StoreWriter(
            self._store_config,
            self._node,
            self.store_opened,
            lease_s=self._parts.settings.node_lease_s,
            max_deliveries=_MAX_PROCESS_LOSSES,
            on_availability=self._note_writes,
        )

    def _build_collector(self) -> MetricsCollector:
        return MetricsCollector(self.store, self.readings, self.live_sessions, self._parts.settings.node_name)

    def _build_embedding(self) -> Embedding | None:
        if not self._parts.settings.enable_semantic_recall or embedder.find_installed() is None:
            return None
        return Embedding(self._handles["embedder"], self.store, self._parts.clock)

    def _build_indexer(self) -> Indexer:
        embed = self._embedding.embed if self._embedding else None
        return Indexer(self.store, self._parts.settings.node_name, embed)

    def _build_eraser(self) -> Eraser:
        return Eraser(self.store, self.open_erasures, partial(start_vacuum, self._store_config, erasure.TABLES))

    def _build_reader(self) -> StoreReader:
        return StoreReader(self._store_config, self.store_opened)

    def _build_cold_reader(self) -> StoreReader:
        config = self._store_config
        # A process of its own would not write into the server's log.
        has_process = self._parts.settings.store_reader_processes and not config.logs_statements
        return StoreReader(config, self.store_opened, ReaderProcess(config) if has_process else None)

    def _note_writes(self, refusal: str) -> None:
        """Record why the store takes no writes; "" when it does. Runs in the writer's thread."""
        self.store_refuses_since_mono_s = self._parts.clock.mono_s()
        self.store_refusal = refusal

    def _build_node_lease(self) -> NodeLease:
        parts = self._parts
        return NodeLease(
            self.store,
            self.node_readings,
            parts.on_fenced,
            parts.on_clock_refused,
            max_deliveries=_MAX_DELIVERIES,
            max_losses=_MAX_PROCESS_LOSSES,
            lease_s=parts.settings.node_lease_s,
            membership=Membership(
                presence=lambda: self.owners.presence,
                set_members=self.owners.set_members,
                tell_others=partial(self.backplane.wake, NODES_CHANGED),
                is_leaving=lambda: self.owners.is_leaving,
            ),
        )

    def _build_owners(self) -> SessionOwners:
        settings = self._parts.settings
        owners = SessionOwners(
            settings.node_name,
            settings.node_address,
            runtime=self._runtime,
            live_sessions=self.live_sessions,
            router=self.router,
            open_replies=self._open_replies,
            backplane=self.backplane,
        )
        owners.on_presence = lambda: self._handles["node_lease"].tell(RenewNodeLease())
        return owners

    def _build_backplane_runner(self) -> BackplaneRunner:
        sweeper, node_lease = self._handles["answer_sweeper"], self._handles["node_lease"]
        return BackplaneRunner(self.backplane, self.job_queue, sweeper, node_lease, self._open_replies)

    def _build_job_queue(self) -> JobQueue:
        return JobQueue(self.store, self.workers, self._pools, self.backplane.wake, lease_s=JOB_LEASE_S)

    def _build_workers(self) -> Workers:
        hint = self.backplane.send_answered
        return Workers(self._job_deps, self.job_queue, self.owners, lease_s=JOB_LEASE_S, hint_answered=hint)

    def _build_router(self) -> SessionRouter:
        settings = self._parts.settings
        limits = RouterLimits(settings.session_idle_s, settings.max_live_sessions)
        return SessionRouter(self.live_sessions, self._handles["session_supervisor"], self._new_session, limits)

    def _build_sweeper(self) -> AnswerSweeper:
        return AnswerSweeper(self.store, self.owners, self._open_replies, self._parts.settings.node_name)

    def _new_session(self, session_key: str) -> Handle:
        """Return the stable handle of a session that the router is about to start."""
        build = partial(self._parts.build_session, self._session_deps, session_key)
        capacity = self._parts.settings.session_mailbox_capacity
        spec = ChildSpec(session_key, "session", build, restart=Restart.TRANSIENT, mailbox_capacity=capacity)
        return Handle(spec, self._runtime)

    def _supervise(self, name: str, strategy: Strategy, specs: Sequence[ChildSpec]) -> Handle:
        """Return a supervisor of these children. It may stop without a time limit, since each child has a limit."""
        children = [self._handles[spec.name] for spec in specs]
        build = partial(Supervisor, children, strategy=strategy)
        return Handle(ChildSpec(f"{name}_group", "supervisor", build, shutdown_timeout_s=math.inf), self._runtime)


def _child(
    name: str,
    build: Callable[[], Incarnation],
    kind: str = "",
    mailbox_capacity: int = 1_000,
    shutdown_timeout_s: float = 5.0,
) -> ChildSpec:
    return ChildSpec(
        name, kind or name, build, mailbox_capacity=mailbox_capacity, shutdown_timeout_s=shutdown_timeout_s
    )


def _build_opened(on_unopened: Callable[[], object]) -> Future[None]:
    """Return the future of the store's opening. If the store fails to open, it calls `on_unopened` at once."""

    def note(opened: Future[None]) -> None:
        try:
            opened.result()
        except StoreError:
            on_unopened()
        except ExpectedError:  # another part could not start; the lines about it must stay
            return

    opened: Future[None] = Future()
    opened.add_done_callback(note)
    return opened
