"""Jobs that must not be enqueued, or cannot be read: enqueued dead, or buried, with a failure; the rest goes on."""

from functools import partial

import pytest
from msgspec.structs import replace

from omi_actors.domain.work.jobs import PayloadForm, check_payload
from omi_actors.errors import UnreadableJobError
from omi_actors.store.commits import MAX_PAYLOAD_BYTES
from omi_actors.store.dead_jobs import bury_unknown_kinds
from omi_actors.store.engine import Engine
from tests.store.builders import asking_commit, claim, do, first_commit, job, message, next_commit, rows

STATES = "SELECT job_id, state FROM job ORDER BY seq"


def test_question_beyond_the_cap_is_born_dead_and_told_so_and_its_turn_is_kept(engine: Engine) -> None:
    do(engine, first_commit(jobs=(job(1), job(2)), lane_cap=2))

    do(engine, next_commit(jobs=(job(3),), messages=(message(3),), lane_cap=2, epoch=2))

    assert rows(engine, STATES) == [("s1-j1", "ready"), ("s1-j2", "ready"), ("s1-j3", "dead")]
    assert rows(engine, "SELECT error FROM job WHERE state = 'dead'") == [("its lane holds 2 jobs (QUEUE_LANE_CAP)",)]
    assert rows(engine, "SELECT kind, job_id FROM message WHERE role = 'assistant'") == [("failure", "s1-j3")]
    assert rows(engine, "SELECT state FROM delivery") == [("pending",)]
    assert rows(engine, "SELECT count(*) FROM transcript_segment") == [(2,)]


def test_of_one_commit_only_the_newest_are_refused_and_what_ended_counts_no_more(engine: Engine) -> None:
    do(engine, first_commit(jobs=(job(1), job(2), job(3)), lane_cap=2))
    assert rows(engine, STATES) == [("s1-j1", "ready"), ("s1-j2", "ready"), ("s1-j3", "dead")]
    do(engine, lambda tx: tx.run("UPDATE job SET state = 'done' WHERE job_id = 's1-j1'"))

    do(engine, next_commit(jobs=(job(4),), lane_cap=2))

    assert rows(engine, STATES)[-1] == ("s1-j4", "ready")


def test_commits_of_a_group_have_their_own_lanes(engine: Engine) -> None:
    full = replace(asking_commit("s1"), jobs=(job(1), job(2)), lane_cap=1)

    outcomes = engine.commit_group([full, asking_commit("s2")])

    assert [outcome.error for outcome in outcomes] == [None, None]
    assert rows(engine, STATES) == [("s1-j1", "ready"), ("s1-j2", "dead"), ("s2-j1", "ready")]


def test_question_that_is_known_already_is_not_refused(engine: Engine) -> None:
    do(engine, replace(asking_commit(), lane_cap=1))

    do(engine, next_commit(jobs=(job(1, job_id="again"),), lane_cap=1))

    assert rows(engine, STATES) == [("s1-j1", "ready")]


def test_payload_that_is_too_large_is_refused_and_told_so(engine: Engine) -> None:
    large = job(payload={"question": "x" * MAX_PAYLOAD_BYTES})

    do(engine, replace(asking_commit(), jobs=(large,)))

    ((state, payload, error),) = rows(engine, "SELECT state, payload, error FROM job")
    assert (state, payload) == ("dead", "{}")
    assert str(MAX_PAYLOAD_BYTES) in error
    assert rows(engine, "SELECT kind FROM message WHERE role = 'assistant'") == [("failure",)]


@pytest.mark.parametrize("payload", ["{", "[1]", "7", ""])
def test_corrupt_row_is_claimed_as_such_and_holds_nobody_up(engine: Engine, payload: str) -> None:
    do(engine, asking_commit("s1"))
    do(engine, asking_commit("s2"))
    do(engine, lambda tx: tx.run("UPDATE job SET payload = ? WHERE lane = 's1'", (payload,)))

    corrupt, sound = claim(engine)

    assert (corrupt.is_corrupt, dict(corrupt.payload), sound.is_corrupt) == (True, {}, False)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"version": 2}, "s1-j1 has version 2; this program reads 1"),
        ({"version": 0}, "s1-j1 has version 0; this program reads 1"),
        ({"payload": {"n": 1}}, "s1-j1 lacks question"),
    ],
)
def test_payload_that_cannot_be_read_is_said_with_its_row_and_the_way_out(engine: Engine, changes, said) -> None:
    do(engine, first_commit(jobs=(job(**changes),)))
    (claimed,) = claim(engine)

    with pytest.raises(UnreadableJobError, match=f"{said}.*queue retry s1-j1"):
        check_payload(claimed, PayloadForm(1, frozenset({"question"})))


def test_jobs_of_unknown_kinds_are_buried_and_their_lanes_go_on(engine: Engine) -> None:
    do(engine, first_commit(jobs=(job(1, kind="dream"), job(2))))
    assert claim(engine) == []

    counts = do(engine, partial(bury_unknown_kinds, kinds=("answer", "notify")))

    assert counts == {"dream": 1}
    ((error,),) = rows(engine, "SELECT error FROM job WHERE state = 'dead'")
    assert "kind dream" in error
    assert "retry s1-j1" in error
    assert [one.job_id for one in claim(engine)] == ["s1-j2"]
