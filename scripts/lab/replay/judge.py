"""Judgement of a replay: compare the promises with the data that the server stored.

A question is found by its words in the user's message. Its answer is the assistant's message with the same job id.
Not here: reading the data (verify.py). Threads: any; pure.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

import msgspec

from scripts.lab.replay.accept_log import Promise

_WAKE = re.compile(r"^.*?hey omi[\s,]*", re.IGNORECASE)


class KeptSegment(msgspec.Struct, rename="camel"):
    """A segment in the server's transcript."""

    segment_id: str
    text: str


class KeptDelivery(msgspec.Struct):
    """State and channel of an answer's delivery."""

    state: str
    channel: str


class KeptMessage(msgspec.Struct, rename="camel"):
    """A message in the server's transcript. A question and its answer share a `job_id`; a failure is an answer, too."""

    role: str
    kind: str
    text: str
    job_id: str
    delivery: KeptDelivery | None = None
    created_at: datetime | None = None


class Kept(NamedTuple):
    """The server's data of one user, in its order."""

    segments: Sequence[KeptSegment]
    messages: Sequence[KeptMessage]


class Promised(NamedTuple):
    """Promises to one user, from all acknowledgements."""

    segment_ids: set[str]
    questions: set[str]


@dataclass(slots=True)
class Verdict:
    """Counts, and errors as `uid/segment id` or `uid/question`.

    `failed` questions were answered once, with a failure text.
    """

    accepted: int = 0
    stored: int = 0
    questions_accepted: int = 0
    answered_once: int = 0
    lost: list[str] = field(default_factory=list)
    stored_twice: list[str] = field(default_factory=list)
    unanswered: list[str] = field(default_factory=list)
    answered_twice: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)

    @property
    def is_kept(self) -> bool:
        """Return True if every promise was kept, without duplicates. A failure text counts as an answer."""
        return not (self.lost or self.stored_twice or self.unanswered or self.answered_twice)

    def wrongs(self) -> list[str]:
        """Return all errors, each with its kind."""
        return [
            f"{kind.replace('_', ' ')}: {name}"
            for kind in ("lost", "stored_twice", "unanswered", "answered_twice", "failed")
            for name in getattr(self, kind)
        ]


def merge_promises(promises: Iterable[Promise]) -> dict[str, Promised]:
    """Merge a log's lines by user. A second acknowledgement of a webhook changes nothing."""
    merged: dict[str, Promised] = {}
    for promise in promises:
        promised = merged.setdefault(promise.uid, Promised(set(), set()))
        promised.segment_ids.update(promise.segment_ids)
        promised.questions.update(promise.questions)
    return merged


def judge(promised: Mapping[str, Promised], kept: Mapping[str, Kept]) -> Verdict:
    """Compare promises and data of each user."""
    verdict = Verdict()
    for uid, (segment_ids, questions) in promised.items():
        segments, messages = kept.get(uid, Kept((), ()))
        _judge_segments(verdict, uid, segment_ids, segments)
        for question in sorted(questions):
            _judge_question(verdict, uid, question, messages)
    return verdict


def _judge_segments(verdict: Verdict, uid: str, promised: set[str], kept: Sequence[KeptSegment]) -> None:
    """Judge one user's segments. A segment is a duplicate if its id or its unique text appears twice."""
    ids = Counter(segment.segment_id for segment in kept)
    texts = Counter(segment.text for segment in kept)
    lost = sorted(promised - ids.keys())
    twice = {one.segment_id for one in kept if ids[one.segment_id] > 1 or texts[one.text] > 1}
    verdict.accepted += len(promised)
    verdict.stored += len(promised) - len(lost)
    verdict.lost += [f"{uid}/{segment_id}" for segment_id in lost]
    verdict.stored_twice += [f"{uid}/{segment_id}" for segment_id in sorted(twice)]


def _judge_question(verdict: Verdict, uid: str, question: str, messages: Sequence[KeptMessage]) -> None:
    verdict.questions_accepted += 1
    answers = find_answers(question, messages)
    if len(answers) == 1:
        verdict.answered_once += 1
        if answers[0].kind == "failure":
            verdict.failed.append(f"{uid}/{question}")
    else:
        (verdict.answered_twice if answers else verdict.unanswered).append(f"{uid}/{question}")


def find_answers(question: str, messages: Sequence[KeptMessage]) -> list[KeptMessage]:
    """Return the answers to a question."""
    asked = words_of(question)
    jobs = {one.job_id for one in messages if one.role == "user" and asked.search(one.text)}
    return [one for one in messages if one.role == "assistant" and one.job_id in jobs]


def words_of(question: str) -> re.Pattern[str]:
    """Return a pattern that finds the question's words after the wake phrase, but not as the start of longer words."""
    words = _WAKE.sub("", question, count=1).rstrip("?")
    return re.compile(re.escape(words) + r"(?!\w)", re.IGNORECASE)
