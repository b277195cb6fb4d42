"""The request log: the latest requests with their stages, log lines and jobs; and errors, grouped. In memory only.

A stage has the time at which it was reached. Requests are noted beside the code that does the work:
`REQUESTS.note("committed")` finds the request in the context of the turn.
Not here: the pages (status/requests.py, web/handlers/requests.py), the form of a line (logs.py). Threads: the event
loop; lines, errors and what names its request come from any.
"""

from collections import OrderedDict, deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from threading import Lock
from typing import Any, Final

from omi_actors.clock import Clock, SystemClock
from omi_actors.kit.messages import CONTEXT

# One request that repeats itself must not fill the memory: a question with all its attempts has about 30 stages.
MAX_STAGES: Final = 100
MAX_LINES: Final = 50
MAX_JOBS: Final = 20
# Characters of one value of a line; a traceback has about 2,000.
MAX_VALUE_CHARS: Final = 4_000
# Groups of errors: types times places are few; more would be an error's own text in its name.
MAX_GROUPS: Final = 200

# The first stage and the one of the reply; both are kept without a list, since every request has them.
RECEIVED: Final = "received"
REPLIED: Final = "replied"


@dataclass(slots=True)
class JobNote:
    """A job of a request: its latest attempt, as far as this node has made it."""

    job_id: str
    kind: str
    outcome: str
    attempt: int = 0
    seconds: float = 0.0


class Trace:
    """One request on its way. Times are monotonic seconds; `ended_mono_s` is None until its reply.

    `status` is None while it is under way, and when its connection closed before the reply.
    """

    __slots__ = (
        "began_mono_s",
        "ended_mono_s",
        "error",
        "is_notable",
        "jobs",
        "lines",
        "method",
        "request_id",
        "route",
        "stages",
        "status",
    )

    def __init__(self, request_id: str, method: str, route: str, began_mono_s: float) -> None:
        self.request_id = request_id
        self.method = method
        self.route = route
        self.began_mono_s = began_mono_s
        self.ended_mono_s: float | None = None
        self.status: int | None = None
        # True if it is kept longer than others: it asked something, failed by our fault, or has a warning.
        self.is_notable = False
        self.error = ""
        # Most requests have none of these; then they need no list.
        self.stages: list[tuple[str, float]] | None = None
        self.lines: list[Mapping[str, Any]] | None = None
        self.jobs: dict[str, JobNote] | None = None

    def steps(self) -> list[tuple[str, float, float]]:
        """Return each stage with the seconds from the request's begin and from the stage before it.

        A reply without the answer interrupts no stage: what comes later counts from the stage before the reply.
        """
        marks = [(RECEIVED, self.began_mono_s)] if self.is_whole else []
        marks += self.stages or ()
        if self.is_whole and self.ended_mono_s is not None:
            marks.append((REPLIED, self.ended_mono_s))
        marks.sort(key=lambda mark: mark[1])
        began, before, steps = self.began_mono_s, self.began_mono_s, []
        for name, at in marks:
            steps.append((name, at - began, at - before))
            if name != REPLIED:
                before = at
        return steps

    def slowest(self, since_mono_s: float = 0.0) -> tuple[str, float]:
        """Return the stage that took longest to reach, with its seconds since the stage before it or `since_mono_s`."""
        steps, since_s = self.steps(), since_mono_s - self.began_mono_s
        took = [
            (name, min(took_s, at_s - since_s))
            for name, at_s, took_s in steps
            if name != REPLIED or name == steps[-1][0]
        ]
        return max(took, key=lambda step: step[1], default=("", 0.0))

    def slow_fields(self, since_mono_s: float = 0.0) -> dict[str, str | float]:
        """Return the fields of a warning that say which stage took longest since `since_mono_s`."""
        name, took_s = self.slowest(since_mono_s)
        return {"slow_stage": name, "slow_stage_ms": round(took_s * 1e3, 1)}

    @property
    def is_whole(self) -> bool:
        """Return False if this node knows only jobs of the request: it came to another node, or before a restart."""
        return bool(self.method)

    @property
    def stage(self) -> str:
        """Return the latest stage."""
        return self.stages[-1][0] if self.stages else RECEIVED


@dataclass(slots=True)
class ErrorGroup:
    """Errors of one type at one place; times are UTC seconds, `request_id` is of the latest one that had a request."""

    type: str
    where: str
    level: str
    count: int
    first_at: float
    last_at: float
    request_id: str


class RequestLog:
    """Requests under way, the latest `size` finished ones, and as many that are notable; older ones are forgotten.

    Example:
        trace = Trace("r1", "POST", "/omi-webhook", clock.mono_s())
        REQUESTS.begin(trace)
        REQUESTS.note("committed")            # in the request's context
        REQUESTS.end(trace, 200, clock.mono_s())
    """

    def __init__(self, clock: Clock, size: int) -> None:
        self._active: dict[Trace, None] = {}
        self._by_id: dict[str, Trace] = {}
        self._by_job: dict[str, Trace] = {}
        self._recent: deque[Trace] = deque()
        self._notable: deque[Trace] = deque()
        # Called with each request that ends, if traces are sent (traces.py).
        self.on_end: Callable[[Trace], None] | None = None
        self.errors: OrderedDict[tuple[str, str], ErrorGroup] = OrderedDict()
        # Errors come from the store's threads, too.
        self._lock = Lock()
        self.configure(clock, size)

    def configure(self, clock: Clock, size: int) -> None:
        """Take the server's clock and the number of finished requests to keep, 0 for none; forget all."""
        self.clear()
        self.clock = clock
        self._mono_s = clock.mono_s
        self._size = size

    def clear(self) -> None:
        """Forget all."""
        for kept in (self._active, self._by_id, self._by_job, self._recent, self._notable, self.errors):
            kept.clear()

    # --- a request

    def begin(self, trace: Trace) -> None:
        """Begin a request. A sender may give two requests one id: the later one is found by it."""
        self._active[trace] = None
        self._by_id[trace.request_id] = trace

    def end(self, trace: Trace, status: int | None, mono_s: float) -> None:
        """End a request with the status of its reply; None if its connection closed before."""
        self._active.pop(trace, None)
        trace.status, trace.ended_mono_s = status, mono_s
        if self.on_end is not None:
            self.on_end(trace)
        self._recent.append(trace)
        if len(self._recent) > self._size:
            self._retire(self._recent.popleft())

    def _retire(self, trace: Trace) -> None:
        if trace.is_notable and self._size:
            self._notable.append(trace)
            if len(self._notable) <= self._size:
                return
            trace = self._notable.popleft()
        if self._by_id.get(trace.request_id) is trace:
            del self._by_id[trace.request_id]
        for job_id in trace.jobs or ():
            self._by_job.pop(job_id, None)

    def note(self, stage: str) -> None:
        """Note that the request of this turn has reached a stage."""
        context = CONTEXT.get()
        if context is not None:
            self.note_for(context.request_id, stage)

    def note_for(self, request_id: str, stage: str) -> None:
        """Note that a request has reached a stage; from any thread."""
        trace = self._by_id.get(request_id)
        if trace is None:
            return
        if trace.stages is None:
            trace.stages = [(stage, self._mono_s())]
        elif len(trace.stages) < MAX_STAGES:
            trace.stages.append((stage, self._mono_s()))

    def note_job(self, job_id: str, kind: str, outcome: str, *, attempt: int = 0, seconds: float = 0.0) -> None:
        """Note a job of the request of this turn, and how it stands."""
        context = CONTEXT.get()
        trace = self._find_or_adopt(context.request_id) if context is not None and context.request_id else None
        if trace is not None:
            self._put_job(trace, JobNote(job_id, kind, outcome, attempt, seconds))

    def note_enqueued(self, request_id: str, job_id: str, kind: str) -> None:
        """Note that a job of a request is stored; a worker may have begun it already."""
        trace = self._by_id.get(request_id)
        if trace is not None and job_id not in (trace.jobs or ()):
            self._put_job(trace, JobNote(job_id, kind, "enqueued"))

    def _put_job(self, trace: Trace, job: JobNote) -> None:
        trace.is_notable = True
        jobs = trace.jobs = {} if trace.jobs is None else trace.jobs
        if job.job_id in jobs or len(jobs) < MAX_JOBS:
            jobs[job.job_id] = job
            self._by_job[job.job_id] = trace

    def slow_fields(self, request_id: str, since_mono_s: float) -> dict[str, str | float]:
        """Return the fields of a warning about a request that was slow after `since_mono_s`; see `Trace`."""
        trace = self._by_id.get(request_id)
        return {} if trace is None else trace.slow_fields(since_mono_s)

    def note_delivered(self, job_id: str, channel: str) -> None:
        """Note that the answer of a job has reached its person, and how; it may come with another request's reply."""
        trace = self._by_job.get(job_id)
        if trace is not None and trace.stages is not None and len(trace.stages) < MAX_STAGES:
            trace.stages.append((f"delivered ({channel})", self._mono_s()))

    def _find_or_adopt(self, request_id: str) -> Trace | None:
        """Return a request; one of another node, or of before a restart, begins with its job."""
        trace = self._by_id.get(request_id)
        if trace is None and self._size:
            now_mono_s = self._mono_s()
            trace = self._by_id[request_id] = Trace(request_id, "", "job", now_mono_s)
            trace.is_notable, trace.ended_mono_s = True, now_mono_s
            trace.stages = []
            self._retire(trace)
        return trace

    # --- lines and errors

    def keep_line(self, line: Mapping[str, Any]) -> None:
        """Keep a line of the log with its request; from any thread. The line is redacted already."""
        trace = self._by_id.get(line.get("request_id", ""))
        if trace is None:
            return
        if line["level"] not in ("debug", "info"):
            trace.is_notable = True
        if trace.lines is None:
            trace.lines = []
        if len(trace.lines) < MAX_LINES:
            trace.lines.append({name: _shorten(value) for name, value in line.items() if name != "request_id"})

    def count_error(self, error: str, where: str, *, level: str, request_id: str = "") -> None:
        """Count an error of a type at a place."""
        now_s = self.clock.now_s()
        with self._lock:
            group = self.errors.pop((error, where), None)
            if group is None:
                group = ErrorGroup(error, where, level, 0, now_s, now_s, "")
            group.count += 1
            group.level, group.last_at, group.request_id = level, now_s, request_id or group.request_id
            self.errors[(error, where)] = group
            if len(self.errors) > MAX_GROUPS:
                self.errors.popitem(last=False)
        trace = self._by_id.get(request_id)
        if trace is not None:
            trace.error = error
            # A client's own fault is none of ours: else a scanner would push out all questions.
            trace.is_notable = trace.is_notable or level != "info"

    # --- reading

    def find(self, request_id: str) -> Trace | None:
        """Return a request that is under way or kept."""
        return self._by_id.get(request_id)

    def active(self) -> Iterator[Trace]:
        """Return the requests under way, oldest first."""
        return iter(tuple(self._active))


def _shorten(value: Any) -> Any:
    if isinstance(value, int | float | None):
        return value
    text = str(value)
    return text if len(text) <= MAX_VALUE_CHARS else f"{text[:MAX_VALUE_CHARS]}…"


# The request log of this process, as there is one registry of metrics. The server configures it at its start.
REQUESTS: Final = RequestLog(SystemClock(), 0)
