"""Open replies of this node: which jobs' answers somebody waits for here, and whose sessions they are of.

Owned by the tree, kept by the sessions (actors/session/answers.py), looked at by whoever hears of answers: the workers,
which store them; the backplane keeper, which hears of those that other nodes have stored; the answer sweeper. Not here:
the replies themselves (reply_slots.py, actors/session/slots.py). Threads: the event loop.
"""

from dataclasses import dataclass, field
from itertools import islice


@dataclass(slots=True)
class OpenReplies:
    """By job id, longest not looked for first. Opened here, a reply is closed by its session, also by its crash."""

    # When a reply was opened, or its answer last looked for in the store (monotonic seconds).
    _looked_mono_s: dict[str, float] = field(default_factory=dict)

    def __contains__(self, job_id: str) -> bool:
        return job_id in self._looked_mono_s

    def open(self, job_id: str, now_mono_s: float) -> None:
        """Note that somebody waits."""
        self.close(job_id)
        self._looked_mono_s[job_id] = now_mono_s

    def close(self, job_id: str) -> None:
        """Note that nobody waits any more. Twice is fine."""
        self._looked_mono_s.pop(job_id, None)

    def take_due(self, now_mono_s: float, *, quiet_s: float, limit: int) -> tuple[str, ...]:
        """Return up to `limit` jobs whose answers nobody has looked for in `quiet_s` seconds; now somebody does."""
        due = []
        for job_id, looked_mono_s in islice(self._looked_mono_s.items(), limit):
            if looked_mono_s > now_mono_s - quiet_s:
                break
            due.append(job_id)
        for job_id in due:
            del self._looked_mono_s[job_id]
            self._looked_mono_s[job_id] = now_mono_s
        return tuple(due)
