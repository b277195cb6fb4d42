"""The backplane runner: runs the backplane in a task, and passes on the hints of other nodes.

Not here: the backplane itself (backplane/). Threads: the event loop.
"""

import asyncio
from dataclasses import dataclass

from omi_actors.actors.maintenance.answer_sweeper import AnsweredElsewhere
from omi_actors.actors.maintenance.node_lease import RenewNodeLease
from omi_actors.actors.queue.messages import WorkElsewhere
from omi_actors.actors.session.slots import OpenReplies
from omi_actors.backplane.interface import NODES_CHANGED, TEXTS_DELETED, Backplane
from omi_actors.instruments.webhooks import WEBHOOKS
from omi_actors.kit.future import Future
from omi_actors.kit.handle import Handle
from omi_actors.kit.loop_actor import LoopActor


@dataclass(frozen=True, slots=True)
class BackplaneEnded:
    """Message from the task that runs the backplane: the backplane ended before it was stopped."""

    error: BaseException


class BackplaneRunner(LoopActor):
    """Runs the backplane until it is stopped.

    State it owns: the task. Messages it takes: BackplaneEnded. Messages it sends: WorkElsewhere to the job queue;
    AnsweredElsewhere to the answer sweeper, if a reply of this node waits for that answer; RenewNodeLease.
    What kills it: an end of the backplane, which is a bug; an unreachable Redis does not end it.
    What survives a restart: the backplane with this node's counts; the tree owns it.
    """

    def __init__(
        self, backplane: Backplane, job_queue: Handle, sweeper: Handle, node_lease: Handle, replies: OpenReplies
    ) -> None:
        super().__init__()
        self._backplane = backplane
        self._job_queue = job_queue
        self._sweeper = sweeper
        self._node_lease = node_lease
        self._replies = replies
        self._ended: Future[None] = Future()

    def on_start(self) -> None:
        """Start the task."""
        self._backplane.on_wake(self._pass_on)
        self._backplane.on_answered(self._pass_on_answered)
        self._task = asyncio.get_running_loop().create_task(self._backplane.run())
        self._task.add_done_callback(self._report)

    def receive(self, message: object) -> object:
        """Take one message."""
        match message:
            case BackplaneEnded(error):
                raise error
            case _:
                return super().receive(message)

    async def on_stop(self) -> None:
        """Close the connections."""
        self._task.cancel()
        await self._ended

    def on_failure(self, *_error: object) -> None:
        """Close the connections, but do not wait until they are closed."""
        self._task.cancel()

    def _pass_on(self, kind: str) -> None:
        if kind == TEXTS_DELETED:
            WEBHOOKS.drop_texts()
            return
        if kind == NODES_CHANGED:
            self._node_lease.tell(RenewNodeLease())
            return
        self._job_queue.tell(WorkElsewhere(kind))

    def _pass_on_answered(self, job_id: str) -> None:
        if job_id in self._replies:
            self._sweeper.tell(AnsweredElsewhere(job_id))

    def _report(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled():
            error = task.exception() or RuntimeError("the backplane ended by itself")
            self.handle.tell_always(BackplaneEnded(error))
        self._ended.try_set(None)
