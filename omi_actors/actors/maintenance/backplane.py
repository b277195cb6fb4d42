"""The backplane keeper: lets the backplane run, and passes on what the other nodes tell.

State it owns: the task that carries the backplane. Messages it takes: BackplaneEnded. It sends: WorkElsewhere to the
queue; AnsweredElsewhere to the answer sweeper, if somebody waits for that answer here. What kills it: an end of the
carrier, which is a bug; that Redis is away is no such end. What survives a restart: the backplane itself, which the
tree owns, with this node's counts.
Not here: what the backplane does (backplane/). Threads: the event loop.
"""

import asyncio
from dataclasses import dataclass

from omi_actors.actors.queue.messages import WorkElsewhere
from omi_actors.actors.session.messages import AnsweredElsewhere
from omi_actors.actors.session.slots import OpenReplies
from omi_actors.backplane.interface import Backplane
from omi_actors.kit.future import Future
from omi_actors.kit.handle import Handle
from omi_actors.kit.loop_actor import LoopActor


@dataclass(frozen=True, slots=True)
class BackplaneEnded:
    """Sent by the keeper's own task: the backplane has ended although nobody told it to."""

    error: BaseException


class BackplaneRunner(LoopActor):
    """See the module."""

    def __init__(self, backplane: Backplane, job_queue: Handle, sweeper: Handle, replies: OpenReplies) -> None:
        super().__init__()
        self._backplane = backplane
        self._job_queue = job_queue
        self._sweeper = sweeper
        self._replies = replies
        self._ended: Future[None] = Future()

    def on_start(self) -> None:
        """Begin to carry."""
        self._backplane.on_wake(self._pass_on)
        self._backplane.on_answered(self._pass_on_answered)
        self._task = asyncio.get_running_loop().create_task(self._backplane.run())
        self._task.add_done_callback(self._report)

    def receive(self, message: object) -> object:
        """Take one message; see the module."""
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
        """Close the connections; nobody waits for it."""
        self._task.cancel()

    def _pass_on(self, kind: str) -> None:
        self._job_queue.tell(WorkElsewhere(kind))

    def _pass_on_answered(self, job_id: str) -> None:
        if job_id in self._replies:
            self._sweeper.tell(AnsweredElsewhere(job_id))

    def _report(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled():
            error = task.exception() or RuntimeError("the backplane ended by itself")
            self.handle.tell_always(BackplaneEnded(error))
        self._ended.try_set(None)
