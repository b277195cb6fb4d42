"""Conversations, messages and cursors in the form that clients know.

Not here: forms of one handler (its file). Threads: any; pure.
"""

import datetime as dt
import re
from typing import Any, NotRequired, TypedDict

from omi_actors.domain.hearing.segments import StoredSegment
from omi_actors.domain.people.conversations import Conversation, CountedConversation, Position, segment_id
from omi_actors.domain.sessions.keys import wearable_in
from omi_actors.domain.sessions.records import StoredMessage
from web.declare import Id, Time
from web.problems import iso_time

_CURSOR = re.compile(r"(\d{1,12}(?:\.\d{1,9})?)_([0-9a-f-]{36})")


class ConversationForm(TypedDict):
    """A conversation. `openaiConversationId` is empty: models keep no conversation here."""

    id: Id
    title: str | None
    summary: str | None
    createdAt: Time
    openaiConversationId: str
    omiSessionKey: str | None


class MessageForm(TypedDict):
    """A message. Its `kind` is question, answer, or failure: why there is no answer."""

    id: Id
    conversationId: Id
    role: str
    text: str
    source: str
    kind: str
    createdAt: Time


class CountedForm(ConversationForm):
    """A conversation; in a page by offset with the number of its messages, and the last one."""

    messageCount: NotRequired[int]
    lastMessage: NotRequired[MessageForm | None]


class SegmentForm(TypedDict):
    """A sentence that was heard."""

    id: str
    speaker: str
    isUser: bool
    text: str
    start: float
    end: float
    createdAt: Time


class ExportForm(ConversationForm):
    """A conversation with all that was said in it."""

    entries: list[dict[str, Any]]


def conversation_form(conversation: Conversation) -> ConversationForm:
    """Return a conversation as clients know it."""
    return {
        "id": conversation.conversation_id,
        "title": conversation.title,
        "summary": conversation.summary,
        "createdAt": iso_time(conversation.started_at),
        "openaiConversationId": "",
        "omiSessionKey": wearable_in(conversation.session_key),
    }


def message_form(message: StoredMessage) -> MessageForm:
    """Return a message as clients know it."""
    return {
        "id": message.message_id,
        "conversationId": message.conversation_id,
        "role": message.role.upper(),
        "text": message.text,
        "source": message.source.upper(),
        "kind": message.kind,
        "createdAt": iso_time(message.created_at),
    }


def counted_form(counted: CountedConversation) -> CountedForm:
    """Return a conversation with the number of its messages."""
    last = counted.last_message
    return {
        **conversation_form(counted.conversation),
        "messageCount": counted.message_count,
        "lastMessage": None if last is None else message_form(last),
    }


def entry_form(entry: StoredSegment | StoredMessage) -> MessageForm | SegmentForm:
    """Return a message, or a sentence that was heard, as clients know it."""
    if isinstance(entry, StoredMessage):
        return message_form(entry)
    return {
        "id": segment_id(entry),
        "speaker": entry.speaker,
        "isUser": entry.is_user,
        "text": entry.text,
        "start": entry.start_s,
        "end": entry.end_s,
        "createdAt": iso_time(entry.created_at),
    }


def parse_cursor(text: str) -> Position | None:
    """Return the place that a cursor or a time names; None if it has another form."""
    if match := _CURSOR.fullmatch(text):
        return Position(float(match[1]), match[2])
    try:
        moment = dt.datetime.fromisoformat(text)
        return Position((moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)).timestamp(), "")
    except (ValueError, OverflowError):
        return None


def cursor_of(position: Position) -> str:
    """Return the cursor of a place. A shortened time would skip rows, or repeat them."""
    return f"{position.at!r}_{position.row_id}"
