"""`GET /transcript/:sessionId`: segments and stored messages of a session, for the operator.

Not here: loading them (omi_actors/store/). Threads: the event loop.
"""

from typing import Any

from omi_actors.domain.hearing.segments import StoredSegment
from omi_actors.domain.sessions.keys import wearable_key
from omi_actors.domain.sessions.records import StoredMessage, Transcript
from omi_actors.errors import NotFoundError
from web.handlers.base import BaseHandler, whole_number
from web.handlers.caller import Access
from web.problems import iso_time

_DEFAULT_LIMIT = 100
_MAX_LIMIT = 1000
_MAX_SEQ = 2**63 - 1


class TranscriptHandler(BaseHandler):
    """Shows at most `limit` segments after the cursor `after`, which is the `nextAfter` of the page before."""

    route = "/transcript/:sessionId"
    access = Access.OPERATOR

    async def get(self, session_id: str) -> None:
        """Answer with the page; 404 for an unknown session."""
        limit = whole_number(self, "limit", _DEFAULT_LIMIT, low=1, high=_MAX_LIMIT)
        after_seq = whole_number(self, "after", 0, low=0, high=_MAX_SEQ)
        # The address names a wearable's session by its uid, others by their whole key.
        session_key = session_id if ":" in session_id else wearable_key(session_id)
        transcript = await self.site.system.load_transcript(session_key, after_seq=after_seq, limit=limit)
        if transcript is None:
            raise NotFoundError("This session does not exist.")
        self.send_json(_page(session_id, transcript))


def _page(session_id: str, transcript: Transcript) -> dict[str, Any]:
    return {
        "sessionId": session_id,
        "transcripts": [_segment(segment) for segment in transcript.segments],
        "messages": [_message(message) for message in transcript.messages],
        "nextAfter": transcript.next_after_seq,
    }


def _segment(segment: StoredSegment) -> dict[str, Any]:
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


def _message(message: StoredMessage) -> dict[str, Any]:
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


def _delivery(message: StoredMessage) -> dict[str, str] | None:
    """Return state and channel of an answer's delivery; None for messages without a delivery, such as questions."""
    if not message.delivery_state:
        return None
    return {"state": message.delivery_state, "channel": message.delivery_channel}
