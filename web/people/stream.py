"""`GET /conversations/current/stream`: an event stream of what is new in the person's conversations.

Not here: finding what is new (feeds.py). Threads: the event loop.
"""

import asyncio
import contextlib
from typing import Any

import msgspec
from tornado.iostream import StreamClosedError

from omi_actors.domain.people.conversations import Position, position_of
from omi_actors.kit.errors import ExpectedError
from web.feeds import FeedEvent, Reader
from web.handlers.chat import HEARTBEAT
from web.people.base import PersonHandler
from web.people.forms import cursor_of, message_form, parse_cursor
from web.requests import header

# Messages of one event.
_EVENT_MESSAGES = 50
# Seconds in which a client must read what was sent.
_READ_S = 30.0


class StreamHandler(PersonHandler):
    """One stream. It ends when its token is revoked or expires, and when the server stops."""

    route = "/conversations/current/stream"
    # The original's app sends its token there. It is cut before anything else sees it (web/handlers/caller.py).
    takes_sid_in_url = True
    is_slow_by_nature = True
    is_kept = False
    # A stream has no deadline.
    has_own_deadline = True

    _reader: Reader | None = None

    def head(self) -> None:
        """Answer as to GET, without events."""
        self._set_headers()
        self.finish()

    async def get(self) -> None:
        """Send events without names: `connected`, then `conversation_changed` and `new_messages`."""
        feeds, me = self.site.people.feeds, self.me
        reader = self._reader = await feeds.open(me.account_id, self._last_position())
        ending = asyncio.ensure_future(self._end_with_token(reader))
        self._set_headers()
        try:
            while not (reader.is_ended or self.is_gone):
                events = await reader.wait(self.site.times.heartbeat_s)
                self.write(b"".join(map(event_bytes, events)) or HEARTBEAT)
                async with asyncio.timeout(_READ_S):
                    await self.flush()
        except (StreamClosedError, TimeoutError):
            self.close()
            return
        finally:
            ending.cancel()
            feeds.leave(me.account_id, reader)
        self.finish()

    def on_connection_close(self) -> None:
        """End the stream of a client that has left."""
        super().on_connection_close()
        if self._reader is not None:
            self._reader.end()

    def _set_headers(self) -> None:
        self.set_header("Content-Type", "text/event-stream; charset=utf-8")
        self.set_header("X-Accel-Buffering", "no")

    def _last_position(self) -> Position | None:
        """Return the place of the last event that the client has, None if it names none of ours."""
        return parse_cursor(header(self.request.headers, "Last-Event-ID") or "")

    async def _end_with_token(self, reader: Reader) -> None:
        assert self.site.identities is not None  # noqa: S101 (the person was found by them)
        # If the store does not tell whether the token is valid, the stream ends, too: the client connects again.
        with contextlib.suppress(ExpectedError):
            await self.site.identities.wait_until_ended(self.me)
        reader.end()


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
