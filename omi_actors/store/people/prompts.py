"""A person's prompts and their versions.

Not here: the server's prompts (web/prompts/). Threads: changes run in the writer's group, reads in a reader.
"""

from dataclasses import dataclass
from typing import Any

from omi_actors.domain.people.prompts import MAX_PROMPTS, MAX_VERSIONS, Draft, NamedPrompt, Version, fill
from omi_actors.errors import DuplicateError
from omi_actors.ids import new_id
from omi_actors.store.people.accounts import lock_account
from omi_actors.store.transaction import Transaction

_COLUMNS = "id, name, space, version, text, output_type, created_at, updated_at"
_OWN = f"SELECT {_COLUMNS} FROM prompt WHERE account_id = ?"  # noqa: S608 (our own words)
_ADD = f"INSERT INTO prompt (account_id, {_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608 (our own words)
_ADD_VERSION = (
    "INSERT INTO prompt_version (id, prompt_id, account_id, number, text, output_type, created_at)"
    " VALUES (?, ?, ?, ?, ?, ?, ?)"
)
_CHANGE = (
    "UPDATE prompt SET name = ?, space = ?, version = ?, text = ?, output_type = ?, updated_at = ?"
    " WHERE id = ? AND account_id = ?"
)
_VERSIONS = "SELECT number, text, output_type, created_at FROM prompt_version WHERE account_id = ? AND prompt_id = ?"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A change of a prompt; None leaves a value as it is, and `space` "" means none."""

    name: str | None = None
    text: str | None = None
    output_type: str | None = None
    space: str | None = None


def list_prompts(tx: Transaction, account_id: str) -> tuple[NamedPrompt, ...]:
    """Load a person's prompts by name."""
    return tuple(map(_build, tx.fetch(f"{_OWN} ORDER BY name", (account_id,))))


def find_prompt(tx: Transaction, account_id: str, key: str) -> NamedPrompt | None:
    """Load a person's prompt by its id or name; None if there is none."""
    row = tx.fetch_one(f"{_OWN} AND (id = ? OR name = ?) ORDER BY id = ? DESC LIMIT 1", (account_id, key, key, key))
    return None if row is None else _build(row)


def add_prompt(tx: Transaction, account_id: str, name: str, draft: Draft, space: str | None) -> NamedPrompt | None:
    """Store a new prompt; None: the account has as many as may be.

    Raises:
        DuplicateError: the account has one of this name. OrphanError: the account is gone.
    """
    lock_account(tx, account_id)
    ((count,),) = tx.fetch("SELECT count(*) FROM prompt WHERE account_id = ?", (account_id,))
    if count >= MAX_PROMPTS:
        return None
    _check_name(tx, account_id, name)
    now_s, prompt_id = tx.now_s(), new_id()
    _leave_space(tx, account_id, space)
    tx.run(_ADD, (account_id, prompt_id, name, space, 1, draft.text, draft.output_type, now_s, now_s))
    _add_version(tx, account_id, prompt_id, 1, draft)
    return find_prompt(tx, account_id, prompt_id)


def change_prompt(tx: Transaction, account_id: str, key: str, change: Change) -> NamedPrompt | None:
    """Change a prompt. Another text or kind of output is a new version. None: there is no such prompt.

    Raises:
        DuplicateError: the account has another one of this name.
    """
    lock_account(tx, account_id)
    found = find_prompt(tx, account_id, key)
    if found is None:
        return None
    draft = Draft(
        text=found.text if change.text is None else change.text, output_type=change.output_type or found.output_type
    )
    version = found.version
    if draft != Draft(text=found.text, output_type=found.output_type):
        version += 1
        _add_version(tx, account_id, found.prompt_id, version, draft)
        tx.run(
            "DELETE FROM prompt_version WHERE prompt_id = ? AND number <= ?", (found.prompt_id, version - MAX_VERSIONS)
        )
    space = found.space if change.space is None else change.space or None
    if space != found.space:
        _leave_space(tx, account_id, space)
    name = found.name if change.name is None else change.name
    if name != found.name:
        _check_name(tx, account_id, name)
    values = (name, space, version, draft.text, draft.output_type, tx.now_s(), found.prompt_id, account_id)
    tx.run(_CHANGE, values)
    return find_prompt(tx, account_id, found.prompt_id)


def delete_prompt(tx: Transaction, account_id: str, key: str) -> bool:
    """Delete a prompt with its versions. Return False if there is none."""
    found = find_prompt(tx, account_id, key)
    return found is not None and tx.run("DELETE FROM prompt WHERE id = ?", (found.prompt_id,)) > 0


def list_versions(tx: Transaction, account_id: str, prompt_id: str) -> tuple[Version, ...]:
    """Load the versions of a prompt, the newest first."""
    rows = tx.fetch(f"{_VERSIONS} ORDER BY number DESC", (account_id, prompt_id))
    return tuple(map(_build_version, rows))


def find_version(tx: Transaction, account_id: str, prompt_id: str, number: int) -> Version | None:
    """Load one version; None if it is not kept."""
    row = tx.fetch_one(f"{_VERSIONS} AND number = ?", (account_id, prompt_id, number))
    return None if row is None else _build_version(row)


def load_wish(tx: Transaction, account_id: str, space: str) -> str:
    """Load the text of the prompt that a person has chosen for a space; "" if there is none."""
    row = tx.fetch_one("SELECT text FROM prompt WHERE account_id = ? AND space = ?", (account_id, space))
    return "" if row is None else fill(row[0], {})


def _check_name(tx: Transaction, account_id: str, name: str) -> None:
    if tx.fetch_one("SELECT 1 FROM prompt WHERE account_id = ? AND name = ?", (account_id, name)) is not None:
        raise DuplicateError("the account has a prompt of this name")


def _leave_space(tx: Transaction, account_id: str, space: str | None) -> None:
    if space is not None:
        tx.run("UPDATE prompt SET space = NULL WHERE account_id = ? AND space = ?", (account_id, space))


def _add_version(tx: Transaction, account_id: str, prompt_id: str, number: int, draft: Draft) -> None:
    tx.run(_ADD_VERSION, (new_id(), prompt_id, account_id, number, draft.text, draft.output_type, tx.now_s()))


def _build(row: Any) -> NamedPrompt:
    prompt_id, name, space, version, text, output_type, created_at, updated_at = row
    return NamedPrompt(
        prompt_id=prompt_id,
        name=name,
        text=text,
        output_type=output_type,
        space=space,
        version=version,
        created_at=created_at,
        updated_at=updated_at,
    )


def _build_version(row: Any) -> Version:
    number, text, output_type, created_at = row
    return Version(number, Draft(text=text, output_type=output_type), created_at)
