"""Conversations as their person sees them: places in a list, titles, and the text of an export.

Not here: rows (store/people/conversations.py), making conversations (domain/sessions/). Threads: any; pure.
"""

import datetime as dt
import math
import re
from dataclasses import dataclass

from omi_actors.domain.hearing.segments import StoredSegment
from omi_actors.domain.sessions.records import StoredMessage

# One line of a list.
MAX_TITLE_CHARS = 200
# Of those who write messages.
_NAMES = {"assistant": "Omi", "user": "You"}
# A number that every database's column takes.
_SEQ = re.compile(r"[0-9]{1,18}")
# Characters with a meaning in Markdown, and in HTML within it.
_MARKDOWN = re.compile(r"([\\`*_\[\]<>#|])")


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """A place in a list that is ordered by time (UTC seconds) and id. Rows of one time are never skipped."""

    at: float
    row_id: str


# Before it stands every row, after it none.
NEWEST = Position(math.inf, "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """A stretch of a session's talk. Its title and summary are None until somebody sets them."""

    conversation_id: str
    session_id: str
    session_key: str
    number: int
    title: str | None
    summary: str | None
    started_at: float

    @property
    def position(self) -> Position:
        """Return its place in a list."""
        return Position(self.started_at, self.conversation_id)


@dataclass(frozen=True, slots=True)
class CountedConversation:
    """A conversation with the number of its messages, and the last one."""

    conversation: Conversation
    message_count: int
    last_message: StoredMessage | None


@dataclass(frozen=True, slots=True)
class CurrentConversation:
    """The conversation that goes on, with its latest messages, oldest first."""

    conversation: Conversation
    messages: tuple[StoredMessage, ...]


def position_of(message: StoredMessage) -> Position:
    """Return a message's place in a list."""
    return Position(message.created_at, message.message_id)


def clean_title(title: str | None) -> str | None:
    """Return a title on one line, without surrounding blanks; None if nothing is left."""
    return " ".join((title or "").split()) or None


def segment_id(segment: StoredSegment) -> str:
    """Return the id of what a segment says, as clients know it."""
    return f"{segment.conversation_id}:{segment.seq}"


def read_segment_id(entry_id: str, conversation_id: str) -> int | None:
    """Return the seq that the id of a segment of this conversation holds; None for any other id."""
    talk, _, seq = entry_id.rpartition(":")
    return int(seq) if talk == conversation_id and _SEQ.fullmatch(seq) else None


def begins_with_title(text: str, title: str | None) -> bool:
    """Return True if the title is the beginning of this text, as that of a conversation without a name."""
    beginning = (title or "").removesuffix("…").rstrip()
    return bool(beginning) and " ".join(text.split()).startswith(beginning)


def write_heading(conversation: Conversation) -> str:
    """Return the head of a conversation in Markdown."""
    day = dt.datetime.fromtimestamp(conversation.started_at, dt.UTC)
    return f"# {_escape(conversation.title or 'Conversation')}\n\n{day:%Y-%m-%d %H:%M} UTC\n\n"


def write_line(entry: StoredSegment | StoredMessage) -> str:
    """Return what was said, or a message, as a paragraph in Markdown: its time, who said it, the text."""
    at = dt.datetime.fromtimestamp(entry.created_at, dt.UTC)
    name = entry.speaker if isinstance(entry, StoredSegment) else _NAMES.get(entry.role, entry.role)
    return f"{at:%H:%M:%S} **{_escape(name)}:** {_escape(entry.text)}\n\n"


def _escape(text: str) -> str:
    return " ".join(_MARKDOWN.sub(r"\\\1", text).split())
