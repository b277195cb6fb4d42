"""The supervision tree: which actors there are, who watches whom, in which order they start.

Not here: starting and stopping it (system.py), how supervision works (kit/), what the actors do, and
what they get (parts.py).
Threads: built on the event loop.

root (one_for_one, 3 restarts in 30 s, then the process ends)
├─ store (one_for_one)      store_writer, store_reader_1 … n
├─ node (one_for_one)       metrics_collector, node_lease, backplane_runner, janitor
├─ jobs (one_for_all)       job_queue, workers
└─ sessions (one_for_one)   session_supervisor → one actor a session, session_router, answer_sweeper
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

from omi_actors.actors.maintenance.answer_sweeper import AnswerSweeper
from omi_actors.actors.maintenance.backplane import BackplaneRunner
from omi_actors.actors.maintenance.node_lease import LEASE_S as NODE_LEASE_S
from omi_actors.actors.maintenance.node_lease import NodeLease
from omi_actors.actors.metrics_collector import Board, MetricsCollector
from omi_actors.actors.queue.dispatcher import JobQueue, QueueLimits
from omi_actors.actors.queue.workers import Workers
from omi_actors.actors.session.actor import SessionDeps
from omi_actors.actors.session.router import Directory, RouterLimits, SessionRouter
from omi_actors.actors.session.slots import OpenReplies
from omi_actors.backplane.interface import Backplane
from omi_actors.clients.model_chain import ModelChain
from omi_actors.clients.omi_api import GuardedNotifier
from omi_actors.jobs.kinds import BudgetGuard
from omi_actors.kit.dynamic_supervisor import DynamicSupervisor
from omi_actors.kit.future import Future
from omi_actors.kit.handle import Handle, new_handle
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
from omi_actors.store.transaction import NodeIdentity

# A job whose lease ran out this often, while the process lived, blocks its workers; it is buried.
_MAX_DELIVERIES = 3
# A job that was under way at this many deaths of the process may be their cause; it is buried. More than above, since
# every job under way is suspected alike, and a machine that restarts again and again must not cost an answer.
_MAX_PROCESS_LOSSES = 10
# Sessions restart at once, every time: a person is speaking. One that crashes on and on is quarantined instead.
_SESSION_BACKOFF = Backoff(min_s=0.0, max_s=0.0)
# Readers of the store: one may be busy with a long page while another loads a session.
_READERS = 2
# Messages that may wait: few for most; the router sees every webhook, and the writer every commit, of all sessions.
_MAILBOX = 1_000
_ROUTER_MAILBOX = 100_000
_WRITER_MAILBOX = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    """The stable handles of a system, before it is started. `roots` are the root's children in start order.

    `store_opened` settles when the writer has opened the store for the first time, or could not.
    """

    roots: Sequence[Handle]
    store: Store
    store_opened: Future[None]
    store_writer: Handle
    job_queue: Handle
    workers: Handle
    router: Handle
    directory: Directory
    board: Board
    model: ModelChain
    notifier: GuardedNotifier | None
    budget: BudgetGuard
    backplane: Backplane


def build_tree(runtime: Runtime, parts: Parts) -> Tree:
    """Return the tree; nothing runs yet. An actor is built when it starts, so handles may name each other.

    Raises:
        StoreError: the settings name no database, or one without an installed driver.
    """
    opened: Future[None] = Future()
    board, directory, replies = Board(started_mono_s=parts.clock.mono_s()), Directory(), OpenReplies()
    model, notifier, budget = (
        build_model_chain(parts.settings, (parts.model, *parts.fallbacks), parts.clock),
        build_guarded_notifier(parts.settings, parts.notifier, parts.clock),
        build_budget(parts.settings, parts.model.provider, parts.clock),
    )
    store, store_handles = _build_store(runtime, parts, opened, board)
    collector = _child(runtime, "metrics_collector", lambda: MetricsCollector(store, board, directory))
    keeper = _child(runtime, "node_lease", lambda: NodeLease(store, parts.on_fenced))
    backplane = build_backplane(parts)
    carrier = _child(runtime, "backplane_runner", lambda: BackplaneRunner(backplane, job_queue, sweeper, replies))
    janitor = _child(runtime, "janitor", lambda: build_janitor(parts.settings, store))
    job_deps = replace(build_job_deps(parts, store, model, notifier, budget), is_awaited=replies.__contains__)
    pools = build_worker_slots(parts.settings)
    limits = QueueLimits(JOB_LEASE_S, _MAX_DELIVERIES)
    job_queue = _child(runtime, "job_queue", lambda: JobQueue(store, workers, pools, limits, backplane.wake))
    workers = _child(
        runtime,
        "workers",
        lambda: Workers(job_deps, job_queue, router, lease_s=JOB_LEASE_S, hint_answered=backplane.tell_answered),
    )
    session_deps = replace(build_session_deps(parts, store, job_queue, pools[0]), open_replies=replies)
    new_session = _session_maker(runtime, parts, session_deps)
    sessions = _child(
        runtime, "session_supervisor", lambda: DynamicSupervisor(backoff=_SESSION_BACKOFF, observer=router)
    )
    router_limits = RouterLimits(parts.settings.session_idle_s, parts.settings.max_live_sessions)
    router = _child(
        runtime,
        "session_router",
        lambda: SessionRouter(directory, sessions, new_session, router_limits),
        mailbox_capacity=_ROUTER_MAILBOX,
    )
    sweeper = _child(runtime, "answer_sweeper", lambda: AnswerSweeper(store, router, replies, parts.settings.node_name))
    return Tree(
        roots=(
            _group(runtime, "store", store_handles),
            _group(runtime, "node", (collector, keeper, carrier, janitor)),
            _group(runtime, "jobs", (job_queue, workers), Strategy.ONE_FOR_ALL),
            _group(runtime, "sessions", (sessions, router, sweeper)),
        ),
        store=store,
        store_opened=opened,
        store_writer=store_handles[0],
        job_queue=job_queue,
        workers=workers,
        router=router,
        directory=directory,
        board=board,
        model=model,
        notifier=notifier,
        budget=budget,
        backplane=backplane,
    )


def _build_store(
    runtime: Runtime, parts: Parts, opened: Future[None], board: Board
) -> tuple[Store, tuple[Handle, ...]]:
    """Return the store and its handles: the writer, then the readers."""
    settings = parts.settings
    url = settings.database_url.get_secret_value() if settings.database_url else ""
    config = StoreConfig(url=url, data_dir=settings.data_dir)
    build_dialect(config, readonly=True)  # to be refused here, and not in an actor that is started again and again
    node = NodeIdentity(settings.node_name)
    writer = _child(
        runtime,
        "store_writer",
        lambda: StoreWriter(
            config,
            node,
            opened,
            lease_s=NODE_LEASE_S,
            max_deliveries=_MAX_PROCESS_LOSSES,
            on_availability=board.note_writes,
        ),
        mailbox_capacity=_WRITER_MAILBOX,
    )
    readers = [
        _child(runtime, f"store_reader_{number}", lambda: StoreReader(config, opened), kind="store_reader")
        for number in range(1, _READERS + 1)
    ]
    store = Store(
        writer,
        readers,
        write_timeout_s=settings.store_write_timeout_s,
        read_timeout_s=settings.store_read_timeout_s,
    )
    return store, (writer, *readers)


def _session_maker(runtime: Runtime, parts: Parts, deps: SessionDeps) -> Callable[[str], Handle]:
    """Return what makes the stable handle of a session that is yet to be started."""
    capacity = parts.settings.session_mailbox_capacity

    def new_session(session_key: str) -> Handle:
        build = partial(parts.build_session, deps, session_key)
        spec = ChildSpec(session_key, "session", build, restart=Restart.TRANSIENT, mailbox_capacity=capacity)
        return new_handle(spec, runtime)

    return new_session


def _child(
    runtime: Runtime,
    name: str,
    build: Callable[[], Incarnation],
    *,
    kind: str = "",
    mailbox_capacity: int = _MAILBOX,
) -> Handle:
    return new_handle(ChildSpec(name, kind or name, build, mailbox_capacity=mailbox_capacity), runtime)


def _group(
    runtime: Runtime, name: str, children: Sequence[Handle], strategy: Strategy = Strategy.ONE_FOR_ONE
) -> Handle:
    """Return a supervisor of fixed children; how long it may take to stop is its children's business."""
    spec = ChildSpec(
        f"{name}_group", "supervisor", partial(Supervisor, children, strategy=strategy), shutdown_timeout_s=math.inf
    )
    return new_handle(spec, runtime)
