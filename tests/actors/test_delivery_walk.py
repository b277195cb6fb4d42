"""A session walks the delivery table, whatever happens in whatever order: replies, jobs, sweeps, crashes, failures."""

import contextlib
import os
from dataclasses import dataclass, field
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from omi_actors.actors.queue.messages import AnswerNotified, AnswerReady
from omi_actors.actors.session.actor import SessionActor
from omi_actors.actors.session.messages import ReplySent, ReplyUnsettled
from omi_actors.domain.answers.delivery import TRANSITIONS, Event, Phase, resolve, state_after, state_of
from omi_actors.domain.answers.delivery_records import OpenAnswer
from omi_actors.errors import StoreUnavailableError
from omi_actors.kit.future import Future
from omi_actors.kit.testing import Driver
from omi_actors.store.answers import change_delivery
from omi_actors.store.notifications import enqueue_notification
from omi_actors.store.sessions import load_session
from tests.actors.conftest import FakeStore
from tests.actors.test_session_answers import KEY, Session, record

# Seconds: an answer sweeper waits so long for a reply's end.
UNSETTLED_S = 7.0
# Seconds after which a session waits for the end of a reply no more.
END_LOST_S = 10.0
JOB_ENDS = (Event.ACCEPTED, Event.REFUSED, Event.UNREACHABLE, Event.UNCLEAR)
BEFORE = (Phase.ABSENT, Phase.PENDING, Phase.CHOSEN, Phase.KEPT, Phase.UNKNOWN)
STEPS = {
    (before.value, state_of(resolve(row.done.to, phase)).value)
    for row in TRANSITIONS
    for before in row.step_from
    for phase in BEFORE
}


@dataclass
class Row:
    """The row of a delivery, and all that the wearer got of it."""

    answer: OpenAnswer
    states: list[str]
    channel: str
    changed_at: float
    received: list[str] = field(default_factory=list)

    @property
    def state(self):
        return self.states[-1]

    def move(self, state, channel, now_s):
        assert (self.state, state) in STEPS
        self.states.append(state)
        self.channel, self.changed_at = channel, now_s

    def read(self):
        return OpenAnswer(
            delivery_id=self.answer.delivery_id,
            job_id=self.answer.job_id,
            text=self.answer.text,
            state=self.state,
            channel=self.channel,
            asked_at=self.answer.asked_at,
        )


class RowStore(FakeStore):
    """A store that keeps the rows of deliveries. While it fails, a step may be stored or not."""

    def __init__(self):
        super().__init__()
        self.rows = {}
        self.jobs = {}
        self.is_failing = False
        self.stores_all_the_same = False

    def write(self, work, *args, **kwargs):
        if work is change_delivery:
            return self._settle(lambda: self._move(*args))
        if work is enqueue_notification:
            return self._settle(lambda: self._enqueue(*args))
        return super().write(work, *args, **kwargs)

    def read(self, work, *args, **kwargs):
        if work is load_session and self.rows:
            open_answers = [row.read() for row in self.rows.values() if row.state in ("pending", "kept", "unknown")]
            self.replies["load_session"] = record(*open_answers)
        return super().read(work, *args, **kwargs)

    def _enqueue(self, change, _job):
        if not self._move(change):
            return False
        if self.jobs.setdefault(change.delivery_id, "queued") == "over":
            self.rows[change.delivery_id].move("kept", "", change.changed_at)
        return True

    def _move(self, change):
        row = self.rows.get(change.delivery_id)
        if row is None or row.state not in change.from_states:
            return False
        row.move(change.state, change.channel, change.changed_at)
        return True

    def _settle(self, act):
        future: Future[Any] = Future()
        if not self.is_failing:
            future.try_set(act())
            return future
        if self.stores_all_the_same:
            act()
        future.try_fail(StoreUnavailableError("as told"))
        return future


class DeliveryWalk(RuleBasedStateMachine):
    """One wearer, one session after the other, its questions, and the world around."""

    def __init__(self):
        super().__init__()
        self.store = RowStore()
        self.session = Session(self.store)
        self.deps: Any = vars(self.session.driver.actor)["_deps"]
        self.replies = []
        self.in_reply = []
        self.mail = []
        self.questions = []
        self.is_disturbed = False

    # --- the wearer and the webhooks

    @rule(asks=st.booleans())
    def webhook(self, asks):
        commits = len(self.store.of("commit"))
        self.replies.append(self.session.hear("Hey Omi, how far is the moon?" if asks else "and so on"))
        jobs = [job for commit in self.store.of("commit")[commits:] for job in commit.jobs]
        self.questions += [(job.job_id, job.created_at) for job in jobs]
        self._collect()

    @rule(seconds=st.sampled_from([0.1, 4.9, 5.1, 8.0, 13.0, 200.0]), is_late=st.booleans())
    def time_passes(self, seconds, is_late):
        """Time passes, then the store works again and the sweeper reads it; what it tells the session may be late."""
        self.session.driver.advance(seconds)
        self.store.is_failing = False
        self._tell_swept()
        self._sweep()
        if not is_late:
            self._tell_swept()

    @precondition(lambda self: any(not reply.done for reply in self.replies))
    @rule()
    def webhook_gives_up(self):
        next(reply for reply in self.replies if not reply.done).try_fail(StoreUnavailableError("as told"))

    @precondition(lambda self: self.in_reply)
    @rule(arrives=st.booleans())
    def reply_ends(self, arrives):
        delivery_id, text = self.in_reply.pop(0)
        if arrives:
            self._receive(delivery_id, text)
        self._tell(ReplySent(KEY, delivery_id, reached=arrives))

    # --- the workers

    @rule(counts_on_reply=st.booleans(), is_told=st.booleans())
    def answer_is_stored(self, counts_on_reply, is_told):
        """An answer to the oldest question, or to one from before this session, is stored; its news may be lost."""
        job_id, asked_at = self.questions.pop(0) if self.questions else (f"j{len(self.store.rows)}", self._now_s)
        has_intent = counts_on_reply and job_id in self.session.replies
        delivery_id = f"d{len(self.store.rows)}"
        state, channel = ("sending", "inline") if has_intent else ("pending", "")
        answer = OpenAnswer(
            delivery_id=delivery_id,
            job_id=job_id,
            text=delivery_id * 5,
            state=state,
            channel=channel,
            asked_at=asked_at,
        )
        self.store.rows[delivery_id] = Row(answer, [state], channel, self._now_s)
        if is_told:
            self._tell(AnswerReady.of(KEY, answer, is_sending=has_intent))
        else:
            self.is_disturbed |= has_intent

    @precondition(lambda self: "queued" in self.store.jobs.values())
    @rule(is_allowed=st.booleans())
    def job_begins(self, is_allowed):
        delivery_id = next(one for one, stage in self.store.jobs.items() if stage == "queued")
        row = self.store.rows[delivery_id]
        if row.state != "pending":
            self._end_job(delivery_id)
        elif is_allowed:
            assert "unknown" not in row.states
            self.store.jobs[delivery_id] = "sending"
            row.move(state_after(Phase.CHOSEN, Event.BEGUN), "notify", self._now_s)
        else:
            row.move(state_after(Phase.CHOSEN, Event.NOT_ALLOWED), "", self._now_s)
            self._end_job(delivery_id)

    @precondition(lambda self: "sending" in self.store.jobs.values())
    @rule(
        event=st.sampled_from([Event.ACCEPTED, Event.REFUSED, Event.UNREACHABLE, Event.UNCLEAR]), arrives=st.booleans()
    )
    def job_ends(self, event, arrives):
        delivery_id = next(one for one, stage in self.store.jobs.items() if stage == "sending")
        row = self.store.rows[delivery_id]
        if event is Event.ACCEPTED or (event is Event.UNCLEAR and arrives):
            self._receive(delivery_id, row.answer.text)
        self.is_disturbed |= event is Event.UNCLEAR
        state = state_after(Phase.NOTIFYING, event)
        row.move(state, "" if state == "kept" else "notify", self._now_s)
        if event is Event.UNREACHABLE:
            self.store.jobs[delivery_id] = "queued"
        else:
            self._end_job(delivery_id)

    # --- sweeps, crashes, failures

    def _sweep(self):
        for row in self.store.rows.values():
            if (row.state, row.channel) == ("pending", ""):
                self.mail.append(AnswerReady.of(KEY, row.read()))
            elif row.state == "sending" and row.channel != "notify" and row.changed_at <= self._now_s - UNSETTLED_S:
                self._lose_end(row)
                self.mail.append(ReplyUnsettled(KEY, row.read()))

    def _lose_end(self, row):
        """A reply that another node sent long ago has arrived, and its word was lost."""
        if row.changed_at > self._now_s - END_LOST_S:
            return
        for one in [one for one in self.in_reply if self.store.rows[one[0]] is row]:
            self.is_disturbed = True
            self.in_reply.remove(one)
            self._receive(*one)

    def _tell_swept(self):
        mail, self.mail = self.mail, []
        for message in mail:
            self._tell(message)
        self._collect()

    @rule(trouble=st.sampled_from(["crash", "crash that cuts replies", "store fails", "store stores and fails"]))
    def trouble(self, trouble):
        """The session crashes, or the store fails until time passes. Replies on their way arrive, or are cut."""
        self.is_disturbed = True
        if "crash" in trouble:
            self._crash(arrives="cuts" not in trouble)
        else:
            self.store.is_failing, self.store.stores_all_the_same = True, "stores and" in trouble

    def _crash(self, *, arrives):
        for delivery_id, text in self.in_reply if arrives else ():
            self._receive(delivery_id, text)
        self.in_reply.clear()
        old = self.session.driver
        with contextlib.suppress(TypeError):
            old.tell(object())
        actor = SessionActor(self.deps, KEY)
        self.session.driver = Driver(actor, name=KEY, kind="session", runtime=old.runtime)
        self.replies.clear()

    # --- laws

    @invariant()
    def unknown_comes_only_of_a_disturbance(self):
        assert self.is_disturbed or not any("unknown" in row.states for row in self.store.rows.values())

    @invariant()
    def nothing_is_received_twice_without_a_disturbance(self):
        assert self.is_disturbed or all(len(row.received) <= 1 for row in self.store.rows.values())

    def teardown(self):
        """Every answer ends: it is sent, or kept or unknown when it is too old to be spoken."""
        for _ in range(2 * len(self.store.rows) + 2):
            self.time_passes(200.0, is_late=False)
            while self.in_reply:
                self.reply_ends(arrives=True)
            while "sending" in self.store.jobs.values():
                self.job_ends(Event.ACCEPTED, arrives=True)
            while "queued" in self.store.jobs.values():
                self.job_begins(is_allowed=False)
        assert {row.state for row in self.store.rows.values()} <= {"sent", "kept", "unknown"}

    @property
    def _now_s(self):
        return self.session.driver.clock.now_s()

    def _tell(self, message):
        self.session.driver.tell(message)
        self._collect()

    def _end_job(self, delivery_id):
        self.store.jobs[delivery_id] = "over"
        self._tell(AnswerNotified(KEY, delivery_id, self.store.rows[delivery_id].state))

    def _collect(self):
        """Put the answers of the replies that were given on their way."""
        given = [reply for reply in self.replies if reply.done]
        self.replies = [reply for reply in self.replies if not reply.done]
        for reply in given:
            with contextlib.suppress(StoreUnavailableError):
                said = reply.result()
                if said.message is not None:
                    self.in_reply.append((said.delivery_id, said.message))

    def _receive(self, delivery_id, text):
        """The wearer gets an answer; a second time it says so first."""
        row = self.store.rows[delivery_id]
        assert not row.received or text.startswith("Again: ")
        row.received.append(text)


def test_session_walks_the_delivery_table_whatever_happens():
    examples = 2_000 if os.environ.get("HYPOTHESIS_PROFILE") == "explore" else 60
    run_state_machine_as_test(
        DeliveryWalk, settings=settings(max_examples=examples, stateful_step_count=30, deadline=None)
    )
