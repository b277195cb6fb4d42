"""Check: load the stored data from the server until every promised question is answered.

Not here: the comparison (judge.py), sending and logging (sender.py, accept_log.py). Threads: one event loop.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from urllib.parse import quote

import msgspec

from omi_actors.clock import Clock
from scripts.lab.replay.accept_log import Promise
from scripts.lab.replay.deliveries import has_open_delivery
from scripts.lab.replay.http import HttpClient, Target
from scripts.lab.replay.judge import Kept, KeptMessage, KeptSegment, Promised, Verdict, judge, merge_promises
from scripts.lab.replay.recording import RecordedRequest, build_webhook

_PAGE = 1000
_POLL_S = 0.2


class TranscriptUnreadableError(RuntimeError):
    """The server did not return a transcript, so its data cannot be judged."""


class _Page(msgspec.Struct, rename="camel"):
    transcripts: list[KeptSegment] = []
    messages: list[KeptMessage] = []
    next_after: int | None = None


async def verify(target: Target, promises: Iterable[Promise], *, clock: Clock, answers_within_s: float) -> Verdict:
    """Read the transcripts until all promised questions are answered or time is up; return the last verdict.

    Raises: TranscriptUnreadableError
    """
    promised = merge_promises(promises)

    def is_answered(kept: Mapping[str, Kept]) -> bool:
        return not judge(promised, kept).unanswered

    kept = await fetch_until(is_answered, target, promised, clock=clock, within_s=answers_within_s)
    return judge(promised, kept)


async def fetch_until(
    is_enough: Callable[[Mapping[str, Kept]], bool],
    target: Target,
    uids: Collection[str],
    *,
    clock: Clock,
    within_s: float,
) -> Mapping[str, Kept]:
    """Fetch these users' data until `is_enough` or time is up; return the data that was fetched last.

    Raises: TranscriptUnreadableError
    """
    deadline_mono_s = clock.mono_s() + within_s
    async with HttpClient(target.host, target.port) as http:
        while True:
            kept = {uid: await fetch_kept(http, target, uid) for uid in uids}
            if is_enough(kept) or clock.mono_s() >= deadline_mono_s:
                return kept
            await asyncio.sleep(_POLL_S)


async def fetch_kept(http: HttpClient, target: Target, uid: str) -> Kept:
    """Fetch all pages of a user's transcript; the first page has all messages.

    Raises: TranscriptUnreadableError
    """
    segments: list[KeptSegment] = []
    messages: list[KeptMessage] | None = None
    after: int | None = 0
    while after is not None:
        path = f"/transcript/{quote(uid, safe='')}?limit={_PAGE}&after={after}"
        response = await http.request("GET", path, headers=target.operator_headers)
        if response.status == 404:  # noqa: PLR2004 (HTTP's Not Found: nothing was kept)
            return Kept((), ())
        if response.status != 200:  # noqa: PLR2004 (HTTP's OK)
            raise TranscriptUnreadableError(f"GET /transcript/{uid} answered {response.status}")
        page = msgspec.json.decode(response.body, type=_Page)
        segments += page.transcripts
        messages = page.messages if messages is None else messages
        after = page.next_after
    return Kept(segments, messages or [])


# Last contacts with a wearer: each reply carries one answer, and a session takes over at most 20.
_LAST_CONTACTS = 25

# Sends these webhooks and returns the uids with a message in the reply.
Contact = Callable[[list[RecordedRequest]], Awaitable[set[str]]]


async def settle(
    promised: Mapping[str, Promised], target: Target, contact: Contact, *, clock: Clock, within_s: float
) -> Mapping[str, Kept]:
    """Wait until every promised question is answered; then contact every wearer until no answer waits.

    Raises: TranscriptUnreadableError
    """

    def is_settled(kept: Mapping[str, Kept]) -> bool:
        return not judge(promised, kept).unanswered and not has_open_delivery(kept)

    await fetch_until(is_settled, target, promised, clock=clock, within_s=within_s)
    uids = set(promised)
    for number in range(_LAST_CONTACTS):
        uids = await contact([_build_contact(uid, number) for uid in sorted(uids)])
    return await fetch_until(is_settled, target, promised, clock=clock, within_s=within_s)


def _build_contact(uid: str, number: int) -> RecordedRequest:
    """Return a webhook without a question."""
    start_s = 10_000.0 + number
    spoken = {
        "id": f"{uid}-last-{number}",
        "text": f"That is all, number {number}.",
        "start": start_s,
        "end": start_s + 1,
    }
    return build_webhook(uid, [spoken])
