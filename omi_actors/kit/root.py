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
    """A running tree."""

    def __init__(self, runtime: Runtime, children: Sequence[Handle], supervisor: Handle) -> None:
        self._runtime = runtime
        self._children = {child.name: child for child in children}
        self._supervisor = supervisor

    def handle_of(self, name: str) -> Handle:
        """Return the stable handle of the child called `name`.

        Raises:
            KeyError: if there is no such child.
        """
        return self._children[name]

    async def stop(self, timeout_s: float) -> bool:
        """Stop all in reverse order; after `timeout_s` give up on what has not ended. True if all ended in time."""
        late = False

        def give_up() -> None:
            nonlocal late
            late = True
            if self._supervisor.actor is not None:
                self._supervisor.actor.abandon()

        timer = self._runtime.call_later(timeout_s, give_up)
        await life.stop(self._supervisor, drain=True)
        timer.cancel()
        return not late


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
    heard: list[BaseException] = []

    def give_up(error: BaseException) -> None:
        if not heard:
            heard.append(error)
            on_give_up(error)

    def build() -> Supervisor:
        return Supervisor(children, intensity=intensity, backoff=backoff, on_give_up=give_up)

    spec = ChildSpec("root", "root", build, restart=Restart.TEMPORARY, shutdown_timeout_s=math.inf)
    supervisor = Handle(spec, runtime)
    runtime.zombies.limit = max_zombies
    runtime.zombies.on_too_many = lambda: give_up(RestartIntensityError(f"more than {max_zombies} zombie threads"))
    life.start(supervisor, None)
    return Root(runtime, children, supervisor)
