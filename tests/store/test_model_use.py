from dataclasses import replace
from functools import partial

from omi_actors.clock import ManualClock
from omi_actors.domain.answers.budget import Spending, Use, Used
from omi_actors.store import dead_jobs, jobs, retention
from omi_actors.store.engine import Engine, StoreConfig
from omi_actors.store.model_use import add_use, load_use
from omi_actors.store.transaction import NodeIdentity
from tests.store.builders import answer, asking_commit, claim, count, do


def spend(engine: Engine, owner: str = "omi:s1", tokens: int = 10) -> None:
    do(engine, partial(add_use, spent=Spending(owner, tokens)))


def used(engine: Engine, key: str = "omi:s1") -> Use:
    return engine.read(partial(load_use, session_key=key))


def test_questions_of_a_minute_and_tokens_of_a_day_are_counted_by_owner_and_for_all(engine: Engine) -> None:
    spend(engine)
    spend(engine, tokens=5)
    spend(engine, owner="omi:s2")

    assert used(engine) == Use(owner=Used(2, 15), all=Used(3, 25))
    assert used(engine, "omi:nobody") == Use(owner=Used(), all=Used(3, 25))


def test_a_minute_and_a_day_begin_anew(engine: Engine, clock: ManualClock) -> None:
    spend(engine)

    clock.advance(60)
    assert used(engine) == Use(owner=Used(0, 10), all=Used(0, 10))
    spend(engine)
    assert used(engine) == Use(owner=Used(1, 20), all=Used(1, 20))

    clock.advance(86_400)
    assert used(engine) == Use()


def test_what_was_used_survives_a_restart_and_counts_over_all_nodes(engine: Engine, config: StoreConfig) -> None:
    spend(engine)
    engine.close()
    other = Engine(config, NodeIdentity("node-b", 1))
    other.open()

    spend(other)

    assert used(other) == Use(owner=Used(2, 20), all=Used(2, 20))
    other.close()


def test_an_answer_is_counted_in_its_own_transaction_and_once(engine: Engine) -> None:
    do(engine, asking_commit())
    (held,) = claim(engine)
    done = replace(answer(held), spent=Spending("omi:s1", 7))

    for _ in range(2):
        do(engine, partial(jobs.complete_answer, done=done))

    assert used(engine).owner == Used(1, 7)


def test_a_failure_that_the_model_was_asked_for_counts_as_a_question(engine: Engine) -> None:
    do(engine, asking_commit())
    (held,) = claim(engine)
    failure = replace(answer(held, kind="failure"), spent=Spending("omi:s1", 0))

    do(engine, lambda tx: dead_jobs.bury_job(tx, held.job_id, held.token, error="X", failure=failure))

    assert used(engine).owner == Used(1, 0)


def test_a_deleted_owner_leaves_no_count_behind(engine: Engine) -> None:
    do(engine, asking_commit())
    spend(engine)

    do(engine, lambda tx: retention.delete_session(tx, "omi:s1"))

    assert used(engine).owner == Used()
    assert count(engine, "model_use") == 1
