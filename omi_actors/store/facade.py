"""The store's interface for other actors: five methods run a statement function and return a future.

Not here: the statement functions (a module per subject), the actors that run them (actors.py). Threads: any; no method
blocks.
"""

import itertools
from collections.abc import Callable, Sequence
from typing import Concatenate, ParamSpec, TypeVar

from omi_actors.domain.sessions.records import SessionCommit
from omi_actors.kit.future import Future
from omi_actors.kit.handle import Handle
from omi_actors.store.messages import Apply, ApplyAlone, Call, ColdQuery, CommitSession, Query
from omi_actors.store.transaction import EntityTransaction, Transaction

P = ParamSpec("P")
R = TypeVar("R")

# Labels of read durations that differ from the function's name.
_LABELS = {"count_queue": "queue_counts"}


class Store:
    """Sends writes to the writer and queries to the readers. A write's future settles after COMMIT and sync.

    Every future fails with StoreUnavailableError or another StoreError, with MailboxFullError, ActorUnavailableError,
    or with AskTimeoutError, after which the write may be stored or not.

        await store.commit(commit)
        claimed = await store.write(jobs.claim_jobs, kinds=("answer",), limit=2, lease_s=30.0)
        record = await store.read(sessions.load_session, "omi:ada", recent=20)
        page = await store.read_cold(queue_admin.list_jobs, chosen, before=None, limit=50)
    """

    def __init__(
        self,
        writer: Handle,
        readers: Sequence[Handle],
        cold_readers: Sequence[Handle],
        *,
        write_timeout_s: float,
        read_timeout_s: float,
    ) -> None:
        self._writer = writer
        self._readers = tuple(readers)
        self._cold_readers = tuple(cold_readers)
        # Takes the cold readers in turns: one that is busy may have no waiting query.
        self._turns = itertools.count()
        self._write_timeout_s = write_timeout_s
        self._read_timeout_s = read_timeout_s

    def commit(self, commit: SessionCommit) -> Future[None]:
        """Store one turn, completely or not at all; the fast path. Fails with FencedError if its epoch is old."""
        return self._writer.ask(CommitSession(commit), timeout_s=self._write_timeout_s)

    def write(self, work: Callable[Concatenate[Transaction, P], R], /, *args: P.args, **kwargs: P.kwargs) -> Future[R]:
        """Run `work` in the writer's next group; it may run twice. A function that enqueues jobs needs `@enqueues`.

        The writer reads the mark from the function, so a lambda or a bound method must not enqueue.
        """
        return self._writer.ask(Apply(Call(work, *args, **kwargs)), timeout_s=self._write_timeout_s)

    def write_alone(
        self, work: Callable[Concatenate[EntityTransaction, P], R], /, *args: P.args, **kwargs: P.kwargs
    ) -> Future[R]:
        """Run `work` with Pony's entities in its own transaction, between two group commits; it may run twice.

        Group commits wait for it, so it changes at most 200 rows. Fails with DuplicateError if a unique value is taken.
        """
        return self._writer.ask(ApplyAlone(Call(work, *args, **kwargs)), timeout_s=self._write_timeout_s)

    def read(self, work: Callable[Concatenate[Transaction, P], R], /, *args: P.args, **kwargs: P.kwargs) -> Future[R]:
        """Run `work` on a snapshot, by the reader with the fewest waiting queries. Its name is the metric label."""
        name = _LABELS.get(work.__name__, work.__name__)
        return self._ask_reader(Query(name, Call(work, *args, **kwargs)))

    def read_apart(
        self, work: Callable[Concatenate[Transaction, P], R], /, *args: P.args, **kwargs: P.kwargs
    ) -> Future[R]:
        """Run `work` as `read` does, but each of its statements on a snapshot of its own: no other round trips."""
        return self._ask_reader(Query(work.__name__, Call(work, *args, **kwargs), is_apart=True))

    def _ask_reader(self, query: Query[R]) -> Future[R]:
        reader = min(self._readers, key=lambda handle: len(handle.mailbox))
        return reader.ask(query, timeout_s=self._read_timeout_s)

    def read_cold(
        self, work: Callable[Concatenate[EntityTransaction, P], R], /, *args: P.args, **kwargs: P.kwargs
    ) -> Future[R]:
        """Run `work` with Pony's entities on a snapshot, by one of the readers that sessions do not use."""
        return self._ask_cold(ColdQuery(work.__name__, Call(work, *args, **kwargs)))

    def read_cold_apart(
        self, work: Callable[Concatenate[Transaction, P], R], /, *args: P.args, **kwargs: P.kwargs
    ) -> Future[R]:
        """Run `work` by a reader that sessions do not use, each of its statements on a snapshot of its own."""
        return self._ask_cold(Query(work.__name__, Call(work, *args, **kwargs), is_apart=True))

    def _ask_cold(self, query: ColdQuery[R] | Query[R]) -> Future[R]:
        first = next(self._turns) % len(self._cold_readers)
        in_turn = (*self._cold_readers[first:], *self._cold_readers[:first])
        reader = min(in_turn, key=lambda handle: len(handle.mailbox))
        return reader.ask(query, timeout_s=self._read_timeout_s)
