"""What a server keeps of a kill test's persons: each signs in again and reads all that is theirs.

Not here: the persons (people.py), the judgement (people_judge.py). Threads: one event loop.
"""

import asyncio
import re
from collections import defaultdict
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlencode

import msgspec

from omi_actors.clock import Clock
from scripts.lab.replay.changes import Person
from scripts.lab.replay.http import ConnectionFailedError, HttpClient, Target
from scripts.lab.replay.people import TYPED
from scripts.lab.replay.people_judge import Kept, Thing

_POLL_S = 0.2
# A thing's key in a text of it.
_KEY = re.compile(r"\b(?:memory|message)-[0-9a-f]+-\d+\b")
# HTTP's status for a token or a password that is not valid.
_SIGNED_OUT = 401


class PersonUnreadableError(RuntimeError):
    """The server did not show a person what is theirs, so its data cannot be judged."""


async def settle_people(persons: list[Person], target: Target, *, clock: Clock, within_s: float) -> Kept:
    """Read until every message has an answer and every deleted account is erased, or time is up.

    Raises: PersonUnreadableError
    """
    deadline_mono_s = clock.mono_s() + within_s
    async with HttpClient(target.host, target.port) as http:
        kept = await _read_all(http, persons)
        while not (_is_answered(kept) and await _is_erased(http, persons)) and clock.mono_s() < deadline_mono_s:
            await asyncio.sleep(_POLL_S)
            kept = await _read_all(http, persons)
    return kept


def _is_answered(kept: Kept) -> bool:
    return all(kept.get((person, "answer", key)) for person, what, key in kept if what == "message")


async def _is_erased(http: HttpClient, persons: list[Person]) -> bool:
    paths = [one.erasure_path for one in persons if one.erasure_path]
    return all([(await _call(http, "GET", path))[1]["status"] == "erased" for path in paths])


async def _read_all(http: HttpClient, persons: list[Person]) -> Kept:
    kept: defaultdict[Thing, list[str]] = defaultdict(list)
    for person in persons:
        async for what, key, value in _read_person(http, person):
            kept[person.name, what, key].append(value)
    return kept


async def _read_person(http: HttpClient, person: Person) -> AsyncIterator[tuple[str, str, str]]:
    """Yield all that is the person's, each with its kind and its key."""
    for key, token in (person.devices | person.revoked).items():
        status, _ = await _call(http, "GET", "/account/profile", token)
        if status != _SIGNED_OUT:
            yield "device", key, "open"
    status, signed_in = await _call(http, "POST", "/auth/login", form=person.sign_in)
    if status == _SIGNED_OUT:
        return
    yield "account", person.email, signed_in["user"]["displayName"]
    for read in (_read_memories, _read_tasks, _read_preferences, _read_links, _read_talks):
        async for found in read(http, signed_in["session_token"]):
            yield found


async def _read_memories(http: HttpClient, token: str) -> AsyncIterator[tuple[str, str, str]]:
    async for memory in _walk(http, "/memories", token):
        yield "memory", _key_in(memory["text"]), memory["text"]


async def _read_tasks(http: HttpClient, token: str) -> AsyncIterator[tuple[str, str, str]]:
    async for task in _walk(http, "/agent-events", token):
        yield "task", task["payload"]["key"], "done" if task["payload"].get("done") else "to do"


async def _read_preferences(http: HttpClient, token: str) -> AsyncIterator[tuple[str, str, str]]:
    shown = (await _read(http, "/preferences", token))["preferences"]
    for name in TYPED:
        if shown[name]:
            yield "preference", name, shown[name]


async def _read_links(http: HttpClient, token: str) -> AsyncIterator[tuple[str, str, str]]:
    for link in (await _read(http, "/link/omi", token))["items"]:
        if link["isVerified"]:
            yield "link", link["omiUserId"], "verified"


async def _read_talks(http: HttpClient, token: str) -> AsyncIterator[tuple[str, str, str]]:
    """Yield titles of conversations, and the messages of those that are typed."""
    async for talk in _walk(http, "/conversations", token):
        if talk["title"]:
            yield "title", talk["id"], talk["title"]
        if talk["omiSessionKey"]:
            continue
        async for message in _walk(http, f"/conversations/{talk['id']}/messages", token):
            what = "message" if message["role"] == "USER" else "answer"
            yield what, _key_in(message["text"]), message["text"]


def _key_in(text: str) -> str:
    found = _KEY.search(text)
    return found[0] if found else text


async def _walk(http: HttpClient, path: str, token: str) -> AsyncIterator[Any]:
    """Yield the items of all pages of a list."""
    cursor = ""
    while cursor is not None:
        page = await _read(http, f"{path}?{urlencode({'limit': 100} | ({'cursor': cursor} if cursor else {}))}", token)
        for item in page["items"]:
            yield item
        cursor = page["nextCursor"]


async def _read(http: HttpClient, path: str, token: str) -> Any:
    status, reply = await _call(http, "GET", path, token)
    if status != 200:  # noqa: PLR2004 (HTTP's OK)
        raise PersonUnreadableError(f"GET {path.partition('?')[0]} answered {status}")
    return reply


async def _call(
    http: HttpClient, method: str, path: str, token: str = "", form: dict[str, str] | None = None
) -> tuple[int, Any]:
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    try:
        body = b"" if form is None else msgspec.json.encode(form)
        response = await http.request(method, path, headers=headers, body=body)
    except ConnectionFailedError as error:
        raise PersonUnreadableError(str(error)) from error
    return response.status, msgspec.json.decode(response.body)
