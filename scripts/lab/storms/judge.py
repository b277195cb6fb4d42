"""The promises, held against a storm: what the wearers know, what the store holds, and what is left in memory.

Not here: noting it (wearers.py). Threads: the main one. The store is read when all is calm.
"""

import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from omi_actors.domain.answers.notifications import HOUR_S, hour_start_s
from omi_actors.domain.answers.sentences import SENTENCES
from omi_actors.domain.sessions.keys import wearable_key
from omi_actors.kit.handle import Handle
from omi_actors.kit.spec import ChildState
from omi_actors.store.engine import DATABASE_FILE
from scripts.lab.simulate.judge import letters
from scripts.lab.simulate.kinds import Kind
from scripts.lab.simulate.plan import Plan
from scripts.lab.storms.node import Node
from scripts.lab.storms.outside import StormOmi
from scripts.lab.storms.wearers import Heard, segments_of
from scripts.lab.storms.world import World

# Seconds from a question to its stored answer, without the seconds of trouble: the model's 20 s, with a breaker's pause
# and the job's retries within them; a lost hint, found by the next tick; the end of a lease that nobody renews (30 s)
# and the heartbeat (5 s) that takes its job back.
_BOUND_S = 60.0
# Seconds by which a stored time may differ from the virtual one: the clock is put forward and back.
_LEAPT_S = 45.0
# ANSWER_EXPIRES_S, after which an answer is shown, not spoken.
_EXPIRES_S = 600.0
# Seconds after the hour in which a notification of the hour before may still arrive at Omi.
_LATE_S = 12.0
# Kinds of talk whose questions are whole in one webhook, with nobody's words between: hearing is no subject here.
_SURE = (Kind.PLAIN, Kind.TWO_SEGMENTS)
_AGAIN = tuple(sorted({sentences.again for sentences in SENTENCES.values()}))

_ANSWERS = """
SELECT session.session_key, asked.text, asked.created_at, said.text, said.created_at, said.rowid, delivery.state,
    job.state
FROM message AS asked JOIN session ON session.id = asked.session_id
LEFT JOIN message AS said ON said.job_id = asked.job_id AND said.role = 'assistant'
LEFT JOIN delivery ON delivery.message_id = said.id
LEFT JOIN job ON job.job_id = asked.job_id
WHERE asked.role = 'user' ORDER BY job.seq
"""


@dataclass(frozen=True, slots=True)
class Asked:
    """A stored question with its answer, the answer's place among all, and its delivery; None for what is missing."""

    session_key: str
    question: str
    asked_at: float
    answer: str | None
    answered_at: float | None
    place: int | None
    delivery: str | None
    job: str | None


def judge(world: World, node: Node, plan: Plan) -> tuple[list[str], int]:
    """Return all broken promises of a storm that is over, and the number of its questions."""
    with closing(sqlite3.connect(node.folder / DATABASE_FILE)) as con:
        asked = [Asked(*row) for row in con.execute(_ANSWERS)]
        segments = con.execute(
            "SELECT session_key, key, seq, text FROM transcript_segment JOIN session ON session.id = session_id"
        ).fetchall()
        jobs = con.execute("SELECT kind, state FROM job WHERE state IN ('ready', 'running')").fetchall()
        two_answers = con.execute(
            "SELECT job_id, count(*) FROM message WHERE role = 'assistant' GROUP BY job_id HAVING count(*) > 1"
        ).fetchall()
    wrongs = list(world.wrongs)
    wrongs += judge_stored(node, segments)
    wrongs += judge_questions(node, plan, asked)
    wrongs += [f"{count} answers of one job" for _, count in two_answers]
    wrongs += judge_answers(world, node, asked)
    wrongs += judge_heard(world, node, asked)
    wrongs += [f"a {kind} job is left {state}" for kind, state in jobs]
    wrongs += judge_budget(node)
    wrongs += judge_memory(node)
    return wrongs, len(asked)


def judge_stored(node: Node, segments: Sequence[tuple[str, str, int, str]]) -> Iterator[str]:
    """Acknowledged is durable, with its words, and in order."""
    stored = {(session_key, key): (seq, text) for session_key, key, seq, text in segments}
    said: dict[tuple[str, str], set[str]] = defaultdict(set)
    last: dict[str, int] = defaultdict(int)
    for body in node.hearing.sent:
        for segment in segments_of(body):
            place = _place_of(body), str(segment["id"])
            is_new = place not in said
            said[place].add(str(segment["text"]))
            if body not in node.hearing.acknowledged:
                continue
            seq, _ = stored.get(place, (0, ""))
            if not seq:
                yield f"acknowledged and not stored: {place}"
            elif is_new and node.hearing.was_taken_at_once(body):
                if seq <= last[place[0]]:
                    yield f"out of order: {place} is number {seq}, after {last[place[0]]}"
                last[place[0]] = seq
    yield from (f"stored with other words: {place}" for place, (_, text) in stored.items() if text not in said[place])


def _place_of(body: str) -> str:
    """Return the session's key of a webhook: its wearable is named in the body, too."""
    return wearable_key(body.split('"', 4)[3])


def judge_questions(node: Node, plan: Plan, asked: Sequence[Asked]) -> Iterator[str]:
    """A question whose one webhook was acknowledged is taken in, and only once.

    One that a pause has ended may be taken in anew, when words come that may belong to it (docs/hearing.md).
    """
    found = Counter((one.session_key, letters(one.question)) for one in asked)
    sure: Counter[tuple[str, str]] = Counter()
    may_be: Counter[tuple[str, str]] = Counter()
    open_ended: Counter[tuple[str, str]] = Counter()
    for planned in plan.asked:
        which = (wearable_key(planned.uid), letters(planned.words))
        may_be[which] += planned.body in node.hearing.sent
        open_ended[which] += planned.kind not in _SURE
        sure[which] += planned.kind in _SURE and planned.body in node.hearing.acknowledged
    for which, count in sure.items():
        if found[which] < count:
            yield f"acknowledged, and no question: {which} ({found[which]} of {count})"
    for which, count in found.items():
        if which in may_be and count > may_be[which] + open_ended[which]:
            yield f"asked {may_be[which]} times, and taken in {count} times: {which}"


def judge_answers(world: World, node: Node, asked: Sequence[Asked]) -> Iterator[str]:
    """Each question has one answer within its time, in the order of the questions."""
    begin_s = world.began_at
    places: dict[str, int] = {}
    for one in asked:
        name = f"{one.session_key} {one.question[:60]!r}"
        if one.answer is None or one.answered_at is None or one.place is None:
            yield f"no answer: {name}, job {one.job}"
            continue
        took_s = one.answered_at - one.asked_at
        trouble_s = node.weather.trouble_s(one.asked_at - begin_s - _LEAPT_S, one.answered_at - begin_s + _LEAPT_S)
        if took_s > _BOUND_S + trouble_s:
            yield f"answered after {took_s:.0f} s with {trouble_s:.0f} s of trouble: {name}"
        if one.place <= places.get(one.session_key, 0):
            yield f"answered before an earlier question: {name}"
        places[one.session_key] = one.place


def judge_heard(world: World, node: Node, asked: Sequence[Asked]) -> Iterator[str]:
    """Each answer is spoken once; once more only after a cut, and then marked as repeated."""
    heard: dict[tuple[str, str], list[tuple[Heard, bool]]] = defaultdict(list)
    for one in node.hearing.heard:
        text, is_again = _strip(one.text)
        heard[wearable_key(one.uid), text].append((one, is_again))
    stored: dict[tuple[str, str], list[Asked]] = defaultdict(list)
    for answer in asked:
        if answer.answer is not None:
            stored[answer.session_key, answer.answer].append(answer)
    for which, times in heard.items():
        yield from (f"{wrong}: {which}" for wrong in _judge_spoken(world, node, times, stored[which]))
    expired_s = world.clock.now_s() - _EXPIRES_S + _LEAPT_S
    for which, answers in stored.items():
        yield from (f"{wrong}: {which}" for wrong in _judge_deliveries(answers, len(heard[which]), expired_s))


def _judge_spoken(
    world: World, node: Node, times: Sequence[tuple[Heard, bool]], answers: Sequence[Asked]
) -> Iterator[str]:
    """Judge all times at which one wearer heard one text, which is that of these answers."""
    if not answers:
        yield "spoken and not stored"
    plain = sum(not is_again for _, is_again in times)
    if plain > len(answers):
        yield f"spoken {plain} times"
    for one, is_again in times:
        if is_again and not _was_cut(world, node, one, answers):
            yield "repeated without a cut"


def _judge_deliveries(answers: Sequence[Asked], spoken: int, expired_s: float) -> Iterator[str]:
    """Judge the deliveries of answers with the same text, which their wearer heard `spoken` times."""
    if sum(answer.delivery == "sent" for answer in answers) > spoken:
        yield "recorded as sent and not spoken"
    young = [str(answer.delivery) for answer in answers if answer.asked_at > expired_s]
    if len(young) > spoken:
        yield f"never spoken ({', '.join(young)})"
    left = [answer.delivery for answer in answers if answer.delivery in ("pending", "sending")]
    if left:
        yield f"a delivery is left {left[0]}"


def _was_cut(world: World, node: Node, heard: Heard, answers: Sequence[Asked]) -> bool:
    """Return True if a step of the delivery may have been cut from its record before this."""
    since_s = min((one.answered_at or 0.0 for one in answers), default=0.0) - world.began_at - _LEAPT_S
    return any(since_s <= at_s <= heard.at_s for at_s in node.cuts)


def _strip(text: str) -> tuple[str, bool]:
    """Return the answer in a spoken text, and whether it is marked as repeated."""
    for again in _AGAIN:
        if text.startswith(again):
            return text.removeprefix(again), True
    return text, False


def judge_budget(node: Node) -> Iterator[str]:
    """No wearer gets more notifications in an hour than Omi allows."""
    hours = Counter((uid, hour_start_s(at)) for uid, at in node.hearing.pushes)
    late = Counter((uid, hour_start_s(at)) for uid, at in node.hearing.pushes if at % HOUR_S < _LATE_S)
    for which, count in hours.items():
        if count - late[which] > StormOmi.per_hour:
            yield f"{count} notifications in an hour: {which}"


def judge_memory(node: Node) -> Iterator[str]:
    """When all is calm, no message waits, no slot is held, no reply is open."""
    if node.system is None or not node.is_alive or not node.is_listening:
        yield "the node does not run at the end"
        return
    tree: Any = node.system._tree  # noqa: SLF001 (the storm looks inside)
    for handle in dict.fromkeys(node.list_actors()):
        yield from _judge_actor(handle)
    left = {
        "worker slots": sum(tree.count_jobs_under_way().values()),
        "open replies": len(tree._open_replies._looked_mono_s),  # noqa: SLF001 (see above)
        "asks": node.open_asks,
        "webhooks": len(node.doors),
    }
    yield from (f"{count} {what} are left" for what, count in left.items() if count)


def _judge_actor(handle: Handle) -> Iterator[str]:
    if len(handle.mailbox):
        yield f"{len(handle.mailbox)} messages wait for {handle.name}"
    if handle.state is not ChildState.RUNNING:
        yield f"{handle.name} is {handle.state}"
    answers = getattr(handle.actor, "_answers", None)
    if answers is not None and answers.is_waiting:
        yield f"{handle.name} still waits for a reply or its end"
