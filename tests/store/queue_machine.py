"""The queue beside a small pure model of it: whatever happens in whatever order, both stand at the same.

Not here: running it (test_queue_laws.py).
"""

from dataclasses import dataclass
from functools import partial

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from omi_actors.clock import ManualClock
from omi_actors.domain.work.jobs import ClaimedJob
from omi_actors.domain.work.queue_admin import Action, JobFilter, Requester
from omi_actors.errors import LeaseLostError
from omi_actors.store import dead_jobs, jobs, nodes, queue_admin
from omi_actors.store import dead_jobs as lost_jobs
from omi_actors.store.engine import Engine
from omi_actors.store.transaction import NodeIdentity, Transaction
from tests.store.builders import NOW, alone, answer, claim, do, first_commit, job, message, rows

LEASE_S = 30.0
LANE_CAP = 4
MAX_DELIVERIES = 3
MAX_LOSSES = 4
UNFINISHED = ("ready", "running")
_TABLES = ("session", "job", "node", "operator_event")
_pick = st.integers(0, 1_000)


@dataclass
class Modelled:
    """What a job should be."""

    seq: int
    lane: str
    run_at: float
    state: str = "ready"
    token: str | None = None
    lease_until: float = 0.0
    deliveries: int = 0
    attempts: int = 0
    ends: int = 0

    def begin(self, token: str, now_s: float) -> None:
        self.state, self.token, self.lease_until = "running", token, now_s + LEASE_S
        self.deliveries += 1
        self.attempts += 1

    def take_back(self, most: int) -> None:
        self.state, self.token = ("ready", None) if self.deliveries < most else ("dead", self.token)


class QueueMachine(RuleBasedStateMachine):
    """Every rule does one thing to the store and to the model."""

    def __init__(self, engine: Engine, node: NodeIdentity, clock: ManualClock) -> None:
        super().__init__()
        self.engine, self.node, self.clock = engine, node, clock
        self.jobs: dict[str, Modelled] = {}
        # Leases that were held once and are not any more, with their jobs.
        self.stale: list[tuple[str, str]] = []

    @initialize()
    def begin(self) -> None:
        for table in _TABLES:
            do(self.engine, partial(Transaction.run, sql=f"DELETE FROM {table}"))  # noqa: S608 (our own names)
        self.node.incarnation = 0
        self.crash()

    # --- enqueueing

    @rule(lane=st.sampled_from("abc"), delay_s=st.sampled_from([0.0, 0.0, 5.0, 100.0]))
    def enqueue(self, lane: str, delay_s: float) -> None:
        do(self.engine, self._commit(lane, delay_s))
        self._add(lane, delay_s)

    @rule(lane=st.sampled_from("abc"))
    def enqueue_leased(self, lane: str) -> None:
        is_free = not self._unfinished(lane)
        token = f"own-{len(self.jobs)}"

        held = do(
            self.engine,
            partial(jobs.commit_leased, commit=self._commit(lane, 0.0), token=token, lease_s=LEASE_S),
        )

        new = self._add(lane, 0.0)
        assert (held is not None) == is_free
        if held is not None:
            new.begin(token, self.clock.now_s())

    # --- working

    @rule(limit=st.integers(1, 3))
    def claim(self, limit: int) -> None:
        expected = self._claimable()[:limit]

        claimed = claim(self.engine, limit=limit)

        assert [one.job_id for one in claimed] == expected
        for one in claimed:
            self.jobs[one.job_id].begin(one.token, self.clock.now_s())
            assert one.attempt == self.jobs[one.job_id].attempts

    @rule()
    def heartbeat(self) -> None:
        held = {one.token for one in self.jobs.values() if one.state == "running" and one.token is not None}
        tokens = [*held, *(token for _, token in self.stale)]

        assert do(self.engine, partial(jobs.heartbeat_jobs, tokens=tokens, lease_s=LEASE_S)) == held
        for one in self.jobs.values():
            if one.state == "running":
                one.lease_until = self.clock.now_s() + LEASE_S

    @precondition(lambda self: self._running())
    @rule(pick=_pick, times=st.integers(1, 2))
    def complete(self, pick: int, times: int) -> None:
        job_id = self._choose(pick, "running")
        for _ in range(times):  # the reply to the first may have been lost
            self._complete(job_id, self.jobs[job_id].token or "")
        self._end(job_id, "done")

    @precondition(lambda self: self._running())
    @rule(pick=_pick)
    def bury(self, pick: int) -> None:
        job_id = self._choose(pick, "running")
        token = self.jobs[job_id].token or ""
        do(self.engine, partial(dead_jobs.bury_job, job_id=job_id, token=token, error="no", failure=None))
        self._end(job_id, "dead")

    @precondition(lambda self: self._running())
    @rule(pick=_pick, delay_s=st.sampled_from([0.0, 7.0]))
    def retry(self, pick: int, delay_s: float) -> None:
        job_id = self._choose(pick, "running")
        one, run_at = self.jobs[job_id], self.clock.now_s() + delay_s
        do(self.engine, partial(jobs.retry_job, job_id=job_id, token=one.token or "", run_at=run_at, error=""))
        self._put_back(job_id)
        one.run_at, one.deliveries = run_at, 0

    @precondition(lambda self: self._running())
    @rule(pick=_pick)
    def release(self, pick: int) -> None:
        job_id = self._choose(pick, "running")
        one = self.jobs[job_id]
        do(self.engine, partial(jobs.release_job, job_id=job_id, token=one.token or ""))
        self._put_back(job_id)
        one.deliveries -= 1
        one.attempts -= 1

    @precondition(lambda self: self.stale)
    @rule(pick=_pick)
    def stale_token_ends_nothing(self, pick: int) -> None:
        others = [(job_id, token) for job_id, token in self.stale if self.jobs[job_id].token != token]
        held = [(job_id, token) for job_id, token in others if self.jobs[job_id].state == "running"]
        if not others:
            return
        job_id, token = (held or others)[pick % len(held or others)]
        with pytest.raises(LeaseLostError):
            self._complete(job_id, token)
        with pytest.raises(LeaseLostError):
            do(self.engine, partial(jobs.release_job, job_id=job_id, token=token))

    # --- faults, and people

    @rule(seconds=st.sampled_from([1.0, 31.0, 200.0, -10.0, -100.0]))
    def clock_moves(self, seconds: float) -> None:
        self.clock.jump(seconds)

    @rule()
    def reap(self) -> None:
        lost = [one for one in self.jobs.values() if one.state == "running" and one.lease_until < self.clock.now_s()]
        assert do(self.engine, partial(lost_jobs.reap_jobs, max_deliveries=MAX_DELIVERIES, max_losses=10)) == len(lost)
        self._take_back(lost, MAX_DELIVERIES)

    @rule(limit=st.integers(1, 3), is_crash=st.booleans())
    def lose_what_is_claimed(self, limit: int, is_crash: bool) -> None:
        self.claim(limit)
        if is_crash:
            self.crash()
        else:
            self.clock.jump(LEASE_S + 1)
            self.reap()

    @rule()
    def crash(self) -> None:
        found = do(self.engine, partial(nodes.register_node, lease_s=LEASE_S, max_deliveries=MAX_LOSSES))
        self.node.incarnation = found.incarnation
        self._take_back([one for one in self.jobs.values() if one.state == "running"], MAX_LOSSES)

    @precondition(lambda self: self.jobs)
    @rule(pick=_pick)
    def call_off(self, pick: int) -> None:
        job_id = list(self.jobs)[pick % len(self.jobs)]
        is_open = self.jobs[job_id].state in UNFINISHED
        assert do(self.engine, partial(jobs.cancel_question, job_id=job_id)) == is_open
        if is_open:
            self._end(job_id, "cancelled")
            self.jobs[job_id].token = None

    @rule(action=st.sampled_from([Action.RETRY, Action.DISCARD]))
    def lend_a_hand(self, action: Action) -> None:
        chosen = [job_id for job_id, one in self.jobs.items() if one.state == "dead"]
        change = partial(
            queue_admin.change_jobs, action=action, chosen=JobFilter(state="dead"), by=Requester(request_id="")
        )
        assert alone(self.engine, change).count == len(chosen)
        for job_id in chosen:
            one = self.jobs[job_id]
            if action is Action.DISCARD:
                one.state = "cancelled"
                continue
            self._put_back(job_id)
            one.run_at, one.deliveries, one.attempts = self.clock.now_s(), 0, 0

    # --- laws

    @invariant()
    def model_and_rows_are_the_same(self) -> None:
        found = rows(self.engine, "SELECT job_id, state, token, deliveries, attempts FROM job ORDER BY seq")
        assert found == [
            (job_id, one.state, one.token, one.deliveries, one.attempts) for job_id, one in self.jobs.items()
        ]

    @invariant()
    def lane_runs_one_at_a_time(self) -> None:
        lanes = [one.lane for one in self.jobs.values() if one.state == "running"]
        assert len(lanes) == len(set(lanes))

    @invariant()
    def whatever_is_over_said_one_thing(self) -> None:
        said = dict(rows(self.engine, "SELECT job_id, count(*) FROM message WHERE role = 'assistant' GROUP BY job_id"))
        for job_id, one in self.jobs.items():
            assert said.get(job_id, 0) == (one.state in ("done", "dead")) or one.state == "cancelled"

    # --- helpers

    def _commit(self, lane: str, delay_s: float):
        name = f"n{len(self.jobs)}"
        new = job(session=name, lane=lane, run_at=self.clock.now_s() + delay_s)
        return first_commit(name, jobs=(new,), messages=(message(session=name),), lane_cap=LANE_CAP)

    def _add(self, lane: str, delay_s: float) -> Modelled:
        is_refused = len(self._unfinished(lane)) >= LANE_CAP
        new = Modelled(len(self.jobs), lane, self.clock.now_s() + delay_s, "dead" if is_refused else "ready")
        self.jobs[f"n{len(self.jobs)}-j1"] = new
        return new

    def _complete(self, job_id: str, token: str) -> None:
        session = job_id.removesuffix("-j1")
        held = claimed_as(job_id, token)
        do(self.engine, partial(jobs.complete_answer, done=answer(held, session=session)))

    def _unfinished(self, lane: str) -> list[Modelled]:
        return [one for one in self.jobs.values() if one.lane == lane and one.state in UNFINISHED]

    def _claimable(self) -> list[str]:
        found = []
        for job_id, one in self.jobs.items():
            lane = self._unfinished(one.lane)
            is_first = all(other.state == "ready" and other.seq >= one.seq for other in lane)
            if one.state == "ready" and self._is_due(one) and is_first:
                found.append(job_id)
        return sorted(found, key=lambda job_id: (self.jobs[job_id].run_at, self.jobs[job_id].seq))

    def _is_due(self, one: Modelled) -> bool:
        """Tell whether its hour has come, or the clock was put back far behind its making."""
        now_s = self.clock.now_s()
        return one.run_at <= now_s or (now_s + 60.0 < NOW and one.run_at <= NOW + 600.0)

    def _running(self) -> list[str]:
        return [job_id for job_id, one in self.jobs.items() if one.state == "running"]

    def _choose(self, pick: int, state: str) -> str:
        found = [job_id for job_id, one in self.jobs.items() if one.state == state]
        return found[pick % len(found)]

    def _end(self, job_id: str, state: str) -> None:
        one = self.jobs[job_id]
        if one.state == "running":
            self.stale.append((job_id, "gone" if state == "done" else one.token or ""))
        one.state = state

    def _put_back(self, job_id: str) -> None:
        one = self.jobs[job_id]
        if one.token is not None:
            self.stale.append((job_id, one.token))
        one.state, one.token = "ready", None

    def _take_back(self, lost: list[Modelled], most: int) -> None:
        for job_id, one in self.jobs.items():
            if one in lost:
                self.stale.append((job_id, one.token or ""))
                one.take_back(most)


def claimed_as(job_id: str, token: str):
    """A claim, as far as its end needs it."""
    return ClaimedJob(
        job_id=job_id,
        kind="answer",
        lane="",
        payload={},
        token=token,
        attempt=1,
        max_attempts=8,
        lease_until=NOW,
        created_at=NOW,
        run_at=NOW,
        request_id="",
    )
