"""A session's completions: each is a task that asks the model, in parallel to all other work of the session.

Part of the session actor: called in its turns only. Nothing of a completion is in its state but the running tasks.
Not here: the work of a task (jobs/completion.py). Threads: the event loop.
"""

import asyncio
from functools import partial

from omi_actors.actors.session.commits import SessionDeps
from omi_actors.actors.session.messages import Complete, CompletionEnded, CompletionLeft
from omi_actors.clients.model import ModelAnswer, OnText
from omi_actors.errors import FeatureOffError, QueueFullError
from omi_actors.instruments.logs import get_logger
from omi_actors.jobs.completion import complete
from omi_actors.kit.errors import ActorUnavailableError, ExpectedError
from omi_actors.kit.future import Future
from omi_actors.kit.loop_actor import LoopActor

_log = get_logger(__name__)

CompletionMessage = Complete | CompletionLeft | CompletionEnded


class SessionCompletions:
    """The running completions of one session, made at its first one."""

    __slots__ = ("_actor", "_deps", "_session_key", "_tasks", "_watchers")

    def __init__(self, actor: LoopActor, deps: SessionDeps, session_key: str) -> None:
        self._actor = actor
        self._deps = deps.asking
        self._watchers = deps.watchers
        self._session_key = session_key
        self._tasks: dict[str, asyncio.Task[ModelAnswer]] = {}

    @property
    def is_waiting(self) -> bool:
        """Return True while a completion runs."""
        return bool(self._tasks)

    def receive(self, message: CompletionMessage) -> object:
        """Handle one message about completions."""
        match message:
            case Complete():
                self._start(message)
            case CompletionLeft(_, completion_id):
                task = self._tasks.get(completion_id)
                if task is not None:
                    task.cancel()
            case CompletionEnded(completion_id, is_kept):
                self._tasks.pop(completion_id, None)
                if is_kept:
                    self._watchers.note(self._session_key)
        return None

    def cancel_all(self) -> None:
        """Stop the model in all of them, when the session ends or its person is erased."""
        for task in self._tasks.values():
            task.cancel()

    def _start(self, message: Complete) -> None:
        if self._deps is None:
            raise FeatureOffError("this session has no model")
        if len(self._tasks) >= self._deps.answering.completions.open:
            raise QueueFullError("too many completions of this model are open")
        reply = self._actor.take_reply()
        if reply is None:
            return
        work = complete(self._session_key, message.asked, self._deps, _relay(message))
        task = asyncio.get_running_loop().create_task(work, name=message.completion_id)
        self._tasks[message.completion_id] = task
        task.add_done_callback(partial(self._end, message, reply))

    def _end(self, message: Complete, reply: Future[ModelAnswer], task: asyncio.Task[ModelAnswer]) -> None:
        """Settle the reply, also after a crash of the task, which ends no other completion."""
        error = ActorUnavailableError("the completion was stopped") if task.cancelled() else task.exception()
        if error is None:
            reply.try_set(task.result())
        else:
            reply.try_fail(error)
            if not isinstance(error, ExpectedError):
                _log.error("completion_crashed", error=type(error).__name__, exc_info=error)
        is_kept = error is None and message.asked.keeping is not None
        self._actor.handle.tell_always(CompletionEnded(message.completion_id, is_kept))


def _relay(message: Complete) -> OnText | None:
    """Return the receiver of the model's pieces: an empty one voids all before it."""
    on_delta = message.on_delta
    if on_delta is None:
        return None

    def pass_on(text: str) -> None:
        on_delta(text, not text)

    return pass_on
