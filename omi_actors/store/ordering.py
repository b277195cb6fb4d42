"""In which order the writes of one group are made: those that end jobs before those that enqueue them.

Ending a job waits for whoever enqueues behind it, and enqueueing waits for nobody (migration 9). So a node waits before
it has anything that another one waits for, and two nodes cannot wait for each other; what else may meet, the engine
does again. Among themselves both kinds keep their order, which is that of their arrival.
Not here: groups (actors.py, engine.py). Threads: any.
"""

from collections.abc import Callable
from typing import Any, TypeVar

from omi_actors.domain.sessions.records import SessionCommit

F = TypeVar("F", bound=Callable[..., Any])


def enqueues(work: F) -> F:
    """Mark a function that enqueues jobs, or that must not overtake one that does.

    Raises: TypeError at a lambda or a method: the writer reads the mark from the function that `Store.write` was given.
    """
    owner = work.__qualname__.rpartition(".")[0]
    if work.__name__ == "<lambda>" or (owner and not owner.endswith("<locals>")):
        raise TypeError("only a function by its own name can be marked as one that enqueues")
    work.enqueues = True  # type: ignore[attr-defined]  # a function takes attributes
    return work


def comes_late(write: object) -> bool:
    """Tell whether a write, or the function of a partial one, comes behind those that end jobs."""
    return isinstance(write, SessionCommit) or getattr(getattr(write, "func", write), "enqueues", False)
