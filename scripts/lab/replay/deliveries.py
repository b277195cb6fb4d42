"""Judgement of deliveries: compare the answers that reached the wearers with the server's states, in spite of kills.

Each answer must arrive once. If a kill may have cut its delivery, it may arrive again, with a mark that says so, but
not as a notification. Not here: unanswered questions (judge.py), collecting arrivals (kill_test.py).
Threads: any; pure.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from scripts.lab.replay.judge import Kept, KeptMessage, Promised, find_answers, words_of

AGAIN = "Again: "
# Bytes from a killed server's sockets are read a moment after the kill.
_READ_LATE_S = 1.0
# States in which an answer waits for the wearer's next contact: it is not lost.
_WAITING = ("kept", "unknown")


@dataclass(frozen=True, slots=True)
class Arrival:
    """A text that reached a wearer. `webhook` is the body of the webhook with this reply; "" means a notification."""

    uid: str
    text: str
    webhook: str
    at_mono_s: float

    @property
    def is_marked(self) -> bool:
        """Return True if the text says that the wearer may have heard it before."""
        return self.text.startswith(AGAIN)


@dataclass(slots=True)
class DeliveryVerdict:
    """Counts of deliveries, and errors as `uid/question`.

    `ways` counts the first arrivals of answers by channel. `repeated` answers arrived with a mark after a kill; those
    in `heard_twice` had also arrived before the kill. `waiting` answers (with their state) will be sent at the wearer's
    next contact. All other lists are broken promises. `lost` answers never arrived and do not wait.
    `marked_without_a_kill` answers have a mark without a kill before.
    """

    ways: dict[str, int] = field(default_factory=dict)
    repeated: list[str] = field(default_factory=list)
    heard_twice: list[str] = field(default_factory=list)
    waiting: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    delivered_twice: list[str] = field(default_factory=list)
    notified_twice: list[str] = field(default_factory=list)
    marked_without_a_kill: list[str] = field(default_factory=list)

    @property
    def is_kept(self) -> bool:
        """Return True if every answer arrived or waits, and no answer arrived twice unless a kill explains it."""
        return not (self.lost or self.delivered_twice or self.notified_twice or self.marked_without_a_kill)

    def wrongs(self) -> list[str]:
        """Return the broken promises, each with its kind."""
        return [
            f"{kind.replace('_', ' ')}: {name}"
            for kind in ("lost", "delivered_twice", "notified_twice", "marked_without_a_kill")
            for name in getattr(self, kind)
        ]

    def figures(self) -> dict[str, object]:
        """Return the counts by name."""
        return {
            "arrived_by": dict(sorted(self.ways.items())),
            "repeated_after_a_kill": len(self.repeated),
            "heard_twice_by_it": len(self.heard_twice),
            "waiting_for_contact": len(self.waiting),
            "answers_lost": len(self.lost),
            "delivered_twice": len(self.delivered_twice),
            "notified_twice": len(self.notified_twice),
            "marked_without_a_kill": len(self.marked_without_a_kill),
        }


class _Failure(NamedTuple):
    """A question that has a failure text as its answer."""

    name: str
    answer: KeptMessage

    @property
    def state(self) -> str:
        return self.answer.delivery.state if self.answer.delivery else ""


def judge_deliveries(
    promised: Mapping[str, Promised],
    kept: Mapping[str, Kept],
    arrivals: Iterable[Arrival],
    kills_mono_s: Sequence[float],
) -> DeliveryVerdict:
    """Judge the answer to every question of an acknowledged webhook (`promised`).

    `kills_mono_s` are the times of the kills, by the clock that also timed the arrivals.
    """
    verdict = DeliveryVerdict()
    by_uid: dict[str, list[Arrival]] = {}
    for arrival in sorted(arrivals, key=lambda one: one.at_mono_s):
        by_uid.setdefault(arrival.uid, []).append(arrival)
    for uid, (_, questions) in promised.items():
        messages, of_user = kept.get(uid, Kept((), ())).messages, by_uid.get(uid, [])
        failures: list[_Failure] = []
        for question in sorted(questions):
            asked, answers = words_of(question), find_answers(question, messages)
            if [one.kind for one in answers] == ["failure"]:
                failures.append(_Failure(f"{uid}/{question}", answers[0]))
                continue
            arrived = [one for one in of_user if asked.search(one.text)]
            _judge_one(verdict, uid, question, arrived, answers, kills_mono_s)
        _judge_failures(verdict, failures, of_user, kills_mono_s)
    return verdict


def has_open_delivery(kept: Mapping[str, Kept]) -> bool:
    """Return True while the server still tries to deliver an answer."""
    return any(
        one.delivery is not None and one.delivery.state in ("pending", "sending")
        for of_user in kept.values()
        for one in of_user.messages
    )


def _judge_one(
    verdict: DeliveryVerdict,
    uid: str,
    question: str,
    arrived: Sequence[Arrival],
    answers: Sequence[KeptMessage],
    kills_mono_s: Sequence[float],
) -> None:
    name = f"{uid}/{question}"
    states = [one.delivery.state for one in answers if one.delivery is not None]
    if not arrived:
        waits = [state for state in states if state in _WAITING]
        if waits:
            verdict.waiting.append(f"{name} ({waits[0]})")
        else:
            verdict.lost.append(f"{name} ({', '.join(states) or 'no delivery'})")
        return
    way = _way_of(arrived[0], question)
    verdict.ways[way] = verdict.ways.get(way, 0) + 1
    notified = [one for one in arrived if not one.webhook]
    if len(notified) > 1 or any(one.is_marked for one in notified):
        verdict.notified_twice.append(name)
    if any(not one.is_marked for one in arrived[1:]):
        verdict.delivered_twice.append(name)
    _judge_marks(verdict, name, arrived, kills_mono_s)


def _judge_failures(
    verdict: DeliveryVerdict, failures: Sequence[_Failure], of_user: Sequence[Arrival], kills_mono_s: Sequence[float]
) -> None:
    """Judge the failure texts. They do not contain the question's words, and may be equal for several questions."""
    for text in sorted({one.answer.text for one in failures}):
        alike = [one for one in failures if one.answer.text == text]
        arrived = [one for one in of_user if one.text.removeprefix(AGAIN) == text]
        plain = [one for one in arrived if not one.is_marked]
        for one in arrived[: len(alike)]:
            way = "reply" if one.webhook else "notification"
            verdict.ways[f"failure_by_{way}"] = verdict.ways.get(f"failure_by_{way}", 0) + 1
        waiting = [one for one in alike if one.state in _WAITING]
        verdict.waiting += [f"{one.name} ({one.state})" for one in waiting]
        missing = max(0, len(alike) - len(waiting) - len(arrived))
        gone = [one for one in alike if one not in waiting]
        verdict.lost += [f"{one.name} ({one.state or 'no delivery'})" for one in gone[:missing]]
        verdict.delivered_twice += [one.name for one in alike[: max(0, len(plain) - len(alike))]]
        if len(plain) < len(arrived):
            verdict.repeated.append(alike[0].name)
            if not kills_mono_s:
                verdict.marked_without_a_kill.append(alike[0].name)


def _judge_marks(
    verdict: DeliveryVerdict, name: str, arrived: Sequence[Arrival], kills_mono_s: Sequence[float]
) -> None:
    """Judge the arrivals with a mark: between such an arrival and the earlier arrival, there must be a kill."""
    marked = [at for at, one in enumerate(arrived) if one.is_marked]
    if not marked:
        return
    verdict.repeated.append(name)
    if marked[-1] > 0:
        verdict.heard_twice.append(name)
    for at in marked:
        since_s = arrived[at - 1].at_mono_s - _READ_LATE_S if at else float("-inf")
        if not any(since_s <= kill_s <= arrived[at].at_mono_s for kill_s in kills_mono_s):
            verdict.marked_without_a_kill.append(name)
            return


def _way_of(arrival: Arrival, question: str) -> str:
    if not arrival.webhook:
        return "notification"
    return "own_reply" if question in arrival.webhook else "later_reply"
