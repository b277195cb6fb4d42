"""The operator's hand in the queue, on the rows."""

from dataclasses import replace
from functools import partial

import pytest

from omi_actors.domain.work.queue_admin import Action, JobFilter, Requester
from omi_actors.errors import UpstreamUnavailableError
from omi_actors.store import dead_jobs, jobs, queue_admin
from omi_actors.store.engine import Engine
from omi_actors.store.notifications import enqueue_notification
from tests.store.builders import NOW, alone, answer, asking_commit, claim, do, first_commit, job, rows, step


def bury(engine: Engine, session: str = "s1") -> None:
    """Let a session ask, and its answer fail with a sentence."""
    do(engine, asking_commit(session))
    (held,) = claim(engine)
    failure = answer(held, session=session, kind="failure", text="I could not.")
    do(engine, partial(dead_jobs.bury_job, job_id=held.job_id, token=held.token, error="no", failure=failure))


def change(engine: Engine, action: Action, chosen: JobFilter = JobFilter()) -> int:  # noqa: B008 (frozen)
    done = alone(engine, partial(queue_admin.change_jobs, action=action, chosen=chosen, by=Requester(request_id="r1")))
    count: int = done.count
    return count


def states(engine: Engine) -> list[tuple[object, ...]]:
    return rows(engine, "SELECT job_id, state FROM job ORDER BY seq")


def test_jobs_are_listed_newest_first_by_page_and_by_what_they_are(engine: Engine) -> None:
    for name in ("s1", "s2", "s3"):
        do(engine, first_commit(name, jobs=(job(session=name), job(2, session=name, kind="notify", lane=f"n:{name}"))))

    def listed(chosen: JobFilter, before: int | None = None, limit: int = 10) -> list[str]:
        found = engine.read_cold(partial(queue_admin.list_jobs, chosen=chosen, before=before, limit=limit))
        return [one.job_id for one in found]

    assert listed(JobFilter(), limit=2) == ["s3-j2", "s3-j1"]
    assert listed(JobFilter(), before=5) == ["s2-j2", "s2-j1", "s1-j2", "s1-j1"]
    assert listed(JobFilter(kind="notify", state="ready")) == ["s3-j2", "s2-j2", "s1-j2"]
    assert listed(JobFilter(session_key="omi:s2")) == ["s2-j2", "s2-j1"]
    assert listed(JobFilter(lane="n:s1")) == ["s1-j2"]
    assert listed(JobFilter(session_key="omi:nobody")) == []


def test_retried_dead_answer_is_answered_once_more_and_its_failure_stays_in_the_transcript(engine: Engine) -> None:
    bury(engine)

    assert change(engine, Action.RETRY) == 1

    (held,) = claim(engine)
    assert (held.job_id, held.attempt, dict(held.payload)) == ("s1-j1", 1, job().payload)
    again = answer(held)
    again = replace(again, message=replace(again.message, message_id="again"))
    again = replace(again, delivery=replace(again.delivery, message_id="again", delivery_id="again"))
    do(engine, partial(jobs.complete_answer, done=again))
    told = rows(engine, "SELECT role, kind, job_id FROM message ORDER BY created_at, role DESC, kind DESC")
    assert told == [("user", "question", "s1-j1"), ("assistant", "failure", None), ("assistant", "answer", "s1-j1")]


def test_failure_that_nobody_heard_yet_is_not_said_besides_the_answer(engine: Engine) -> None:
    bury(engine)

    change(engine, Action.RETRY)

    assert rows(engine, "SELECT count(*) FROM delivery") == [(0,)]


def test_failure_that_was_heard_stays_heard(engine: Engine) -> None:
    bury(engine)
    do(engine, lambda tx: tx.run("UPDATE delivery SET state = 'sent'"))

    change(engine, Action.RETRY)

    assert rows(engine, "SELECT state FROM delivery") == [("sent",)]


def test_retried_job_that_dies_again_says_so_again(engine: Engine) -> None:
    bury(engine)
    change(engine, Action.RETRY)
    (held,) = claim(engine)

    do(engine, partial(dead_jobs.bury_job, job_id=held.job_id, token=held.token, error="no", failure=None))

    assert rows(engine, "SELECT count(*) FROM message WHERE kind = 'failure'") == [(2,)]
    assert rows(engine, "SELECT state FROM delivery") == [("pending",)]


def test_only_what_is_dead_is_retried(engine: Engine) -> None:
    do(engine, asking_commit())

    assert change(engine, Action.RETRY) == 0
    assert states(engine) == [("s1-j1", "ready")]


def test_discarded_question_is_told_that_there_is_no_answer_and_its_text_leaves_the_job(engine: Engine) -> None:
    do(engine, asking_commit())

    assert change(engine, Action.DISCARD) == 1

    assert rows(engine, "SELECT state, payload, error FROM job") == [("cancelled", "{}", "discarded by the operator")]
    assert rows(engine, "SELECT kind FROM message WHERE role = 'assistant'") == [("failure",)]
    assert rows(engine, "SELECT state FROM delivery") == [("pending",)]
    assert claim(engine) == []


def test_discarded_dead_letter_says_nothing_twice(engine: Engine) -> None:
    bury(engine)

    assert change(engine, Action.DISCARD) == 1

    assert rows(engine, "SELECT count(*) FROM message WHERE role = 'assistant'") == [(1,)]


def test_what_runs_is_left_to_end(engine: Engine) -> None:
    do(engine, asking_commit())
    claim(engine)

    assert change(engine, Action.DISCARD) == 0


def notify(engine: Engine) -> None:
    """Let an answer wait for its notification."""
    do(engine, asking_commit())
    (held,) = claim(engine)
    do(engine, partial(jobs.complete_answer, done=answer(held)))
    telling = job(9, kind="notify", lane="notify:s1", idempotency_key="notify:s1-j1-d")
    do(engine, partial(enqueue_notification, change=step("s1-j1-d", ("pending",), "pending", "notify"), job=telling))


def test_answer_whose_notification_is_discarded_waits_for_the_next_contact(engine: Engine) -> None:
    notify(engine)

    change(engine, Action.DISCARD, JobFilter(kind="notify"))

    assert rows(engine, "SELECT state, channel FROM delivery") == [("kept", "")]


def test_dead_notification_that_is_retried_is_made_unless_the_answer_was_given(engine: Engine) -> None:
    notify(engine)
    (held,) = claim(engine, kinds=("notify",))
    error = type(UpstreamUnavailableError("as told")).__name__
    do(engine, partial(dead_jobs.bury_job, job_id=held.job_id, token=held.token, error=error, failure=None))
    assert rows(engine, "SELECT state, channel FROM delivery") == [("kept", "")]

    change(engine, Action.RETRY)

    assert rows(engine, "SELECT state, channel FROM delivery") == [("pending", "notify")]
    assert len(claim(engine, kinds=("notify",))) == 1


def test_choice_is_counted_and_its_confirmation_is_of_this_choice_only(engine: Engine) -> None:
    bury(engine)
    do(engine, asking_commit("s2"))

    def choose(action: Action, chosen: JobFilter) -> tuple[int, str]:
        choice = engine.read_cold(partial(queue_admin.choose_jobs, action=action, chosen=chosen))
        return choice.count, choice.confirmation(action, chosen)

    everything = JobFilter()
    counted = choose(Action.DISCARD, everything)
    assert counted[0] == 2
    assert choose(Action.RETRY, everything)[0] == 1
    assert choose(Action.DISCARD, everything) == counted
    assert choose(Action.DISCARD, JobFilter(kind="answer"))[1] != counted[1]
    do(engine, asking_commit("s3"))
    assert choose(Action.DISCARD, everything)[1] != counted[1]


def test_nothing_newer_than_what_was_counted_is_changed(engine: Engine) -> None:
    do(engine, asking_commit("s1"))
    last_seq = engine.read_cold(partial(queue_admin.choose_jobs, action=Action.DISCARD, chosen=JobFilter())).last_seq
    do(engine, asking_commit("s2"))

    assert change(engine, Action.DISCARD, JobFilter(up_to=last_seq)) == 1

    assert states(engine) == [("s1-j1", "cancelled"), ("s2-j1", "ready")]


def test_paused_kind_is_neither_claimed_nor_born_leased(engine: Engine) -> None:
    do(engine, first_commit("s1", jobs=(job(), job(2, kind="notify", lane="n"))))
    alone(engine, partial(queue_admin.pause_kind, kind="answer", by=Requester(request_id="r1")))

    assert claim(engine) == []
    assert [one.kind for one in claim(engine, kinds=("answer", "notify"))] == ["notify"]
    assert do(engine, partial(jobs.commit_leased, commit=asking_commit("s2"), token="t", lease_s=30.0)) is None  # noqa: S106

    alone(engine, partial(queue_admin.resume_kind, kind="*", by=Requester(request_id="r2")))
    assert [one.job_id for one in claim(engine)] == ["s1-j1", "s2-j1"]


@pytest.mark.parametrize("kind", ["answer", "*"])
def test_pausing_twice_changes_nothing_more(engine: Engine, kind: str) -> None:
    assert alone(engine, partial(queue_admin.pause_kind, kind=kind, by=Requester(request_id="")))
    assert not alone(engine, partial(queue_admin.pause_kind, kind=kind, by=Requester(request_id="")))
    assert claim(engine) == []
    assert alone(engine, partial(queue_admin.resume_kind, kind=kind, by=Requester(request_id="")))
    assert not alone(engine, partial(queue_admin.resume_kind, kind=kind, by=Requester(request_id="")))


def test_everything_that_is_done_is_recorded_in_ids(engine: Engine) -> None:
    bury(engine)
    change(engine, Action.RETRY, JobFilter(session_key="omi:s1"))
    alone(engine, partial(queue_admin.pause_kind, kind="answer", by=Requester(request_id="r2")))
    detail = alone(engine, partial(queue_admin.show_text, job_id="s1-j1", by=Requester(request_id="r3")))

    events = engine.read_cold(partial(queue_admin.load_events, before=None, limit=10))

    assert detail.question == "question 1"
    assert [(one.who, one.action, dict(one.target), one.job_count, one.request_id) for one in events] == [
        ("operator", "show_text", {"job": "s1-j1"}, 1, "r3"),
        ("operator", "pause", {"kind": "answer"}, 0, "r2"),
        ("operator", "retry", {"session": "s1"}, 1, "r1"),
    ]
    assert events[0].happened_at == NOW
    older = engine.read_cold(partial(queue_admin.load_events, before=events[0].number, limit=1))
    assert [one.action for one in older] == ["pause"]
