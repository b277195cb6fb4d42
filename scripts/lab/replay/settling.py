"""The end of a test: the server does what it can by itself, then every wearer speaks until nothing waits for that.

Not here: the judgement (judge.py, deliveries.py). Threads: one event loop.
"""

from collections.abc import Awaitable, Callable, Mapping

from omi_actors.clock import Clock
from scripts.lab.replay.deliveries import has_open_delivery
from scripts.lab.replay.judge import Kept, Promised, judge
from scripts.lab.replay.recording import RecordedRequest, build_webhook
from scripts.lab.replay.targets import Target
from scripts.lab.replay.verify import fetch_until

# Last contacts with a wearer: each reply carries one answer, and a session takes over at most 20 that wait.
_LAST_CONTACTS = 25

# Sends these webhooks and returns whose replies said something.
Contact = Callable[[list[RecordedRequest]], Awaitable[set[str]]]


async def settle(
    promised: Mapping[str, Promised], target: Target, contact: Contact, *, clock: Clock, within_s: float
) -> Mapping[str, Kept]:
    """Wait until every promised question is answered and every answer given, or it waits in vain; return what is kept.

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
    """Return a webhook in which nothing is asked."""
    start_s = 10_000.0 + number
    spoken = {
        "id": f"{uid}-last-{number}",
        "text": f"That is all, number {number}.",
        "start": start_s,
        "end": start_s + 1,
    }
    return build_webhook(uid, [spoken])
