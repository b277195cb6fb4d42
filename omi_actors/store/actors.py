"""The store's actors: the writer, which stores all waiting writes as one group, and the readers.

Not here: transactions (engine.py), the facade for other actors (facade.py). Threads: each actor has its own, which
owns its engine.
"""

from collections import Counter, deque
from collections.abc import Callable, Sequence
from functools import partial
from types import TracebackType
from typing import Any, ClassVar

from omi_actors.errors import (
    FencedError,
    LeaseLostError,
    StartFailedError,
    StoreError,
    StoreUnavailableError,
)
from omi_actors.instruments import metrics
from omi_actors.instruments.latencies import COMMIT, RECORDERS
from omi_actors.instruments.logs import get_logger
from omi_actors.kit.errors import ActorUnavailableError
from omi_actors.kit.future import Future
from omi_actors.kit.messages import Envelope
from omi_actors.kit.thread_actor import ThreadActor
from omi_actors.store.engine import Engine, Outcome, StoreConfig
from omi_actors.store.messages import Apply, ApplyAlone, ColdQuery, CommitSession, NextAlone, Query, comes_late
from omi_actors.store.nodes import register_node
from omi_actors.store.reader_process import ReaderProcess
from omi_actors.store.transaction import EntityTransaction, NodeIdentity

_log = get_logger(__name__)

# Seconds that readers wait for the writer, which may have a large file to upgrade first.
_OPEN_TIMEOUT_S = 600.0
# Outcome labels, cached: looking a label up costs more than counting.
_COMMITS = {outcome: metrics.STORE_COMMITS.labels(outcome) for outcome in ("stored", "fenced", "failed", "unavailable")}


class StoreWriter(ThreadActor):
    """Makes all writes, in groups. Writes that arrive while one group is synced form the next group.

    State it owns: the writing connection, and writes that wait to run alone. Messages it takes: CommitSession, Apply,
    ApplyAlone, NextAlone. Messages it sends: NextAlone to itself. What kills it: an unexpected error.
    What survives a restart: all writes with a reply, and the rest of its mailbox.
    The first writer of a process registers the node; later writers of the process use the same incarnation.
    """

    batch_max: ClassVar[int] = 256

    def __init__(
        self,
        config: StoreConfig,
        node: NodeIdentity,
        opened: Future[None],
        *,
        lease_s: float,
        max_deliveries: int,
        on_availability: Callable[[str], object] = str,
    ) -> None:
        """Make a writer. Its first attempt to open the store settles `opened`, with the error if it fails.

        `on_availability` is called in this actor's thread: with the reason when writing begins to fail, with "" when
        it works again.
        """
        super().__init__()
        self._opened = opened
        self._node = node
        self._engine = Engine(config, node)
        self._slow_s = config.slow_s
        self._register = partial(register_node, lease_s=lease_s, max_deliveries=max_deliveries)
        self._alone: deque[tuple[Callable[[EntityTransaction], Any], Future[Any] | None]] = deque()
        self._is_available = True
        self._on_availability = on_availability

    def on_start(self) -> None:
        """Open the store, and register the node if this process has not done so yet."""
        try:
            self._open()
        except StoreError as exc:
            # At the first start the system gets this error and ends the process: a restart would not help.
            if not self._opened.try_fail(exc):
                raise
            return
        self._on_availability("")
        self._opened.try_set(None)

    def _open(self) -> None:
        self._engine.open()
        if self._node.incarnation:
            return
        outcome = self._engine.commit_group([self._register])[0]
        if outcome.error is not None:
            raise outcome.error
        found = outcome.value
        self._node.incarnation = found.incarnation
        for channel in found.unknown_channels:
            metrics.DELIVERIES.labels(channel or "none", "unknown").inc()
        was_cut = found.jobs_taken_back or found.unknown_deliveries
        (_log.info if was_cut else _log.debug)(
            "node_registered",
            node=self._node.name,
            incarnation=found.incarnation,
            jobs_taken_back=found.jobs_taken_back,
            unknown_deliveries=found.unknown_deliveries,
        )

    def on_stop(self) -> None:
        """Close the store."""
        self._fail_alone()
        self._engine.close()

    def on_failure(
        self, _type: type[BaseException] | None, _value: BaseException | None, _trace: TracebackType | None
    ) -> None:
        """Close the store, so that the replacement can open it."""
        self._fail_alone()
        self._engine.close()

    def receive_batch(self, envelopes: Sequence[Envelope]) -> None:
        """Store all waiting writes as one group, then run at most one write alone. Reply after the commit."""
        group = [envelope for envelope in envelopes if hasattr(envelope.message, "write")]
        if len(group) < len(envelopes):
            self._take_alone(envelopes)
        if group:
            self._store_group(group)
        if self._alone:
            self._run_next_alone()

    def _store_group(self, envelopes: Sequence[Envelope]) -> None:
        started = self.runtime.clock.mono_s()
        envelopes = sorted(envelopes, key=lambda envelope: comes_late(envelope.message.write))
        outcomes = self._engine.commit_group([envelope.message.write for envelope in envelopes])
        seconds = self.runtime.clock.mono_s() - started
        if seconds >= self._slow_s:
            sync_s = self._engine.sync_s
            part = "sync" if sync_s > seconds / 2 else "statements"
            _note_slow("commit", seconds, writes=len(outcomes), slow_stage=part, sync_ms=round(sync_s * 1e3, 1))
        metrics.STORE_COMMIT_SECONDS.observe(seconds)
        RECORDERS[COMMIT].note(seconds)
        metrics.STORE_GROUP_SIZE.observe(len(outcomes))
        self._settle([envelope.reply_to for envelope in envelopes], outcomes)

    def _take_alone(self, envelopes: Sequence[Envelope]) -> None:
        """Keep the writes that run alone, with their replies; they run later, one at a time."""
        for envelope in envelopes:
            match envelope.message:
                case ApplyAlone(work):
                    self._alone.append((work, envelope.reply_to))
                    envelope.reply_to = None
                case CommitSession() | Apply() | NextAlone():
                    pass
                case unknown:
                    super().receive(unknown)

    def _run_next_alone(self) -> None:
        work, reply = self._alone[0]
        if reply is None or not reply.done:
            self._settle([reply], [self._engine.write_alone(work)])
        self._alone.popleft()
        if self._alone:
            self.handle.tell_always(NextAlone())  # behind what has arrived meanwhile: the next group

    def _fail_alone(self) -> None:
        for _, reply in self._alone:
            if reply is not None:
                reply.try_fail(ActorUnavailableError("the store's writer has ended"))

    def _settle(self, replies: Sequence[Future[Any] | None], outcomes: Sequence[Outcome]) -> None:
        """Count the outcomes of the writes, and reply to each."""
        errors = [outcome.error for outcome in outcomes if outcome.error is not None]
        _COMMITS["stored"].inc(len(outcomes) - len(errors))
        if errors:
            _count_errors(errors)
        self._note_availability(outcomes)
        for reply, outcome in zip(replies, outcomes, strict=True):
            if reply is None:
                continue
            if outcome.error is None:
                reply.try_set(outcome.value)
            else:
                reply.try_fail(outcome.error)

    def _note_availability(self, outcomes: Sequence[Outcome]) -> None:
        """Log when writing begins to fail, and when it works again."""
        error = next((one.error for one in outcomes if isinstance(one.error, StoreUnavailableError)), None)
        # A claim that finds no job succeeds on a full disk, too: only a change proves that the store takes writes.
        is_available = error is None and (self._is_available or self._engine.has_changed)
        if is_available != self._is_available:
            self._is_available = is_available
            self._on_availability("" if is_available else str(error) or type(error).__name__)
            if is_available:
                _log.warning("store_available_again")
            else:
                _log.error("store_unavailable", reason=str(error))


class StoreReader(ThreadActor):
    """Runs queries, one at a time.

    State it owns: a reading connection, and the `process` that runs what is read apart, if it has one. Messages it
    takes: Query, ColdQuery. Messages it sends: none. What kills it: an unexpected error. What survives a restart: its
    mailbox.
    """

    def __init__(self, config: StoreConfig, opened: Future[None], process: ReaderProcess | None = None) -> None:
        """Make a reader. It waits for `opened`, which the writer settles: before, the schema may not exist."""
        super().__init__()
        self._opened = opened
        self._engine = Engine(config, NodeIdentity("reader"), readonly=True)
        self._process = process
        self._slow_s = config.slow_s

    def on_start(self) -> None:
        """Wait until the writer has opened the store, then connect. If it fails, do nothing: it reports the error."""
        try:
            self._opened.get(timeout=_OPEN_TIMEOUT_S)
        except (StoreError, StartFailedError):
            return
        self._engine.open()

    def on_stop(self) -> None:
        """Disconnect."""
        self._close()

    def on_failure(
        self, _type: type[BaseException] | None, _value: BaseException | None, _trace: TracebackType | None
    ) -> None:
        """Disconnect."""
        self._close()

    def _close(self) -> None:
        if self._process is not None:
            self._process.stop()
        self._engine.close()

    def receive(self, message: object) -> Any:
        """Run one query and return its result."""
        match message:
            case Query(name, read, True) if self._process is not None and self._process.is_ready():
                return self._answer(name, partial(self._process.read, read))
            case Query(name, read, is_apart):
                return self._answer(name, partial(self._engine.read, read, is_apart=is_apart))
            case ColdQuery(name, read):
                return self._answer(name, partial(self._engine.read_cold, read))
            case _:
                return super().receive(message)

    def _answer(self, name: str, look_up: Callable[[], Any]) -> Any:
        started = self.runtime.clock.mono_s()
        try:
            return look_up()
        except StoreError as exc:
            metrics.STORE_ERRORS.labels(_kind_of(exc)).inc()
            raise
        finally:
            seconds = self.runtime.clock.mono_s() - started
            if seconds >= self._slow_s:
                _note_slow(name, seconds)
            metrics.STORE_READ_SECONDS.labels(name).observe(seconds)


def _note_slow(name: str, seconds: float, **more: str | float) -> None:
    """Log a slow read or commit by its name; the line stands among those of the request that waited."""
    _log.warning("slow statement", statement=name, ms=round(seconds * 1e3, 1), **more)


def _count_errors(errors: Sequence[StoreError]) -> None:
    for kind, count in Counter(map(_kind_of, errors)).items():
        _COMMITS["failed" if kind == "refused" else kind].inc(count)
        if kind != "fenced":
            metrics.STORE_ERRORS.labels(kind).inc(count)
    refused = [error for error in errors if _kind_of(error) == "refused"]
    if refused:
        _log.warning("store_refused_writes", reason=str(refused[0]), count=len(refused))


def _kind_of(error: StoreError) -> str:
    match error:
        case StoreUnavailableError():
            return "unavailable"
        case FencedError() | LeaseLostError():
            return "fenced"
        case _:
            return "refused"
