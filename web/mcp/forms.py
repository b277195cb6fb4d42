"""Arguments and results of the tools of `/mcp`. A client gets the JSON schemas of these types, and checks by them.

Not here: what the tools do (tools.py). Threads: any; pure.
"""

from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from omi_actors.domain.people.memories import MAX_CHARS
from web.people.conversations import FOUND, WORDS

# Characters of a task: some sentences.
_TASK_CHARS = 2_000
# Tasks of a page.
_PAGE, _MAX_PAGE = 50, 200

_Id = Annotated[str, Meta(min_length=1, max_length=64)]
_Key = Annotated[str, Meta(min_length=1, max_length=100)]
_Words = Annotated[str, Meta(min_length=1, max_length=WORDS.max_chars)]
_Count = Annotated[int, Meta(ge=1, le=FOUND.high, description="The most texts to return.")]


class Given(Struct, frozen=True, forbid_unknown_fields=True):
    """Base of a tool's arguments."""


class Made(Struct, frozen=True, omit_defaults=True):
    """Base of a tool's result. Fields that hold nothing are left out."""


class AskGiven(Given, frozen=True):
    """A question to the person's assistant."""

    question: Annotated[str, Meta(min_length=1, description="The question, in any language.")]
    conversation_id: Annotated[
        _Id | None, Meta(description="Continues this conversation; without it the question goes to the one named MCP.")
    ] = None
    key: Annotated[
        _Key | None, Meta(description="A name for the question. The same question and key return the same answer.")
    ] = None


class RecallGiven(Given, frozen=True):
    """A question to everything that is stored of the person."""

    question: Annotated[_Words, Meta(description="What to find: a question or words. Names and dates count.")]
    limit: _Count = 10


class SearchGiven(Given, frozen=True):
    """Words to find in the person's conversations."""

    words: Annotated[_Words, Meta(description="The words to find.")]
    limit: _Count = 20


class RememberGiven(Given, frozen=True):
    """A text to keep."""

    text: Annotated[str, Meta(min_length=1, max_length=MAX_CHARS, description="One fact that stands alone.")]


class ListTasksGiven(Given, frozen=True):
    """A page of tasks."""

    limit: Annotated[int, Meta(ge=1, le=_MAX_PAGE, description="The most tasks to return.")] = _PAGE
    cursor: Annotated[str, Meta(max_length=100, description="`next_cursor` of the page before.")] = ""


class AddTaskGiven(Given, frozen=True):
    """A new task."""

    text: Annotated[str, Meta(min_length=1, max_length=_TASK_CHARS, description="What is to be done.")]


class CompleteTaskGiven(Given, frozen=True):
    """A task that is done."""

    id: Annotated[_Id, Meta(description="The task's id, as list_tasks returns it.")]


class Source(Made, frozen=True):
    """A text of the person."""

    kind: Annotated[str, Meta(description="memory, segment (it was said), or message (it was typed or answered)")]
    id: str
    text: str
    created_at: str
    speaker: str = ""
    conversation_id: str = ""


class AnswerMade(Made, frozen=True):
    """An answer."""

    answer: str
    conversation_id: str
    sources: Annotated[list[Source], Meta(description="The person's own texts that the answer used.")] = []


class TextsMade(Made, frozen=True):
    """Texts that were found."""

    texts: Annotated[list[Source], Meta(description="The best match first.")]


class MemoryMade(Made, frozen=True):
    """A memory that is kept."""

    id: str
    text: str
    created_at: str
    was_known: Annotated[bool, Meta(description="The same text was kept before.")] = False


class TaskMade(Made, frozen=True):
    """A task."""

    id: str
    text: str
    is_done: bool
    created_at: str
    completed_at: str = ""


class TasksMade(Made, frozen=True):
    """A page of tasks."""

    tasks: Annotated[list[TaskMade], Meta(description="The newest first.")]
    next_cursor: str = ""


def build_schema(form: type[Struct]) -> dict[str, Any]:
    """Return the JSON schema of a type, an object as the protocol demands; types within it stand in its `$defs`."""
    _, parts = msgspec.json.schema_components([form])
    whole: dict[str, Any] = parts.pop(form.__name__)
    return whole | ({"$defs": parts} if parts else {})
