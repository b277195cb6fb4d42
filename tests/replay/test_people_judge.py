import pytest

from scripts.lab.replay.accept_log import AcceptLog, Deed, load_deeds, load_promises
from scripts.lab.replay.people_judge import ANY, judge_people

# What a change does to one thing: kind, key, new value.
MEMORY = ("memory", "m1", "first")
EDITED = ("memory", "m1", "second")
DELETED = ("memory", "m1", None)
QUESTION, ANSWER = ("message", "q1", "why?"), ("answer", "q1", ANY)


def _log(*changes):
    """Return the deeds of changes, each given as its steps, and True if it was acknowledged."""
    for number, (steps, is_acknowledged) in enumerate(changes, start=1):
        for acknowledged in (False, True) if is_acknowledged else (False,):
            yield from (Deed("ada", what, key, value, number, acknowledged) for what, key, value in steps)


def _kept(**things):
    return {("ada", *name.split("_")): values for name, values in things.items()}


def test_all_that_was_acknowledged_is_as_it_was_acknowledged():
    log = _log(([MEMORY], True), ([EDITED], True), ([QUESTION, ANSWER], True), ([("device", "d1", None)], True))

    verdict = judge_people(log, _kept(memory_m1=["second"], message_q1=["why?"], answer_q1=["So."]))

    assert verdict.is_kept, verdict.wrongs()
    assert (verdict.changes, verdict.acknowledged, verdict.things, verdict.open) == (4, 4, 4, 0)
    assert verdict.kinds == {"answer": 1, "device deleted": 1, "memory": 2, "message": 1}


@pytest.mark.parametrize(
    ("changes", "kept", "wrong"),
    [
        ([([MEMORY], True)], {}, {"lost": ["ada/memory/m1"]}),
        ([([MEMORY], True), ([EDITED], False)], {}, {"lost": ["ada/memory/m1"]}),
        ([([MEMORY], False)], {"memory_m1": ["first", "first"]}, {"stored_twice": ["ada/memory/m1"]}),
        ([([MEMORY], True), ([EDITED], True)], {"memory_m1": ["first"]}, {"altered": ["ada/memory/m1"]}),
        ([([MEMORY], True), ([EDITED], False)], {"memory_m1": ["third"]}, {"altered": ["ada/memory/m1"]}),
        ([([MEMORY], True), ([DELETED], True)], {"memory_m1": ["first"]}, {"came_back": ["ada/memory/m1"]}),
        ([([QUESTION, ANSWER], True)], {"message_q1": ["why?"]}, {"lost": ["ada/answer/q1"]}),
        ([([QUESTION, ANSWER], False)], {"message_q1": ["why?"]}, {"half_stored": ["ada/message/q1"]}),
        ([], {"memory_m2": ["nobody's"]}, {"never_sent": ["ada/memory/m2"]}),
    ],
)
def test_verdict_names_the_broken_promise(changes, kept, wrong):
    verdict = judge_people(_log(*changes), _kept(**kept))

    assert not verdict.is_kept
    assert {name: getattr(verdict, name) for name in wrong} == wrong
    assert len(verdict.wrongs()) == 1


@pytest.mark.parametrize("found", [["first"], ["second"], []])
def test_change_that_was_not_acknowledged_is_there_or_not(found):
    log = _log(([MEMORY], True), ([EDITED], False), ([DELETED], False))

    verdict = judge_people(log, _kept(memory_m1=found))

    assert verdict.is_kept, verdict.wrongs()
    assert verdict.open == 2


def test_value_of_a_change_that_was_not_acknowledged_must_not_come_after_a_later_one():
    log = _log(([MEMORY], True), ([EDITED], False), ([("memory", "m1", "third")], True))

    assert judge_people(log, _kept(memory_m1=["second"])).altered == ["ada/memory/m1"]


def test_deletion_that_was_not_acknowledged_takes_all_of_a_conversation_or_nothing():
    log = [([QUESTION, ANSWER], True), ([("message", "q1", None), ("answer", "q1", None)], False)]

    half = judge_people(_log(*log), _kept(answer_q1=["So."]))

    assert half.half_stored == ["ada/message/q1"]
    assert judge_people(_log(*log), {}).is_kept
    assert judge_people(_log(*log), _kept(message_q1=["why?"], answer_q1=["So."])).is_kept


def test_refused_change_is_an_error():
    assert judge_people([], {}, refused=["PUT /preferences: 400"]).wrongs() == [
        "people, refused: PUT /preferences: 400"
    ]


def test_accept_log_keeps_deeds_apart_from_webhooks(tmp_path):
    deeds = [*_log(([MEMORY], True), ([DELETED], False))]
    with AcceptLog(tmp_path / "log") as log:
        log.append(*deeds)

    assert [*load_deeds(tmp_path / "log")] == deeds
    assert [*load_promises(tmp_path / "log")] == []
