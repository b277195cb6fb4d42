"""The tools of `/mcp`. They do what the person's own addresses do, with the same functions and limits.

Not here: what they take and return (forms.py), the protocol (protocol.py), replies (handler.py).
Threads: the event loop.
"""

import json
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

from msgspec import Struct

from omi_actors.actors.session.messages import AskQuestion, OpenConversation, ReplySent
from omi_actors.domain.people.conversations import Conversation
from omi_actors.domain.people.memories import clean_text
from omi_actors.domain.sessions.keys import account_prefix
from omi_actors.errors import AnswerLateError, BadRequestError
from omi_actors.ids import new_id
from omi_actors.store.people import conversations, recall, tasks
from omi_actors.store.people.recall import RecalledText
from omi_actors.store.people.tasks import Task
from web.edge.tolerant_json import short_key
from web.handlers.asking import AskingHandler
from web.mcp.forms import (
    AddTaskGiven,
    AnswerMade,
    AskGiven,
    CompleteTaskGiven,
    Given,
    ListTasksGiven,
    Made,
    MemoryMade,
    RecallGiven,
    RememberGiven,
    SearchGiven,
    Source,
    TaskMade,
    TasksMade,
    TextsMade,
    build_schema,
)
from web.people.conversations import OneConversationHandler
from web.people.forms import cursor_of
from web.people.memories import keep_memory
from web.people.paging import CURSOR
from web.people.tasks import as_json, complete_task, keep_task
from web.problems import iso_time
from web.sources import SHOWN_CHARS

# Questions that name no conversation go to one of this name, which its session keeps.
_SESSION, _TITLE = "mcp", "MCP"
# Kind of the tasks that are added here, as the people's page adds them.
_TASK = "task"
# A task's words stand under one of these names, in tasks of other programs, too.
_WORDS = ("text", "title", "description")


class ToolHandler(AskingHandler, OneConversationHandler):
    """A request of a person, with a method for each tool."""

    async def answer(self, given: AskGiven) -> AnswerMade:
        """Ask the person's assistant.

        Raises:
            BadRequestError: there is no answer, or not yet. RateLimitedError: the person has asked too much.
        """
        self.count_for_limit("chat")
        text, most = given.question.strip(), self.site.max_message_chars
        if not 0 < len(text) <= most:
            raise BadRequestError(f"`question` must have 1 to {most} characters.", hint="Shorten it.")
        conversation = await self._find_conversation(given.conversation_id)
        key = given.key or new_id()
        question = AskQuestion(
            session_key=conversation.session_key,
            asker_id=new_id(),
            key=f"given:{short_key(key)}",
            text=text,
            may_be_known=given.key is not None,
            conversation_id=conversation.conversation_id,
        )
        try:
            answered = await self.ask(question)
            if answered.is_duplicate:  # an agent that asks again has lost the answer, or asks for nearly the same
                answered = await self.ask(replace(question, may_be_known=True))
        except AnswerLateError:
            raise BadRequestError(
                "The answer is not ready yet.", hint=f"Ask the same question again with the key {key}."
            ) from None
        if answered.delivery_id is not None:  # it is stored in the conversation, which the person reads
            sent = ReplySent(question.session_key, answered.delivery_id, reached=True, is_spoken=False)
            self.site.system.reply_sent(sent)
        if answered.is_failure:
            raise BadRequestError(answered.text, hint="Ask again later.")
        sources = _build_sources(await self.load_sources(answered))
        return AnswerMade(answered.text, answered.conversation_id or conversation.conversation_id, sources)

    async def _find_conversation(self, conversation_id: str | None) -> Conversation:
        me = self.me.account_id
        if conversation_id is not None:
            found = await self.store.read(conversations.find_conversation, me, conversation_id)
            if found is None:
                raise BadRequestError("The person has no such conversation.", hint="Leave conversation_id out.")
            return found
        begun = await self.begin_conversation(OpenConversation(f"{account_prefix(me)}:{_SESSION}"))
        if begun.title is None:
            await self.store.write(conversations.rename_conversation, me, begun.conversation_id, _TITLE)
        return begun

    async def recall(self, given: RecallGiven) -> TextsMade:
        """Find texts of all kinds."""
        return TextsMade(await self._find_texts(given.question, given.limit))

    async def search(self, given: SearchGiven) -> TextsMade:
        """Find what was said or typed."""
        return TextsMade(await self._find_texts(given.words, given.limit, only_said=True))

    async def _find_texts(self, words: str, limit: int, *, only_said: bool = False) -> list[Source]:
        found = await self.store.read_cold_apart(
            recall.find_texts, self.me.account_id, words, limit=limit, only_said=only_said
        )
        return _build_sources(found)

    async def remember(self, given: RememberGiven) -> MemoryMade:
        """Keep a memory."""
        text = clean_text(given.text)
        if not text:
            raise BadRequestError("`text` must not be blank.", hint="Write down one fact.")
        kept = await keep_memory(self, text)
        made = kept.memory
        return MemoryMade(made.memory_id, made.text, iso_time(made.created_at), was_known=not kept.is_new)

    async def list_tasks(self, given: ListTasksGiven) -> TasksMade:
        """List the person's tasks."""
        before = CURSOR.parse(given.cursor)
        page = await self.store.read_cold(tasks.list_tasks, self.me.account_id, before=before, limit=given.limit + 1)
        shown = page[: given.limit]
        next_cursor = cursor_of(shown[-1].position) if len(page) > given.limit else ""
        return TasksMade([_build_task(one) for one in shown], next_cursor)

    async def add_task(self, given: AddTaskGiven) -> TaskMade:
        """Add a task."""
        text = given.text.strip()
        if not text:
            raise BadRequestError("`text` must not be blank.", hint="Say what is to be done.")
        task = Task(new_id(), _TASK, as_json({"text": text}), self.now_s)
        return _build_task(await keep_task(self, task))

    async def complete_task(self, given: CompleteTaskGiven) -> TaskMade:
        """Complete a task."""
        task = await complete_task(self, given.id)
        if task is None:
            raise BadRequestError("The person has no task with this id.", hint="list_tasks returns the ids.")
        return _build_task(task)


def _build_sources(found: Iterable[RecalledText]) -> list[Source]:
    return [
        Source(
            kind=one.kind,
            id=one.source_id,
            text=one.text[:SHOWN_CHARS],
            created_at=iso_time(one.at),
            speaker=one.speaker,
            conversation_id=one.conversation_id,
        )
        for one in found
    ]


def _build_task(task: Task) -> TaskMade:
    payload = json.loads(task.payload) or {}
    words = [payload.get(name) for name in _WORDS]
    text = next((one for one in words if isinstance(one, str) and one), task.kind)
    completed_at = payload.get("completedAt")
    return TaskMade(
        id=task.task_id,
        text=text,
        is_done=payload.get("done") is True,
        created_at=iso_time(task.created_at),
        completed_at=completed_at if isinstance(completed_at, str) else "",
    )


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool as clients see it, and the method that it calls. `changes` is False if it only reads."""

    name: str
    title: str
    description: str
    given: type[Given]
    made: type[Made]
    run: Callable[[ToolHandler, Any], Awaitable[Struct]]
    changes: bool = False

    def form(self) -> dict[str, Any]:
        """Return the tool as `tools/list` shows it."""
        hints = {"readOnlyHint": not self.changes, "destructiveHint": False, "openWorldHint": False}
        return {
            "name": self.name,
            "title": self.title,
            "description": self.description,
            "inputSchema": build_schema(self.given),
            "outputSchema": build_schema(self.made),
            "annotations": hints,
        }


_ALL = (
    Tool(
        "ask",
        "Ask Omi",
        "Asks the person's own assistant, which knows their memories and conversations, and returns its answer with"
        " the texts it used. Question and answer are stored in the conversation. Takes some seconds.",
        AskGiven,
        AnswerMade,
        ToolHandler.answer,
        changes=True,
    ),
    Tool(
        "recall",
        "Recall",
        "Finds texts of the person that a question asks for: memories, what was said near their wearable, and messages."
        " Asks no model.",
        RecallGiven,
        TextsMade,
        ToolHandler.recall,
    ),
    Tool(
        "search_conversations",
        "Search conversations",
        "Finds what was said or typed in the person's conversations, by words. Memories are left out.",
        SearchGiven,
        TextsMade,
        ToolHandler.search,
    ),
    Tool(
        "remember",
        "Remember",
        "Keeps a fact about the person as a memory, which later answers can use. Only what the person wants kept.",
        RememberGiven,
        MemoryMade,
        ToolHandler.remember,
        changes=True,
    ),
    Tool(
        "list_tasks",
        "List tasks",
        "Lists the person's tasks, open and done, the newest first.",
        ListTasksGiven,
        TasksMade,
        ToolHandler.list_tasks,
    ),
    Tool(
        "add_task",
        "Add a task",
        "Adds a task to the person's list.",
        AddTaskGiven,
        TaskMade,
        ToolHandler.add_task,
        changes=True,
    ),
    Tool(
        "complete_task",
        "Complete a task",
        "Marks a task of the person as done.",
        CompleteTaskGiven,
        TaskMade,
        ToolHandler.complete_task,
        changes=True,
    ),
)
TOOLS = {tool.name: tool for tool in _ALL}
