"""`GET /transcript/:sessionId`: segments and stored messages of a session, for the operator: a page, or JSON.

Not here: loading them (omi_actors/store/), HTML (web/pages/). Threads: the event loop.
"""

import re
from typing import Any, TypedDict

from omi_actors.domain.hearing.segments import StoredSegment
from omi_actors.domain.people.conversations import Position
from omi_actors.domain.sessions.keys import wearable_key
from omi_actors.domain.sessions.records import StoredMessage, Transcript
from omi_actors.errors import BadRequestError, NotFoundError
from omi_actors.store.transcripts import LATEST, TalkPlace
from web.declare import PAGE, Fields, Time, declare
from web.edge.browsers import PAGE_POLICY
from web.handlers.base import BaseHandler
from web.handlers.caller import Access
from web.pages.operator import render_transcript
from web.parameters import Number, Text
from web.problems import iso_time

_MAX_SEQ = 2**63 - 1
_LIMIT = Number("limit", "Entries of the page.", 100, low=1, high=1_000)
_AFTER = Number("after", "`nextAfter` of the page before.", high=_MAX_SEQ)
_BEFORE = Text("before", "A place in the page for browsers; follow the page's own links.")
_UNKNOWN = "This session does not exist."
# A segment's number, then the time and the id of a message.
_PLACE = re.compile(r"([0-9]{1,19})_([0-9]{1,12}\.[0-9]{1,9}|inf)_([0-9a-f-]{0,36})")


class HeardForm(TypedDict):
    """A stored segment."""

    segmentId: str
    text: str
    speaker: str
    speakerId: int | None
    isUser: bool
    personId: str | None
    start: float
    end: float
    conversationId: str | None
    createdAt: Time


class DeliveryForm(TypedDict):
    """The state of an answer's delivery, and its channel."""

    state: str
    channel: str


class WrittenForm(TypedDict):
    """A stored question or answer."""

    id: str
    role: str
    kind: str
    source: str
    text: str
    model: str
    createdAt: Time
    conversationId: str | None
    jobId: str | None
    delivery: DeliveryForm | None


_PAGE = Fields(
    {
        "sessionId": str,
        "transcripts": list[HeardForm],
        "messages": list[WrittenForm],
        "nextAfter": int | None,
    }
)


class TranscriptHandler(BaseHandler):
    """Shows a session: to a browser the latest entries, or those before a place; to programs pages of segments."""

    route = "/transcript/:sessionId"
    access = Access.OPERATOR
    content_policy = PAGE_POLICY

    @declare((_PAGE, PAGE), query=(_LIMIT, _AFTER, _BEFORE))
    async def get(self, session_id: str) -> None:
        """Show the segments and messages of a session."""
        limit = _LIMIT.read(self)
        # The address names a wearable's session by its uid, others by their whole key.
        session_key = session_id if ":" in session_id else wearable_key(session_id)
        if self.wants_page:
            await self._show(session_key, limit)
            return
        # The cursor is the `nextAfter` of the page before.
        after_seq = _AFTER.read(self)
        transcript = await self.site.system.load_transcript(session_key, after_seq=after_seq, limit=limit)
        if transcript is None:
            raise NotFoundError(_UNKNOWN)
        self.send_json(_page(session_id, transcript))

    async def _show(self, session_key: str, limit: int) -> None:
        before = read_place(_BEFORE.read(self))
        page = await self.site.system.load_session_page(session_key, before=before, limit=limit)
        if page is None:
            raise NotFoundError(_UNKNOWN)
        self.send_page(render_transcript(page, limit=limit, is_latest=before == LATEST))


def read_place(text: str) -> TalkPlace:
    """Return the place in a page's address; without one, that of the latest entries.

    Raises:
        BadRequestError: it has another form.
    """
    if not text:
        return LATEST
    match = _PLACE.fullmatch(text)
    if match is None or int(match[1]) > _MAX_SEQ:
        raise BadRequestError("`before` is no place of a transcript.", hint="Follow the page's own links.")
    return TalkPlace(int(match[1]), Position(float(match[2]), match[3]))


def _page(session_id: str, transcript: Transcript) -> dict[str, Any]:
    return {
        "sessionId": session_id,
        "transcripts": [_segment(segment) for segment in transcript.segments],
        "messages": [_message(message) for message in transcript.messages],
        "nextAfter": transcript.next_after_seq,
    }


def _segment(segment: StoredSegment) -> HeardForm:
    return {
        "segmentId": segment.key,
        "text": segment.text,
        "speaker": segment.speaker,
        "speakerId": segment.speaker_id,
        "isUser": segment.is_user,
        "personId": segment.person_id,
        "start": segment.start_s,
        "end": segment.end_s,
        "conversationId": segment.conversation_id,
        "createdAt": iso_time(segment.created_at),
    }


def _message(message: StoredMessage) -> WrittenForm:
    return {
        "id": message.message_id,
        "role": message.role,
        "kind": message.kind,
        "source": message.source,
        "text": message.text,
        "model": message.model,
        "createdAt": iso_time(message.created_at),
        "conversationId": message.conversation_id,
        "jobId": message.job_id,
        "delivery": _delivery(message),
    }


def _delivery(message: StoredMessage) -> DeliveryForm | None:
    """Return state and channel of an answer's delivery; None for messages without a delivery, such as questions."""
    if not message.delivery_state:
        return None
    return {"state": message.delivery_state, "channel": message.delivery_channel}
