"""`GET /conversations/current/stream`: an event stream of what is new in the person's conversations.

Not here: finding what is new (feeds.py). Threads: the event loop.
"""

from typing import Any, Literal, NotRequired, TypedDict

import msgspec

from omi_actors.domain.people.conversations import Position, position_of
from web.declare import Media, declare
from web.feeds import FeedEvent
from web.handlers.event_stream import HEARTBEAT, EventStreamHandler
from web.parameters import Header
from web.people.base import PersonHandler
from web.people.forms import MessageForm, cursor_of, message_form, parse_cursor

# Messages of one event.
_EVENT_MESSAGES = 50

_LAST = Header("Last-Event-ID", "The id of the last event that the client has; the stream goes on behind it.")


class EventForm(TypedDict):
    """An event of the stream."""

    type: Literal["connected", "conversation_changed", "new_messages"]
    conversationId: NotRequired[str]
    messages: NotRequired[list[MessageForm]]


class StreamHandler(EventStreamHandler, PersonHandler):
    """One stream. It ends when its token is revoked or expires, and when the server stops."""

    route = "/conversations/current/stream"
    # The original's app sends its token there. It is cut before anything else sees it (web/handlers/caller.py).
    takes_sid_in_url = True
    read_s = 30.0

    @declare(Media("text/event-stream", EventForm), query=(_LAST,))
    async def get(self) -> None:
        """Send events without names: `connected`, then `conversation_changed` and `new_messages`."""
        feeds, me = self.site.people.feeds, self.me
        reader = await feeds.open(me.account_id, self._last_position())

        async def next_events() -> bytes:
            if reader.is_ended or self.is_gone:
                return b""
            events = await reader.wait(self.site.times.heartbeat_s)
            return b"".join(map(event_bytes, events)) or HEARTBEAT

        try:
            await self.send_events(reader, next_events)
        finally:
            feeds.leave(me.account_id, reader)

    def _last_position(self) -> Position | None:
        """Return the place of the last event that the client has, None if it names none of ours."""
        return parse_cursor(_LAST.find(self))


def event_bytes(event: FeedEvent) -> bytes:
    """Return an event without a name, since clients listen to those only. A stream resumes at its id.

    Messages are split into events of some.
    """
    if not event.messages:
        return _event(_form(event), event.position)
    parts = [event.messages[at : at + _EVENT_MESSAGES] for at in range(0, len(event.messages), _EVENT_MESSAGES)]
    forms = [{"type": "new_messages", "messages": [message_form(one) for one in part]} for part in parts]
    return b"".join(
        _event(form, min(event.position, position_of(part[-1]))) for form, part in zip(forms, parts, strict=True)
    )


def _form(event: FeedEvent) -> dict[str, Any]:
    if event.conversation_id is None:
        return {"type": "connected"}
    return {"type": "conversation_changed", "conversationId": event.conversation_id}


def _event(form: dict[str, Any], position: Position) -> bytes:
    return b"id: " + cursor_of(position).encode() + b"\ndata: " + msgspec.json.encode(form) + b"\n\n"
