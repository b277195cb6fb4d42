"""`POST /prompts/run` and `/prompts/try`: a prompt is filled with values and sent to the model.

It goes the way of the completions of a person's programs: on the account's budget, in parallel, nothing of it stored.
The output of a signed-in person's prompt may be kept as a memory or as a task.
Not here: the completion (omi_actors/jobs/completion.py). Threads: the event loop.
"""

from collections.abc import Mapping
from typing import Any, Literal, NotRequired

import msgspec

from omi_actors.actors.session.messages import Complete, CompletionLeft
from omi_actors.clients.model import ModelAnswer
from omi_actors.domain.answers.completions import Completion
from omi_actors.domain.answers.failures import explain_failure
from omi_actors.domain.answers.prompt import PromptMessage
from omi_actors.domain.people.memories import MAX_CHARS as MEMORY_CHARS
from omi_actors.domain.people.memories import NewMemory, clean_text
from omi_actors.domain.people.prompts import MAX_CHARS, MEMORY, TASK, Draft, fill
from omi_actors.domain.sessions.keys import api_key
from omi_actors.errors import BadRequestError, BudgetSpentError, UpstreamError
from omi_actors.ids import new_id
from omi_actors.instruments.logs import LogContext, bound_context
from omi_actors.kit.errors import AskTimeoutError
from omi_actors.kit.future import Future
from omi_actors.store.people import memories, prompts, tasks
from omi_actors.store.people.tasks import Task
from web.declare import Fields, declare, ok
from web.handlers.caller import Access
from web.parameters import Field
from web.people.base import PersonHandler
from web.people.memories import MemoryForm, memory_form
from web.problems import Problem, api_problem

# The label of the sessions that run prompts: no space is named so.
_LABEL = "prompts"
# Characters of all values together.
_VALUES = 200_000
_ID = Field("prompt_id", max_chars=64, about="A prompt's id or name.", example="meeting-summary", is_needed=True)
_VARIABLES = Field(
    "variables",
    dict,
    max_chars=_VALUES,
    may_be_null=True,
    about="Values by their names; a name without a value is left out of the text.",
    example={"transcript": "Ada: we meet on Monday. Bob: I bring the plans."},
)
_WHICH = Field("version", int, about="An earlier version of a person's prompt.", form={"minimum": 1})
_KEEP = Field("keep", bool, about="False only shows the output.")
_DRAFT = Field("text", max_chars=MAX_CHARS, about="The text to try.", example="Say it shorter: {what}", is_needed=True)
_OUTPUT = {"output": str, "output_type": Literal["text", "memory", "task"]}


class _ModelHandler(PersonHandler):
    """Base of the handlers that ask the model. A client that leaves stops it."""

    limit_kind = "chat"
    is_slow_by_nature = True
    # Its deadline is COMPLETIONS_TIMEOUT.
    has_own_deadline = True

    _waiting: Future[ModelAnswer] | None = None
    _asked: Complete | None = None

    async def ask(self, session_key: str, draft: Draft, variables: Mapping[str, Any] | None) -> str:
        """Return the model's output for a filled prompt.

        Raises:
            AskTimeoutError: the client has left. UpstreamError, BudgetSpentError: there is no output.
        """
        if self.is_gone:
            raise AskTimeoutError("the client disconnected before the model was asked")
        text = clean_text(fill(draft.text, {name: _as_text(value) for name, value in (variables or {}).items()}))
        asked = Completion(space="default", messages=(PromptMessage("user", text),))
        self._asked = Complete(session_key=session_key, completion_id=new_id(), asked=asked)
        with bound_context(LogContext(self.request_id, session_key)):
            self._waiting = self.site.system.complete(self._asked, timeout_s=self.site.times.completion_s)
        return (await self._waiting).text

    def on_connection_close(self) -> None:
        """Stop the model, unless this server is closing the connection to drain."""
        super().on_connection_close()
        asked, waiting = self._asked, self._waiting
        if asked is None or waiting is None or waiting.done or self.site.traffic.is_draining:
            return
        waiting.try_fail(AskTimeoutError("the client has disconnected"))
        self.site.system.completion_left(CompletionLeft(asked.session_key, asked.completion_id))

    def explain(self, error: BaseException) -> Problem:
        """Return the reply to an error; a person reads why there is no output."""
        if isinstance(error, BudgetSpentError):
            return Problem(429, "budget_spent", explain_failure(error), "Run it again later.", 60.0)
        if isinstance(error, UpstreamError):
            return Problem(502, "no_answer", explain_failure(error), "Run it again; nothing was kept.")
        return api_problem(error)


class RunHandler(_ModelHandler):
    """Runs a prompt: a person's own, or the server's, which anonymous chatters may run, too."""

    route = "/prompts/run"
    access = Access.CHATTER

    @declare(
        Fields({**ok(**_OUTPUT).fields, "memory": NotRequired[MemoryForm], "task_id": NotRequired[str]}),
        body=(_ID, _VARIABLES, _WHICH, _KEEP),
        errors=(404, 409, 502),
    )
    async def post(self) -> None:
        """Answer with the output. A signed-in person's is kept, if the prompt says so and `keep` is not false."""
        owner, fields = self.find_owner(), self.read_fields()
        if not fields.get("prompt_id"):
            raise BadRequestError("prompt_id is required", hint="GET /prompts lists them.")
        draft = await self._find(fields["prompt_id"], fields.get("version"))
        me = self.person
        key = owner.session_key(_LABEL) if me is None else api_key(me.account_id, _LABEL)
        output = await self.ask(key, draft, fields.get("variables"))
        kept = await self._keep(me.account_id, draft, output) if me is not None and fields.get("keep", True) else {}
        self.send_ok({"output": output, "output_type": draft.output_type, **kept})

    async def _find(self, prompt_id: str, version: int | None) -> Draft:
        """Return the prompt: a person's own comes before the server's.

        Raises:
            BadRequestError: there is none.
        """
        found = None
        if self.person is not None:
            found = await self.store.read(prompts.find_prompt, self.person.account_id, prompt_id)
            if found is not None and version is not None:
                kept = await self.store.read(prompts.find_version, self.person.account_id, found.prompt_id, version)
                if kept is None:
                    raise BadRequestError(f"`version` {version} is not kept.", hint="GET its /versions.")
                return kept.draft
        found = found or self.site.people.prompts.get(prompt_id)
        if found is None:
            raise BadRequestError(f"Prompt config not found: {prompt_id}", hint="GET /prompts lists them.")
        return found

    async def _keep(self, account_id: str, draft: Draft, output: str) -> dict[str, Any]:
        """Keep an output, and return what the reply says of it."""
        text = clean_text(output)[:MEMORY_CHARS]
        if draft.output_type == MEMORY and text:
            kept = await self.store.write_alone(memories.add_memory, account_id, NewMemory(text=text))
            return {"memory": memory_form(kept.memory)}
        if draft.output_type == TASK and text:
            payload = msgspec.json.encode({"text": text}).decode()
            task = Task(new_id(), "task_created", payload, self.now_s)
            limit = self.site.people.tasks_per_account
            if await self.store.write_alone(tasks.add_task, account_id, task, limit=limit) is not None:
                return {"task_id": task.task_id}
        return {}


class TryHandler(_ModelHandler):
    """Runs a text that is not stored as a prompt yet. Its output is only shown."""

    route = "/prompts/try"

    @declare(ok(output=str), body=(_DRAFT, _VARIABLES), errors=(502,))
    async def post(self) -> None:
        """Answer with the output."""
        fields = self.read_fields()
        if not fields.get("text", "").strip():
            raise BadRequestError("text is required", hint="`text` is the prompt to try.")
        key = api_key(self.me.account_id, _LABEL)
        self.send_ok({"output": await self.ask(key, Draft(text=fields["text"]), fields.get("variables"))})


def _as_text(value: Any) -> str:
    """Return a value as the prompt has it: a text unchanged, nothing for null, all else as JSON."""
    if value is None:
        return ""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
