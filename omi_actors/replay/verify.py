"""The check: what was acknowledged against what the server shows in its transcripts.

Not here: sending and logging (sender.py, accept_log.py). Threads: one event loop.
A question is found by its words in the user's message; its answer is the assistant's message of the same job.
"""

import asyncio
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import quote

import msgspec

from omi_actors.clock import Clock
from omi_actors.replay.accept_log import Promise
from omi_actors.replay.http import HttpClient
from omi_actors.replay.targets import Target

_PAGE = 1000
_POLL_S = 0.2
_WAKE = re.compile(r"^.*?hey omi[\s,]*", re.IGNORECASE)


class TranscriptUnreadableError(RuntimeError):
    """The server did not show a transcript; nothing can be said about what it kept."""


class KeptSegment(msgspec.Struct, rename="camel"):
    """A segment as the server shows it."""

    segment_id: str
    text: str


class KeptMessage(msgspec.Struct, rename="camel"):
    """A message as the server shows it. Question and answer share a `job_id`; a failure is an answer of its kind."""

    role: str
    kind: str
    text: str
    job_id: str


class _Page(msgspec.Struct, rename="camel"):
    transcripts: list[KeptSegment] = []
    messages: list[KeptMessage] = []
    next_after: int | None = None


class Kept(NamedTuple):
    """All that the server kept of one user, in its order."""

    segments: list[KeptSegment]
    messages: list[KeptMessage]


@dataclass(frozen=True, slots=True)
class Verdict:
    """The counts, and names of what is wrong. Lists are sorted and without duplicates.

    `failed` of the questions that were answered once got the sentence that says that there is no answer.
    """

    accepted: int
    stored: int
    lost: list[str]
    stored_twice: list[str]
    questions_accepted: int
    answered_once: int
    failed: int
    unanswered: list[str]
    answered_twice: list[str]

    @property
    def is_kept(self) -> bool:
        """Tell whether every promise was kept, and nothing twice."""
        return not (self.lost or self.stored_twice or self.unanswered or self.answered_twice)


class Promised(NamedTuple):
    """What one user was promised, over all acknowledgements."""

    segment_ids: set[str]
    questions: set[str]


def merge_promises(promises: Iterable[Promise]) -> dict[str, Promised]:
    """Merge a log's lines per user; a webhook that was acknowledged twice promises nothing more."""
    merged: dict[str, Promised] = {}
    for promise in promises:
        promised = merged.setdefault(promise.uid, Promised(set(), set()))
        promised.segment_ids.update(promise.segment_ids)
        promised.questions.update(promise.questions)
    return merged


def judge(promised: Mapping[str, Promised], kept: Mapping[str, Kept]) -> Verdict:
    """Compare, per user. A segment counts as stored twice when its id or its text (unique when sent) is there twice."""
    lost, twice, unanswered, answered_twice, once = set(), set(), set(), set(), 0
    for uid, (segment_ids, questions) in promised.items():
        segments, messages = kept.get(uid, Kept([], []))
        ids = Counter(segment.segment_id for segment in segments)
        texts = Counter(segment.text for segment in segments)
        lost |= {f"{uid}/{segment_id}" for segment_id in segment_ids if segment_id not in ids}
        twice |= {
            f"{uid}/{segment.segment_id}"
            for segment in segments
            if ids[segment.segment_id] > 1 or texts[segment.text] > 1
        }
        answers = [message.text for message in messages if message.role == "assistant"]
        for question in questions:
            repeated = _repetition(question)
            count = sum(repeated.search(answer) is not None for answer in answers)
            once += count == 1
            if count == 0:
                unanswered.add(f"{uid}/{question}")
            elif count > 1:
                answered_twice.add(f"{uid}/{question}")
    accepted = sum(len(one.segment_ids) for one in promised.values())
    return Verdict(
        accepted=accepted,
        stored=accepted - len(lost),
        lost=sorted(lost),
        stored_twice=sorted(twice),
        questions_accepted=sum(len(one.questions) for one in promised.values()),
        answered_once=once,
        unanswered=sorted(unanswered),
        answered_twice=sorted(answered_twice),
    )


async def verify(target: Target, promises: Iterable[Promise], *, clock: Clock, answers_within_s: float) -> Verdict:
    """Read the transcripts until all promised questions are answered or the time is over; return the last verdict.

    Raises: TranscriptUnreadableError
    """
    promised = merge_promises(promises)
    deadline_mono_s = clock.mono_s() + answers_within_s
    async with HttpClient(target.host, target.port) as http:
        while True:
            kept = {uid: await fetch_kept(http, target, uid) for uid in promised}
            verdict = judge(promised, kept)
            if not verdict.unanswered or clock.mono_s() >= deadline_mono_s:
                return verdict
            await asyncio.sleep(_POLL_S)


async def fetch_kept(http: HttpClient, target: Target, uid: str) -> Kept:
    """Fetch all pages of a user's transcript; messages come whole with the first."""
    headers = {"Authorization": f"Bearer {target.admin_token}"} if target.admin_token else {}
    segments: list[KeptSegment] = []
    messages: list[KeptMessage] | None = None
    after: int | None = 0
    while after is not None:
        path = f"/transcript/{quote(uid, safe='')}?limit={_PAGE}&after={after}"
        response = await http.request("GET", path, headers=headers)
        if response.status != 200:  # noqa: PLR2004 (HTTP's OK)
            raise TranscriptUnreadableError(f"GET /transcript/{uid} answered {response.status}")
        page = msgspec.json.decode(response.body, type=_Page)
        segments += page.transcripts
        messages = page.messages if messages is None else messages
        after = page.next_after
    return Kept(segments, messages or [])


def _repetition(question: str) -> re.Pattern[str]:
    """Return what finds a question in its answer: its words after the wake phrase, and no word character behind."""
    words = _WAKE.sub("", question, count=1).rstrip("?")
    return re.compile(re.escape(words) + r"(?!\w)", re.IGNORECASE)
