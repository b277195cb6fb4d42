"""The check: reads from the server what it kept, until every promised question is answered.

Not here: the comparison (judge.py), sending and logging (sender.py, accept_log.py). Threads: one event loop.
"""

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping
from urllib.parse import quote

import msgspec

from omi_actors.clock import Clock
from scripts.lab.replay.accept_log import Promise
from scripts.lab.replay.http import HttpClient
from scripts.lab.replay.judge import Kept, KeptMessage, KeptSegment, Verdict, judge, merge_promises
from scripts.lab.replay.targets import Target

_PAGE = 1000
_POLL_S = 0.2


class TranscriptUnreadableError(RuntimeError):
    """The server did not show a transcript; nothing can be said about what it kept."""


class _Page(msgspec.Struct, rename="camel"):
    transcripts: list[KeptSegment] = []
    messages: list[KeptMessage] = []
    next_after: int | None = None


async def verify(target: Target, promises: Iterable[Promise], *, clock: Clock, answers_within_s: float) -> Verdict:
    """Read the transcripts until all promised questions are answered or the time is over; return the last verdict.

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
    """Fetch what was kept of these users until it is enough, or the time is over; return the last of it.

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
    """Fetch all pages of a user's transcript; messages come whole with the first.

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
