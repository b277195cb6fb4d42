"""`/prompts`: a person's prompts with their versions, and the server's.

Not here: running one (run.py), the files (web/prompt_files.py). Threads: the event loop.
"""

from dataclasses import replace
from typing import Any, Literal, TypedDict

from omi_actors.domain.answers.prompt import SPACES
from omi_actors.domain.people.prompts import (
    MAX_CHARS,
    MAX_PROMPTS,
    NAME,
    OUTPUT_TYPES,
    TEXT,
    Draft,
    NamedPrompt,
    Version,
)
from omi_actors.errors import BadRequestError, ConflictError, DuplicateError, NotFoundError
from omi_actors.store.people import prompts
from omi_actors.store.people.prompts import Change
from web.declare import Time, declare, ok
from web.parameters import Field
from web.people.base import PersonHandler
from web.problems import iso_time

_NAME = Field("name", max_chars=64, about="Small letters, digits, `-` and `_`.", example="weekly", is_needed=True)
_TEXT = Field(
    "text",
    max_chars=MAX_CHARS,
    about="The prompt; `{name}` stands for the value of a variable.",
    example="Say this in one sentence: {what}",
    is_needed=True,
)
_OUTPUT = Field(
    "output_type",
    about="What becomes of the output: it is shown, or kept as a memory or task, too.",
    form={"enum": list(OUTPUT_TYPES)},
)
_SPACE = Field(
    "space",
    may_be_null=True,
    about="The space whose answers follow this prompt, after our instructions; null for none.",
    form={"enum": [*SPACES, None]},
)
_VERSION = Field("version", int, about="Takes the text of this version again.", form={"minimum": 1})
_CHANGE = (*(replace(one, is_needed=False) for one in (_NAME, _TEXT, _OUTPUT, _SPACE)), _VERSION)
_RESERVED = ("run", "try")


class PromptForm(TypedDict):
    """A prompt. `source` is `own` or `server`; those of the server cannot be changed."""

    id: str
    name: str
    about: str
    text: str
    variables: list[str]
    outputType: Literal["text", "memory", "task"]
    source: Literal["own", "server"]
    space: str | None
    version: int
    createdAt: Time | None
    updatedAt: Time | None


class VersionForm(TypedDict):
    """A version of a prompt."""

    number: int
    text: str
    variables: list[str]
    outputType: Literal["text", "memory", "task"]
    createdAt: Time


_ONE = ok(prompt=PromptForm)


class PromptsHandler(PersonHandler):
    """All prompts that the person may run."""

    route = "/prompts"

    @declare(ok(items=list[PromptForm]))
    async def get(self) -> None:
        """List the person's prompts, then those of the server, each by name."""
        own = await self.store.read(prompts.list_prompts, self.me.account_id)
        self.send_ok({"items": [prompt_form(one) for one in (*own, *self.site.people.prompts.values())]})

    @declare({201: _ONE}, body=(_NAME, _TEXT, _OUTPUT, _SPACE), errors=(409,))
    async def post(self) -> None:
        """Make a prompt. One with the name of a server's prompt is taken instead of it."""
        change = _read_change(self.read_fields())
        name, text = _needed(change)
        draft = Draft(text=text, output_type=change.output_type or TEXT)
        try:
            me, space = self.me.account_id, change.space or None
            made = await self.store.write_alone(prompts.add_prompt, me, name, draft, space)
        except DuplicateError as exc:
            raise _is_taken() from exc
        if made is None:
            raise ConflictError(f"This account has {MAX_PROMPTS} prompts already.", hint="Delete one of them first.")
        self.send_ok({"prompt": prompt_form(made)}, 201)


class PromptHandler(PersonHandler):
    """One prompt, by its id or its name."""

    route = "/prompts/:id"

    @declare(_ONE)
    async def get(self, key: str) -> None:
        """Show it."""
        found = await self.store.read(prompts.find_prompt, self.me.account_id, key) or self.site.people.prompts.get(key)
        if found is None:
            raise no_prompt()
        self.send_ok({"prompt": prompt_form(found)})

    @declare(_ONE, body=(_NAME, _TEXT, _OUTPUT, _SPACE), errors=(409,))
    async def put(self, key: str) -> None:
        """Replace it. What the body leaves out has its default."""
        change = _read_change({"output_type": TEXT, "space": None} | self.read_fields())
        _needed(change)
        await self._change(key, change)

    @declare(_ONE, body=_CHANGE, errors=(409,))
    async def patch(self, key: str) -> None:
        """Change what the body names. Another text makes a new version; the latest 20 are kept."""
        fields = self.read_fields()
        number = fields.pop("version", None)
        change = _read_change(fields)
        if number is not None:
            kept = await self._find_version(key, number)
            change = Change(
                name=change.name, space=change.space, text=kept.draft.text, output_type=kept.draft.output_type
            )
        await self._change(key, change)

    @declare(ok())
    async def delete(self, key: str) -> None:
        """Delete it with its versions."""
        if not await self.store.write_alone(prompts.delete_prompt, self.me.account_id, key):
            raise no_prompt()
        self.send_ok()

    async def _find_version(self, key: str, number: int) -> Version:
        found = await self.store.read(prompts.find_prompt, self.me.account_id, key)
        if found is None:
            raise no_prompt()
        version = await self.store.read(prompts.find_version, self.me.account_id, found.prompt_id, number)
        if version is None:
            raise BadRequestError(f"`version` {number} is not kept.", hint="GET its /versions.")
        return version

    async def _change(self, key: str, change: Change) -> None:
        try:
            changed = await self.store.write_alone(prompts.change_prompt, self.me.account_id, key, change)
        except DuplicateError as exc:
            raise _is_taken() from exc
        if changed is None:
            raise no_prompt()
        self.send_ok({"prompt": prompt_form(changed)})


class VersionsHandler(PersonHandler):
    """The versions of a prompt."""

    route = "/prompts/:id/versions"

    @declare(ok(items=list[VersionForm]))
    async def get(self, key: str) -> None:
        """List them, the newest first."""
        found = await self.store.read(prompts.find_prompt, self.me.account_id, key)
        if found is None:
            raise no_prompt()
        versions = await self.store.read(prompts.list_versions, self.me.account_id, found.prompt_id)
        self.send_ok({"items": [_version_form(one) for one in versions]})


def no_prompt() -> NotFoundError:
    """Return the error for a prompt that is none of the person's."""
    return NotFoundError("Prompt not found", hint="GET /prompts lists yours; those of the server cannot be changed.")


def _is_taken() -> ConflictError:
    return ConflictError("You have a prompt of this name.", hint="Choose another `name`, or change that one.")


def _needed(change: Change) -> tuple[str, str]:
    """Return name and text.

    Raises:
        BadRequestError: one of them is missing.
    """
    if not change.name or not change.text:
        raise BadRequestError("name and text are required", hint="`name` is short, `text` is sent to the model.")
    return change.name, change.text


def _read_change(fields: dict[str, Any]) -> Change:
    """Return the fields as a change.

    Raises:
        BadRequestError: a value is none of those that may be; the message names its field.
    """
    name, text, output_type = (fields.get(one) for one in ("name", "text", "output_type"))
    space = (fields["space"] or "") if "space" in fields else None
    if name is not None and (not NAME.fullmatch(name) or name in _RESERVED):
        raise BadRequestError("`name` must have 1 to 64 small letters, digits, `-`, `_`.", hint="Choose another.")
    if text is not None and not text.strip():
        raise BadRequestError("`text` must not be blank.")
    if output_type is not None and output_type not in OUTPUT_TYPES:
        raise BadRequestError(f"`output_type` must be one of {', '.join(OUTPUT_TYPES)}.")
    if space and space not in SPACES:
        raise BadRequestError(f"`space` must be one of {', '.join(SPACES)}, or null.")
    return Change(name=name, text=text, output_type=output_type, space=space)


def prompt_form(one: NamedPrompt) -> dict[str, Any]:
    """Return a prompt as clients know it."""
    return {
        "id": one.prompt_id,
        "name": one.name,
        "about": one.about,
        "text": one.text,
        "variables": list(one.variables),
        "outputType": one.output_type,
        "source": "own" if one.is_own else "server",
        "space": one.space,
        "version": one.version,
        "createdAt": iso_time(one.created_at) if one.is_own else None,
        "updatedAt": iso_time(one.updated_at) if one.is_own else None,
    }


def _version_form(one: Version) -> dict[str, Any]:
    return {
        "number": one.number,
        "text": one.draft.text,
        "variables": list(one.draft.variables),
        "outputType": one.draft.output_type,
        "createdAt": iso_time(one.created_at),
    }
