"""The system as the web sees it: everything that a handler may ask for.

Not here: who does it (omi_actors/system.py). Threads: all of it on the event loop; futures settle there.
"""

from typing import Any, Protocol

from omi_actors.actors.session.messages import (
    AskerLeft,
    AskQuestion,
    ChatAnswered,
    Ingested,
    IngestSegments,
    KeepRaw,
    ReplySent,
    SwitchSpace,
)
from omi_actors.backplane.counters import WindowCounters
from omi_actors.domain.sessions.records import Transcript
from omi_actors.kit.future import Future
from omi_actors.status.queue_admin import QueueAdmin
from omi_actors.status.snapshot import Snapshot


class System(Protocol):
    """What handlers may ask. Futures fail with OverloadError, StoreError or ActorError, within their timeout."""

    @property
    def ready(self) -> bool:
        """Whether new work is welcome: False while starting or draining."""
        ...

    @property
    def counters(self) -> WindowCounters:
        """Counts of requests, for limits that all nodes keep together."""
        ...

    def ingest(self, message: IngestSegments, *, timeout_s: float) -> Future[Ingested]:
        """Give segments to their session; settled when they are durable and, after a question, answered or late."""
        ...

    def keep_raw(self, message: KeepRaw, *, timeout_s: float) -> Future[Ingested]:
        """Keep a payload that no feature reads yet; settled when it is durable."""
        ...

    def reply_sent(self, message: ReplySent) -> None:
        """Tell what became of an answer that an `Ingested` carried."""
        ...

    def ask_question(self, message: AskQuestion, *, timeout_s: float) -> Future[ChatAnswered]:
        """Ask a session; settled with the answer, the sentence that says why there is none, or AnswerLateError."""
        ...

    def switch_space(self, message: SwitchSpace, *, timeout_s: float) -> Future[str]:
        """Let a session answer for another space; settled with the one before when it is durable."""
        ...

    def load_space(self, session_key: str) -> Future[str | None]:
        """Load the space that a session is in; None if there is no such session."""
        ...

    def asker_left(self, message: AskerLeft) -> None:
        """Tell that nobody waits any more for what was asked with `ask_question`."""
        ...

    def load_transcript(self, session_key: str, *, after_seq: int, limit: int) -> Future[Transcript | None]:
        """Load a page of a session's transcript; None when there is no such session."""
        ...

    async def queue_status(self) -> dict[str, Any]:
        """Return the queue as the store knows it now, and the sessions in memory."""
        ...

    @property
    def queue_admin(self) -> QueueAdmin:
        """The operator's hand in the job queue."""
        ...

    def health(self) -> dict[str, Any]:
        """Return a snapshot: `status` pass, warn or fail, `checks` by name with a status each, and figures."""
        ...

    def figures(self) -> dict[str, Any]:
        """Return the metrics since the start, in the document's form."""
        ...

    def snapshot(self) -> Snapshot:
        """Return what the operator's page shows. Takes a few milliseconds."""
        ...
