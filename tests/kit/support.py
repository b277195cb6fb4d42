"""Actors and trees for the kit's tests."""

import asyncio
import random
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from omi_actors.clock import SystemClock
from omi_actors.instruments.actor_metrics import ActorMetrics
from omi_actors.instruments.metrics import REGISTRY
from omi_actors.kit import life
from omi_actors.kit.future import Future
from omi_actors.kit.handle import Handle
from omi_actors.kit.loop_actor import LoopActor
from omi_actors.kit.messages import Request
from omi_actors.kit.runtime import Runtime
from omi_actors.kit.spec import Backoff, ChildSpec, Strategy
from omi_actors.kit.supervisor import Supervisor
from omi_actors.kit.testing import ManualRuntime
from omi_actors.kit.thread_actor import ThreadActor

WAIT_S = 5.0
NO_BACKOFF = Backoff(min_s=0.0, max_s=0.0, jitter=0.0)


@dataclass(frozen=True, slots=True)
class Do(Request[Any]):
    """Call `fn(actor)` as the turn."""

    fn: Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Ping(Request[str]):
    """Replied to with the actor's name."""


def fail_with(error):
    """Return a message whose turn raises `error`."""

    def turn(_actor):
        raise error

    return Do(turn)


class Behaviour:
    """Does what messages say; `log` is shared by all incarnations."""

    handle: Handle

    def __init__(self, log=None, *, on_start=None, on_stop=None) -> None:
        super().__init__()
        self.log = [] if log is None else log
        self._start_hook = on_start
        self._stop_hook = on_stop

    def on_start(self):
        self.log.append(f"start {self.handle.name}")
        return self._start_hook(self) if self._start_hook else None

    def on_stop(self):
        self.log.append(f"stop {self.handle.name}")
        return self._stop_hook(self) if self._stop_hook else None

    def on_failure(self, _type, error, _traceback):
        self.log.append(f"failure {self.handle.name} {type(error).__name__}")

    def receive(self, message):
        match message:
            case Do(fn):
                return fn(self)
            case Ping():
                return self.handle.name
            case _:
                self.log.append(message)
                return message


class Puppet(Behaviour, LoopActor):
    """A loop actor that does what messages say."""


class ThreadPuppet(Behaviour, ThreadActor):
    """A thread actor that does what messages say."""


class Parent(LoopActor):
    """A supervisor that only notes what it is told."""

    def __init__(self) -> None:
        super().__init__()
        self.exits: list[Any] = []
        self.first_exit: Future[Any] = Future()

    def receive(self, message):
        self.exits.append(message)
        self.first_exit.try_set(message)


def run_alone(actor, runtime, *, name="alone", kind="alone", parent=None, **spec):
    """Start `actor` with a parent that notes its exit; return its handle."""
    handle = Handle(ChildSpec(name, kind, build=lambda: actor, **spec), runtime)
    life.start(handle, parent)
    return handle


def note_exits(runtime):
    """Start and return a Parent; its handle is `.handle`."""
    parent = Parent()
    run_alone(parent, runtime, name="parent", kind="parent")
    return parent


def new_future() -> Future[Any]:
    """Return a future of whatever the test puts in."""
    return Future()


async def thread_ended(handle):
    """Wait until no thread of this child is left and the loop has heard of it."""
    for thread in threading.enumerate():
        if thread.name == f"actor {handle.name}":
            await asyncio.to_thread(thread.join, WAIT_S)
    await handle.runtime.pause()


def supervise(children, runtime, *, parent=None, **policy):
    """Start a supervisor over `children` without backoff; return its handle."""
    policy.setdefault("backoff", NO_BACKOFF)
    spec = ChildSpec("s", "s", build=lambda: Supervisor(children, **policy), shutdown_timeout_s=float("inf"))
    handle = Handle(spec, runtime)
    life.start(handle, parent)
    return handle


def counted(metric, **labels):
    """Return a metric's value now, 0 if it was never counted."""
    return REGISTRY.get_sample_value(metric, labels) or 0.0


def loop_runtime(loop, **kwargs):
    """Return a runtime bound to the running loop."""
    runtime = Runtime(SystemClock(), random.Random(0), hooks=ActorMetrics(), **kwargs)
    runtime.bind(loop)
    return runtime


class Tree:
    """A supervisor over puppets on a manual runtime."""

    def __init__(
        self,
        names: Sequence[str],
        *,
        strategy=Strategy.ONE_FOR_ONE,
        intensity=None,
        backoff=NO_BACKOFF,
        builds=None,
        **spec,
    ) -> None:
        self.log: list[Any] = []
        self.given_up: list[BaseException] = []
        self.runtime = ManualRuntime(hooks=ActorMetrics())
        self.children = {}
        for name in names:
            build = (builds or {}).get(name, lambda: Puppet(self.log))
            options = {key: value.get(name) for key, value in spec.items() if name in value}
            self.children[name] = Handle(ChildSpec(name, f"kind-{name}", build=build, **options), self.runtime)

        def build_supervisor():
            return Supervisor(
                list(self.children.values()),
                strategy=strategy,
                intensity=intensity,
                backoff=backoff,
                on_give_up=self.given_up.append,
            )

        self.parent = note_exits(self.runtime)
        self.supervisor = Handle(
            ChildSpec("supervisor", "supervisor", build=build_supervisor, shutdown_timeout_s=float("inf")), self.runtime
        )
        life.start(self.supervisor, self.parent.handle)
        self.runtime.run()

    def __getitem__(self, name):
        return self.children[name]

    def crash(self, name, error=None):
        """Let a child die, and run all that follows at once; returns what was logged meanwhile."""
        return self.tell(name, fail_with(error or ValueError("boom")))

    def tell(self, name, message):
        self.log.clear()
        self.children[name].tell(message)
        self.runtime.run()
        return list(self.log)

    def ask(self, name, request=None):
        reply = self.children[name].ask(request or Ping(), timeout_s=60.0)
        self.runtime.run()
        return reply.result()

    def stop(self):
        self.log.clear()
        stopped = life.stop(self.supervisor, drain=True)
        self.runtime.run()
        return stopped
