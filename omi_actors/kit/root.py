"""The root of a program's actors: one supervisor over all, and what ends the process when it gives up.

Not here: which actors there are (the program's own room). Threads: the loop's.
"""

import math
from collections.abc import Callable, Sequence

from omi_actors.errors import RestartIntensityError
from omi_actors.kit import life
from omi_actors.kit.handle import Handle
from omi_actors.kit.runtime import Runtime
from omi_actors.kit.spec import Backoff, ChildSpec, Intensity, Restart
from omi_actors.kit.supervisor import Supervisor

# Levels of supervision multiply, so the top allows little.
ROOT_INTENSITY = Intensity(max_restarts=3, period_s=30.0)


class Root:
    """A running tree of actors."""

    def __init__(self, children: Sequence[Handle], on_give_up: Callable[[BaseException], None]) -> None:
        self._children = {child.name: child for child in children}
        self._on_give_up: Callable[[BaseException], None] | None = on_give_up
        self._supervisor: Handle | None = None

    def handle_of(self, name: str) -> Handle:
        """Return the stable handle of the child called `name`.

        Raises:
            KeyError: if there is no such child.
        """
        return self._children[name]

    def start(self, supervisor: Handle) -> None:
        """Start the supervisor over the children, and with it all."""
        self._supervisor = supervisor
        life.start(supervisor, None)

    async def stop(self, timeout_s: float) -> bool:
        """Stop all in reverse order, within `timeout_s`. False if then something had not ended: it is left behind."""
        self._on_give_up = None  # whoever stops the tree knows
        if self._supervisor is None:
            return True
        ended = life.stop(self._supervisor, drain=True)
        timer = self._supervisor.runtime.call_later(timeout_s, self._abandon)
        await ended
        timer.cancel()
        return self._supervisor.crashed_at_s is None

    def give_up(self, error: BaseException) -> None:
        """Tell the program, once, that the tree cannot go on."""
        on_give_up, self._on_give_up = self._on_give_up, None
        if on_give_up is not None:
            on_give_up(error)

    def _abandon(self) -> None:
        if self._supervisor is not None and self._supervisor.actor is not None:
            self._supervisor.actor.abandon()


def start_root(
    runtime: Runtime,
    children: Sequence[Handle],
    *,
    on_give_up: Callable[[BaseException], None],
    intensity: Intensity = ROOT_INTENSITY,
    backoff: Backoff | None = None,
    max_zombies: int = 8,
) -> Root:
    """Start `children` in order under a one_for_one supervisor; their handles are the program's for ever.

    `on_give_up` hears, at most once, that restarts or zombies became too many: the process should end, non-zero.
    """
    root = Root(children, on_give_up)

    def build() -> Supervisor:
        return Supervisor(children, intensity=intensity, backoff=backoff, on_give_up=root.give_up)

    too_many = RestartIntensityError(f"more than {max_zombies} zombie threads")
    runtime.zombies.limit = max_zombies
    runtime.zombies.on_too_many = lambda: root.give_up(too_many)
    root.start(
        Handle(ChildSpec("root", "root", build, restart=Restart.TEMPORARY, shutdown_timeout_s=math.inf), runtime)
    )
    return root
