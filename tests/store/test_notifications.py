from functools import partial
from typing import Any

import pytest

from omi_actors.clock import ManualClock
from omi_actors.domain.answers.delivery_records import OpenAnswer
from omi_actors.domain.answers.notifications import NotificationBegun, NotificationEnd, NotificationLimits
from omi_actors.domain.work.jobs import ClaimedJob
from omi_actors.errors import LeaseLostError
from omi_actors.jobs.notify import build_notify_job
from omi_actors.store import dead_jobs as lost_jobs
from omi_actors.store import jobs
from omi_actors.store.answers import change_delivery, load_open_answers, load_waiting_answers
from omi_actors.store.engine import Engine, StoreConfig
from omi_actors.store.nodes import register_node
from omi_actors.store.notifications import begin_notification, end_notification, enqueue_notification
from omi_actors.store.people.preferences import change_preferences
from omi_actors.store.transaction import NodeIdentity, Transaction
from tests.store.builders import NOW, answer, asking_commit, claim, do, first_commit, rows, step

DELIVERY = "s1-j1-d"
STANDING = (
    "SELECT delivery.state, delivery.channel, event.status, event.error FROM delivery LEFT JOIN notification_event"
)
STANDING += " AS event ON event.delivery_id = delivery.id ORDER BY delivery.id"


def answer_question(engine: Engine, session: str = "s1") -> str:
    """A question is asked and answered; return the delivery, which is pending."""
    do(engine, asking_commit(session))
    (held,) = claim(engine)
    do(engine, partial(jobs.complete_answer, done=answer(held, session=session)))
    return f"{session}-j1-d"


def enqueue(engine: Engine, delivery_id: str = DELIVERY, key: str = "omi:s1") -> bool:
    job = build_notify_job(delivery_id, key, "r1", NOW)
    chosen: bool = do(
        engine,
        partial(enqueue_notification, change=step(delivery_id, ("pending",), "pending", "notify"), job=job),
    )
    return chosen


def claim_notification(engine: Engine) -> ClaimedJob:
    (held,) = claim(engine, kinds=("notify",))
    return held


def begin(engine: Engine, held: ClaimedJob, per_hour: int = 10, *, is_set_aside: bool = False) -> NotificationBegun:
    begun: NotificationBegun = do(
        engine,
        lambda tx: begin_notification(
            tx,
            job_id=held.job_id,
            token=held.token,
            delivery_id=held.payload["delivery_id"],
            limits=NotificationLimits(expires_s=600.0, per_hour=per_hour, is_set_aside=is_set_aside),
        ),
    )
    return begun


def end(engine: Engine, held: ClaimedJob, state: str, *, is_over: bool = True, error: str = "") -> None:
    ended = NotificationEnd(
        job_id=held.job_id,
        token=held.token,
        delivery_id=held.payload["delivery_id"],
        state=state,
        error=error,
        is_over=is_over,
    )
    do(engine, partial(end_notification, end=ended))


def notify(engine: Engine, session: str, state: str = "sent") -> str:
    """Let a question of a new session be answered by a notification; return where its delivery stands."""
    enqueue(engine, answer_question(engine, session), f"omi:{session}")
    held = claim_notification(engine)
    begun = begin(engine, held)
    if begun.text is not None:
        end(engine, held, state)
    return begun.state


@pytest.fixture
def held(engine: Engine) -> ClaimedJob:
    """The claimed job of a notification that was chosen for the answer of s1."""
    answer_question(engine)
    assert enqueue(engine)
    return claim_notification(engine)


def test_a_notification_goes_its_way(engine: Engine, held: ClaimedJob) -> None:
    begun = begin(engine, held)
    assert begun == NotificationBegun(state="sending", uid="s1", text="because")
    assert rows(engine, STANDING) == [("sending", "notify", "sending", None)]

    end(engine, held, "sent")

    assert rows(engine, STANDING) == [("sent", "notify", "sent", None)]
    assert rows(engine, "SELECT state, payload FROM job WHERE kind = 'notify'") == [("done", "{}")]


def test_a_notification_is_enqueued_once_for_a_delivery(engine: Engine) -> None:
    answer_question(engine)

    assert [enqueue(engine), enqueue(engine)] == [True, True]

    assert rows(engine, "SELECT idempotency_key, session_id FROM job WHERE kind = 'notify'") == [
        (f"notify:{DELIVERY}", "s1")
    ]


@pytest.mark.parametrize("state", ["sending", "sent", "kept", "unknown"])
def test_a_delivery_that_moved_on_is_not_enqueued(engine: Engine, state: str) -> None:
    answer_question(engine)
    do(engine, partial(change_delivery, change=step(DELIVERY, ("pending",), state)))

    assert not enqueue(engine)

    assert rows(engine, "SELECT count(*) FROM job WHERE kind = 'notify'") == [(0,)]


@pytest.mark.parametrize("state", ["sending", "sent", "kept", "unknown"])
def test_an_answer_that_another_way_took_is_not_notified(engine: Engine, held: ClaimedJob, state: str) -> None:
    do(engine, partial(change_delivery, change=step(DELIVERY, ("pending",), state, "next_webhook")))

    begun = begin(engine, held)

    assert (begun.text, begun.state) == (None, state)
    assert rows(engine, STANDING) == [(state, "next_webhook", None, None)]
    assert rows(engine, "SELECT state FROM job WHERE kind = 'notify'") == [("done",)]


def test_an_old_answer_is_kept_and_not_notified(engine: Engine, held: ClaimedJob, clock: ManualClock) -> None:
    clock.advance(602)

    begun = begin(engine, held)

    assert (begun.text, begun.reason) == (None, "expired")
    assert rows(engine, STANDING) == [("kept", "", None, None)]


def test_an_answer_that_omi_is_set_aside_for_too_long_for_is_kept(engine: Engine, held: ClaimedJob) -> None:
    begun = begin(engine, held, is_set_aside=True)

    assert (begun.text, begun.state, begun.reason) == (None, "kept", "set_aside")
    assert rows(engine, STANDING) == [("kept", "", None, None)]
    assert rows(engine, "SELECT state FROM job WHERE kind = 'notify'") == [("done",)]


@pytest.mark.parametrize("flag", ["mute", "meeting_transcribe"])
def test_an_answer_that_its_person_does_not_want_now_is_kept(engine: Engine, held: ClaimedJob, flag: str) -> None:
    do(engine, partial(fill_account, account_id="a1"))
    do(engine, partial(change_preferences, account_id="a1", changes={flag: True}, default_conversation=None))

    begun = begin(engine, held)

    assert (begun.text, begun.state, begun.reason) == (None, "kept", "unwanted")
    assert rows(engine, "SELECT state FROM job WHERE kind = 'notify'") == [("done",)]


def fill_account(tx: Transaction, account_id: str) -> None:
    """Make an account the owner of all sessions."""
    tx.run(
        "INSERT INTO account (id, email, password_hash, role, created_at, updated_at) VALUES (?, '', '', 'user', 1, 1)",
        (account_id,),
    )
    tx.run("UPDATE session SET account_id = ?", (account_id,))


def test_a_cut_notification_is_unknown_and_never_sent_again(engine: Engine, held: ClaimedJob) -> None:
    begin(engine, held)
    do(engine, lambda tx: jobs.release_job(tx, held.job_id, held.token))

    begun = begin(engine, claim_notification(engine))

    assert (begun.text, begun.state, begun.reason) == (None, "unknown", "cut")
    assert rows(engine, STANDING) == [("unknown", "notify", "unknown", "cut")]
    assert claim(engine, kinds=("notify",)) == []


def test_a_notification_that_a_dead_process_had_begun_is_unknown(engine: Engine, node: NodeIdentity) -> None:
    def register() -> Any:
        found = do(engine, lambda tx: register_node(tx, lease_s=15, max_deliveries=3))
        node.incarnation = found.incarnation
        return found

    register()
    answer_question(engine)
    enqueue(engine)
    begin(engine, claim_notification(engine))

    assert register().unknown_channels == ("notify",)

    assert rows(engine, STANDING) == [("unknown", "notify", "unknown", None)]
    assert begin(engine, claim_notification(engine)).text is None


def test_a_notification_that_certainly_reached_nobody_is_tried_again(engine: Engine, held: ClaimedJob) -> None:
    begin(engine, held)
    end(engine, held, "pending", is_over=False, error="unreachable")
    assert rows(engine, STANDING) == [("pending", "notify", "queued", "unreachable")]
    do(engine, lambda tx: jobs.retry_job(tx, held.job_id, held.token, run_at=NOW, error="X"))

    begun = begin(engine, claim_notification(engine))

    assert begun.text == "because"


def test_a_webhook_may_take_the_answer_between_two_attempts(engine: Engine, held: ClaimedJob) -> None:
    begin(engine, held)
    end(engine, held, "pending", is_over=False, error="unreachable")
    do(engine, lambda tx: jobs.retry_job(tx, held.job_id, held.token, run_at=NOW, error="X"))
    do(engine, partial(change_delivery, change=step(DELIVERY, ("pending",), "sending", "next_webhook")))

    assert begin(engine, claim_notification(engine)).text is None

    assert rows(engine, STANDING) == [("sending", "next_webhook", "error", "taken")]


def test_a_refused_notification_leaves_its_answer_for_the_next_contact(engine: Engine, held: ClaimedJob) -> None:
    begin(engine, held)

    end(engine, held, "kept", error="unauthorized")

    assert rows(engine, STANDING) == [("kept", "", "error", "unauthorized")]
    assert rows(engine, "SELECT state FROM job WHERE kind = 'notify'") == [("done",)]


def test_only_the_leases_holder_begins_and_ends(engine: Engine, held: ClaimedJob, clock: ManualClock) -> None:
    begin(engine, held)
    clock.advance(31)
    do(engine, partial(lost_jobs.reap_jobs, max_deliveries=3, max_losses=10))

    with pytest.raises(LeaseLostError):
        begin(engine, held)
    with pytest.raises(LeaseLostError):
        end(engine, held, "sent")
    with pytest.raises(LeaseLostError):
        end(engine, held, "pending", is_over=False)

    assert rows(engine, STANDING) == [("sending", "notify", "sending", None)]


def ask_and_notify(engine: Engine, number: int, per_hour: int, state: str = "sent") -> str:
    """One more answer of s1, by a notification; return why it was not sent, "" if it was."""
    message_id, delivery_id = f"m{number}", f"d{number}"
    do(
        engine,
        lambda tx: tx.run(
            "INSERT INTO message (id, session_id, conversation_id, role, kind, source, text, created_at)"
            " VALUES (?, 's1', 's1-c1', 'assistant', 'answer', 'system', 'x', ?)",
            (message_id, tx.now_s()),
        ),
    )
    do(
        engine,
        lambda tx: tx.run(
            "INSERT INTO delivery (id, session_id, message_id, state, created_at, changed_at)"
            " VALUES (?, 's1', ?, 'pending', ?, ?)",
            (delivery_id, message_id, tx.now_s(), tx.now_s()),
        ),
    )
    enqueue(engine, delivery_id)
    held = claim_notification(engine)
    begun = begin(engine, held, per_hour)
    if begun.text is not None:
        end(engine, held, state)
    return begun.reason


@pytest.mark.parametrize(("state", "spends"), [("sent", True), ("unknown", True), ("kept", False)])
def test_an_hours_budget_is_spent_by_what_may_have_been_sent(engine: Engine, state: str, *, spends: bool) -> None:
    do(engine, first_commit())

    reasons = [ask_and_notify(engine, number, 3, state) for number in range(4)]

    assert reasons == ["", "", "", "no_budget" if spends else ""]


def test_the_budget_survives_a_restart_and_is_renewed_with_the_clocks_hour(
    engine: Engine, config: StoreConfig, clock: ManualClock
) -> None:
    do(engine, first_commit())
    ask_and_notify(engine, 1, 1)
    engine.close()
    again = Engine(config, NodeIdentity("node-a", 2))
    again.open()
    spent = ask_and_notify(again, 2, 1)

    clock.advance(3600 - NOW % 3600)
    renewed = ask_and_notify(again, 3, 1)

    assert (spent, renewed) == ("no_budget", "")
    assert rows(again, "SELECT id, state FROM delivery ORDER BY id") == [("d1", "sent"), ("d2", "kept"), ("d3", "sent")]
    again.close()


def test_each_wearer_has_a_budget_of_their_own(engine: Engine) -> None:
    do(engine, first_commit())
    ask_and_notify(engine, 1, 1)

    assert notify(engine, "s2") == "sending"


def test_a_session_loads_the_answers_that_it_still_owes(engine: Engine) -> None:
    answer_question(engine)
    asked_at = NOW + 1
    owed = OpenAnswer(
        delivery_id=DELIVERY, job_id="s1-j1", text="because", state="pending", channel="", asked_at=asked_at
    )

    assert engine.read(lambda tx: load_open_answers(tx, "s1", since=NOW)) == (owed,)

    assert engine.read(lambda tx: load_open_answers(tx, "s1", since=NOW + 1)) == ()
    do(engine, partial(change_delivery, change=step(DELIVERY, ("pending",), "sending")))
    assert engine.read(lambda tx: load_open_answers(tx, "s1", since=NOW)) == ()


def test_only_answers_that_nobody_has_begun_to_give_are_waiting(engine: Engine) -> None:
    for session in ("s1", "s2", "s3"):
        answer_question(engine, session)
    enqueue(engine)
    do(engine, partial(change_delivery, change=step("s2-j1-d", ("pending",), "kept", "")))

    def waiting(node: str = "node-a", until: float = NOW) -> list[str]:
        found = engine.read(lambda tx: load_waiting_answers(tx, node=node, until=until, limit=9))
        return [one.session_key for one in found]

    assert waiting() == ["omi:s3"]
    assert [waiting(node="node-b"), waiting(until=NOW - 1)] == [[], []]


def test_answer_whose_notification_job_ran_while_a_reply_held_it_is_kept_for_a_next_reply(engine):
    answer_question(engine)
    enqueue(engine)
    do(engine, partial(change_delivery, change=step(DELIVERY, ("pending",), "sending", "next_webhook")))
    begin(engine, claim_notification(engine))
    do(engine, partial(change_delivery, change=step(DELIVERY, ("sending",), "pending", "")))

    assert enqueue(engine) is True

    assert rows(engine, "SELECT state, channel FROM delivery") == [("kept", "")]
