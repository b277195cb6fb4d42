"""The store as the other actors see it: one method per thing to store or to look up, each a future.

Not here: how it is done (actors.py, engine.py, a module per subject). Threads: any; no method blocks.
"""

from collections.abc import Callable, Sequence
from functools import partial
from time import monotonic
from typing import TypeVar

from omi_actors.domain.answers.delivery_records import DeliveryChange, WaitingAnswer
from omi_actors.domain.answers.notifications import NotificationBegun, NotificationEnd, NotificationLimits
from omi_actors.domain.sessions.chat import KnownQuestion
from omi_actors.domain.sessions.records import AnswerContext, AnswerDone, SessionCommit, SessionRecord, Transcript
from omi_actors.domain.work.jobs import ClaimedJob, NewJob, QueueCounts
from omi_actors.domain.work.retention import Cutoffs
from omi_actors.kit.future import Future
from omi_actors.kit.handle import Handle
from omi_actors.store import answers as deliveries
from omi_actors.store import dead_jobs as lost_jobs
from omi_actors.store import erasure, given_up, jobs, nodes, notifications, questions, retention, sessions
from omi_actors.store import queue_state as queue_counts
from omi_actors.store.messages import Apply, CommitSession, Query
from omi_actors.store.retention import Pruned, StalePage
from omi_actors.store.transaction import Transaction

R = TypeVar("R")


class Store:
    """Asks the writer and the readers. A write's future settles after COMMIT and sync.

    Every future fails with StoreUnavailableError or another StoreError, with MailboxFullError, ActorUnavailableError,
    or with AskTimeoutError: then nobody knows whether it was stored.
    """

    def __init__(
        self, writer: Handle, readers: Sequence[Handle], *, write_timeout_s: float, read_timeout_s: float
    ) -> None:
        self._writer = writer
        self._readers = tuple(readers)
        self._write_timeout_s = write_timeout_s
        self._read_timeout_s = read_timeout_s

    # --- sessions

    def commit_session(self, commit: SessionCommit) -> Future[None]:
        """Store one turn, all of it or nothing. Fails with FencedError when the session has moved on."""
        return self._writer.ask(CommitSession(commit), timeout_s=self._write_timeout_s)

    def commit_leased(self, commit: SessionCommit, *, token: str, lease_s: float) -> Future[ClaimedJob | None]:
        """Store one turn and lease the first of its jobs, if its lane is free. Fails as `commit_session` does."""
        return self._apply(partial(jobs.commit_leased, commit=commit, token=token, lease_s=lease_s))

    def load_session(
        self, session_key: str, *, recent: int, asked: int = 0, answers_since: float = 0.0
    ) -> Future[SessionRecord | None]:
        """Load a session: latest `recent` segments, places of its latest `asked` questions, and its open answers.

        Answers made before `answers_since` (UTC seconds) are left out.
        """
        return self._ask(
            "load_session",
            partial(
                sessions.load_session,
                session_key=session_key,
                recent=recent,
                asked=asked,
                answers_since=answers_since,
            ),
        )

    def load_listening(self, *, node: str, until: float, limit: int) -> Future[tuple[str, ...]]:
        """Load the keys of sessions that waited for the rest of a question until then (UTC seconds), or longer ago."""
        return self._ask("load_listening", partial(sessions.load_listening, node=node, until=until, limit=limit))

    def find_segments(self, session_id: str, keys: Sequence[str]) -> Future[dict[str, int]]:
        """Return which of `keys` the session holds, with their versions (domain/sessions/transcript.py)."""
        return self._ask("find_segments", partial(sessions.find_segments, session_id=session_id, keys=keys))

    def load_transcript(
        self, session_key: str, *, after_seq: int, limit: int, messages: int
    ) -> Future[Transcript | None]:
        """Load a page of segments after `after_seq`, and the latest messages."""
        return self._ask(
            "load_transcript",
            partial(
                sessions.load_transcript, session_key=session_key, after_seq=after_seq, limit=limit, messages=messages
            ),
        )

    def load_answer_context(
        self, session_id: str, *, choose_rows: Callable[[str], tuple[int, int]]
    ) -> Future[AnswerContext]:
        """Load what an answer may know; `choose_rows` tells how many segments and messages its space takes."""
        return self._ask(
            "load_answer_context",
            partial(sessions.load_answer_context, session_id=session_id, choose_rows=choose_rows),
        )

    def load_space(self, session_key: str) -> Future[str | None]:
        """Load the space that a session is in; None if there is no such session."""
        return self._ask("load_space", partial(sessions.load_space, session_key=session_key))

    def delete_session(self, session_key: str) -> Future[bool]:
        """Delete a session and all text of it; False if there was none."""
        return self._apply(partial(erasure.delete_session, session_key=session_key))

    def delete_account(self, account_id: str) -> Future[bool]:
        """Delete an account and all text of it; False if there was none."""
        return self._apply(partial(erasure.delete_account, account_id=account_id))

    # --- typed questions

    def find_question(self, idempotency_key: str) -> Future[KnownQuestion | None]:
        """Find a question that was asked before, and its answer."""
        return self._ask("find_question", partial(questions.find_question, idempotency_key=idempotency_key))

    def cancel_question(self, job_id: str) -> Future[bool]:
        """Call off a question that is not answered yet; False if it is."""
        return self._apply(partial(questions.cancel_question, job_id=job_id))

    # --- jobs

    def claim_jobs(self, *, kinds: Sequence[str], limit: int, lease_s: float) -> Future[list[ClaimedJob]]:
        """Take up to `limit` jobs that may run now, the most urgent first."""
        return self._apply(partial(jobs.claim_jobs, kinds=kinds, limit=limit, lease_s=lease_s))

    def heartbeat_jobs(self, tokens: Sequence[str], *, lease_s: float) -> Future[frozenset[str]]:
        """Lease on; return the tokens that still hold their job."""
        return self._apply(partial(jobs.heartbeat_jobs, tokens=tokens, lease_s=lease_s))

    def complete_answer(self, done: AnswerDone) -> Future[None]:
        """Finish an answer job with its answer and delivery. Fails with LeaseLostError."""
        return self._apply(partial(jobs.complete_answer, done=done))

    def retry_job(self, job_id: str, token: str, *, run_at: float, error: str, is_counted: bool = True) -> Future[None]:
        """Put a failed job back for `run_at` (UTC seconds). Fails with LeaseLostError."""
        retry = partial(jobs.retry_job, job_id=job_id, token=token, run_at=run_at, error=error, is_counted=is_counted)
        return self._apply(retry)

    def bury_job(self, job_id: str, token: str, *, error: str, failure: AnswerDone | None) -> Future[None]:
        """Give a job up, with the sentence that says so; None lets the store say it. Fails with LeaseLostError."""
        return self._apply(partial(given_up.bury_job, job_id=job_id, token=token, error=error, failure=failure))

    def release_job(self, job_id: str, token: str) -> Future[None]:
        """Hand a job back as if never claimed. Fails with LeaseLostError."""
        return self._apply(partial(jobs.release_job, job_id=job_id, token=token))

    def reap_jobs(self, *, max_deliveries: int) -> Future[int]:
        """Take back jobs whose lease ran out; return their number."""
        return self._apply(partial(lost_jobs.reap_jobs, max_deliveries=max_deliveries))

    def queue_counts(self) -> Future[QueueCounts]:
        """Count jobs by state."""
        return self._ask("queue_counts", queue_counts.count_queue)

    # --- deliveries and notifications

    def change_delivery(self, change: DeliveryChange) -> Future[bool]:
        """Make one step of a delivery; False if it does not stand where the step begins."""
        return self._apply(partial(deliveries.change_delivery, change=change))

    def load_waiting_answers(self, *, node: str, until: float, limit: int) -> Future[tuple[WaitingAnswer, ...]]:
        """Load the oldest answers made before `until` (UTC seconds) that nobody has begun to give."""
        return self._ask(
            "load_waiting_answers", partial(deliveries.load_waiting_answers, node=node, until=until, limit=limit)
        )

    def load_unsettled_answers(self, *, node: str, until: float, limit: int) -> Future[tuple[WaitingAnswer, ...]]:
        """Load answers whose reply was begun before `until` (UTC seconds), and whose end nobody has told."""
        return self._ask(
            "load_unsettled_answers", partial(deliveries.load_unsettled_answers, node=node, until=until, limit=limit)
        )

    def load_answers(self, job_ids: Sequence[str]) -> Future[tuple[WaitingAnswer, ...]]:
        """Load the answers of these jobs as far as they are stored, wherever their deliveries stand."""
        return self._ask("load_answers", partial(deliveries.load_answers, job_ids=job_ids))

    def enqueue_notification(self, change: DeliveryChange, job: NewJob) -> Future[bool]:
        """Choose the notification for a delivery and enqueue its job; False if the delivery has moved on."""
        return self._apply(partial(notifications.enqueue_notification, change=change, job=job))

    def begin_notification(
        self, job: ClaimedJob, delivery_id: str, limits: NotificationLimits
    ) -> Future[NotificationBegun]:
        """Commit the intent to notify, or finish the job if there is none. Fails with LeaseLostError."""
        return self._apply(
            partial(
                notifications.begin_notification,
                job_id=job.job_id,
                token=job.token,
                delivery_id=delivery_id,
                limits=limits,
            )
        )

    def end_notification(self, end: NotificationEnd) -> Future[None]:
        """Record what became of a notification. Fails with LeaseLostError."""
        return self._apply(partial(notifications.end_notification, end=end))

    # --- retention

    def find_stale(self, after: str, cutoffs: Cutoffs, *, limit: int) -> Future[StalePage]:
        """Look through up to `limit` sessions after that id for what has been kept long enough."""
        return self._ask("find_stale", partial(retention.find_stale, after=after, cutoffs=cutoffs, limit=limit))

    def prune_session(self, session_id: str, cutoffs: Cutoffs, *, limit: int) -> Future[Pruned]:
        """Delete up to `limit` old rows of each kind of a session."""
        return self._apply(partial(retention.prune_session, session_id=session_id, cutoffs=cutoffs, limit=limit))

    def prune_work(self, cutoffs: Cutoffs, *, limit: int) -> Future[Pruned]:
        """Delete up to `limit` finished jobs and old counts of use."""
        return self._apply(partial(retention.prune_work, cutoffs=cutoffs, limit=limit))

    def scrub(self) -> Future[None]:
        """Let what was deleted leave the database's files."""
        return self._apply(retention.scrub)

    # --- the node

    def node_heartbeat(self, *, lease_s: float) -> Future[bool]:
        """Say that this process lives; False when another one has taken its name."""
        return self._apply(partial(nodes.heartbeat_node, lease_s=lease_s))

    def has_synced_commits(self) -> Future[bool]:
        """Tell whether the writer's commits are on disk when they return, as the database says itself."""
        return self._apply(Transaction.is_synced)

    def ping(self) -> Future[float]:
        """Return the seconds that a reader takes for nothing."""
        return self._ask("ping", partial(_look, monotonic()))

    def write(self, write: Callable[[Transaction], R]) -> Future[R]:
        """Run a unit of work of a subject that has a facade of its own."""
        return self._apply(write)

    def read(self, name: str, read: Callable[[Transaction], R]) -> Future[R]:
        """Run a look-up of a subject that has a facade of its own; `name` labels its duration."""
        return self._ask(name, read)

    def _apply(self, write: Callable[[Transaction], R]) -> Future[R]:
        return self._writer.ask(Apply(write), timeout_s=self._write_timeout_s)

    def _ask(self, name: str, read: Callable[[Transaction], R]) -> Future[R]:
        """Ask the reader with the least to do."""
        reader = min(self._readers, key=lambda handle: len(handle.mailbox))
        return reader.ask(Query(name, read), timeout_s=self._read_timeout_s)


def _look(asked_mono_s: float, tx: Transaction) -> float:
    tx.fetch_one("SELECT 1")
    return monotonic() - asked_mono_s
