"""What a webhook is replied, as values: kept, kept in part, dropped, refused.

Not here: which error means what (problems.py), writing it (replies.py). Threads: none, pure.
"""

from dataclasses import dataclass
from typing import Final

import msgspec

from web.problems import Problem, omi_answer, problem_json

ACCEPTED: Final = "accepted"
REPEATED: Final = "repeated"
DROPPED: Final = "dropped"
REFUSED: Final = "refused"


@dataclass(frozen=True, slots=True)
class WebhookReply:
    """A reply with its outcome as the metric calls it, and for what was not kept the reason in one word."""

    status: int
    body: bytes
    header_lines: str
    outcome: str
    reason: str


_KEPT = WebhookReply(200, b"{}", "", ACCEPTED, "")
# To a webhook that was kept before: what a sender that repeats it wants to know, and nothing else.
KEPT_BEFORE = WebhookReply(200, b"{}", "", REPEATED, "")


def kept_reply(message: str | None, drop_note: str) -> WebhookReply:
    """Return the reply to a webhook that is kept; `drop_note` names the parts of it that never could be."""
    if message is None and not drop_note:
        return _KEPT
    body = b"{}" if message is None else msgspec.json.encode({"message": message})
    if drop_note:
        return WebhookReply(200, body, _drop_line(drop_note), DROPPED, "invalid_segments")
    return WebhookReply(200, body, "", ACCEPTED, "")


def failed_reply(error: BaseException, *, sender_retries: bool, request_id: str, now_s: float) -> WebhookReply:
    """Return the reply to a webhook of which nothing may be counted as kept."""
    answer = omi_answer(error, sender_retries=sender_retries)
    if not isinstance(answer, Problem):
        return WebhookReply(200, b"{}", _drop_line(answer.reason), DROPPED, answer.reason)
    lines = "" if answer.retry_after_s is None else f"Retry-After: {max(1, round(answer.retry_after_s))}\r\n"
    body = problem_json(answer, request_id=request_id, now_s=now_s)
    return WebhookReply(answer.status, body, lines, REFUSED, answer.code)


def _drop_line(reason: str) -> str:
    return f"X-Omi-Actors-Dropped: {reason}\r\n"
