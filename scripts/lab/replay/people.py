"""Persons of a kill test: accounts, some with a wearable, that change what is theirs while the server is killed.

Each change is written to the accept log before it is sent, and again when it is acknowledged. After a kill a person
sends it again, with the same key, or gives it up. Not here: what the server keeps of them (people_kept.py), the
judgement (people_judge.py). Threads: one event loop.
"""

import asyncio
import itertools
import random
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from scripts.lab.replay.accept_log import AcceptLog, Deed
from scripts.lab.replay.http import ConnectionFailedError, HttpClient, Response, Target
from scripts.lab.replay.people_judge import ANY

_SLOTS = range(1, 6)
# Of the changes whose request failed, this part is never sent again.
_GIVES_UP = 0.3
# Seconds between two tries at a server that is there, and tries of a person who does not give up.
_AGAIN_S, _TRIES = 0.05, 200
# Refusals of a server that starts, stops or is busy.
_BUSY = frozenset({429, 500, 503, 504})
_PASSWORD = "correct horse battery"  # noqa: S105 (of invented persons)
# Preferences that change nothing of what is heard, each with values as they are typed.
TYPED = {
    "timeZone": ("Euro", "Europe/Ber", "Europe/Berlin", ""),
    "quietHoursStart": ("2", "22:", "22:15", ""),
    "language": ("d", "de", "e", ""),
}


# What a change does to one thing: its kind, its key, its new value.
Step = tuple[str, str, str | None]


@dataclass(slots=True)
class Person:
    """A person, and what they know to be theirs: memories and tasks as key and id, devices as key and token.

    `said` are the keys of the messages in a slot since its conversation was last deleted; `talks` its conversation.
    """

    name: str
    wearable: str = ""
    token: str = ""
    memories: dict[str, str] = field(default_factory=dict)
    tasks: dict[str, str] = field(default_factory=dict)
    devices: dict[str, str] = field(default_factory=dict)
    revoked: dict[str, str] = field(default_factory=dict)
    said: dict[int, list[str]] = field(default_factory=dict)
    talks: dict[int, str] = field(default_factory=dict)
    # Everything that a change of theirs ever named.
    things: dict[tuple[str, str], None] = field(default_factory=dict)
    erasure_path: str = ""

    @property
    def email(self) -> str:
        """Return the address of the account."""
        return f"{self.name}@example.com"

    @property
    def sign_in(self) -> dict[str, str]:
        """Return the body of a sign-in."""
        return {"email": self.email, "password": _PASSWORD}


class People:
    """The persons, each with one change after another, `pause_s` apart on average. Set `up` while the server runs.

    `everybody` also has those who came during the test; `refused` names replies that no change should get.
    """

    def __init__(
        self, target: Target, log: AcceptLog, *, seed: int, count: int, wearables: Sequence[str], pause_s: float
    ) -> None:
        self.everybody: list[Person] = []
        self.refused: list[str] = []
        self.up = asyncio.Event()
        self._http = HttpClient(target.host, target.port)
        self._log = log
        self._rng = random.Random(seed)  # noqa: S311 (what invented persons do)
        self._run = f"{self._rng.getrandbits(24):06x}"
        self._count = count
        self._wearables = wearables
        self._pause_s = pause_s
        self._numbers = itertools.count(1)
        self._is_over = asyncio.Event()

    async def live(self) -> None:
        """Let all persons live until `finish`."""
        async with self._http, asyncio.TaskGroup() as group:
            for number in range(self._count):
                group.create_task(self._live(self._new_person("".join(self._wearables[number : number + 1]))))

    def finish(self) -> None:
        """Let every person end the present change, which is then sent until it is acknowledged."""
        self._is_over.set()

    def _new_person(self, wearable: str = "") -> Person:
        person = Person(f"p{len(self.everybody)}-{self._run}", wearable)
        self.everybody.append(person)
        return person

    async def _live(self, person: Person) -> None:
        if await self._register(person) is None:
            return
        if person.wearable:
            await self._link(person)
        acts = {
            self._keep_memory: 6,
            self._edit_memory: 3,
            self._delete_memory: 3,
            self._type: 6,
            self._add_task: 4,
            self._complete_task: 3,
            self._send_message: 5,
            self._rename: 3,
            self._delete_talk: 1,
            self._sign_in: 1,
            self._revoke: 1,
            self._come_and_go: 1,
        }
        while not self._is_over.is_set():
            (act,) = self._rng.choices([*acts], [*acts.values()])
            await act(person)
            await self._wait(self._rng.expovariate(1 / self._pause_s))

    async def _wait(self, seconds: float) -> None:
        await asyncio.wait({asyncio.ensure_future(self._is_over.wait())}, timeout=seconds)

    # --- changes

    async def _register(self, person: Person) -> dict[str, Any] | None:
        form = person.sign_in | {"display_name": person.name}
        steps = [("account", person.email, person.name)]
        made = await self._change(person, steps, "POST", "/auth/register", form, also={409}, is_stubborn=True)
        if made is not None and "session_token" not in made:
            await self._sign_in(person)
        elif made is not None:
            self._note_device(person, made["session_token"])
        return made

    async def _sign_in(self, person: Person) -> None:
        reply = await self._change(person, [], "POST", "/auth/login", person.sign_in, is_stubborn=True)
        if reply is not None:
            self._note_device(person, reply["session_token"])

    def _note_device(self, person: Person, token: str) -> None:
        key = self._new_key("device")
        person.token = person.devices[key] = token
        self._note(person, [("device", key, "open")], next(self._numbers), is_acknowledged=True)

    async def _link(self, person: Person) -> None:
        """Link the wearable, which speaks meanwhile: start again where a code got lost."""
        form = {"omi_user_id": person.wearable}
        started = await self._change(person, [], "POST", "/link/omi/start", form, is_stubborn=True)
        if started is not None:
            steps = [("link", person.wearable, "verified")]
            form |= {"code": started["dev_code"]}
            await self._change(person, steps, "POST", "/link/omi/confirm", form, is_stubborn=True)

    async def _keep_memory(self, person: Person) -> None:
        key = self._new_key("memory")
        text = f"{key} says: kept"
        reply = await self._change(person, [("memory", key, text)], "POST", "/memories", {"text": text})
        if reply is not None:
            person.memories[key] = reply["memory"]["id"]

    async def _edit_memory(self, person: Person) -> None:
        for key, memory_id in self._one_of(person.memories):
            text = f"{key} says: edited {next(self._numbers)}"
            await self._change(person, [("memory", key, text)], "PATCH", f"/memories/{memory_id}", {"text": text})

    async def _delete_memory(self, person: Person) -> None:
        for key, memory_id in self._one_of(person.memories):
            del person.memories[key]
            await self._change(person, [("memory", key, None)], "DELETE", f"/memories/{memory_id}", also={404})

    async def _type(self, person: Person) -> None:
        field_name = self._rng.choice([*TYPED])
        value = self._rng.choice(TYPED[field_name])
        await self._change(
            person, [("preference", field_name, value or None)], "PUT", "/preferences", {field_name: value}
        )

    async def _add_task(self, person: Person) -> None:
        key = self._new_key("task")
        form = {"type": "todo", "payload": {"key": key}}
        reply = await self._change(person, [("task", key, "to do")], "POST", "/agent-events", form, named=key)
        if reply is not None:
            person.tasks[key] = reply["event"]["id"]

    async def _complete_task(self, person: Person) -> None:
        for key, task_id in self._one_of(person.tasks):
            await self._change(person, [("task", key, "done")], "PATCH", f"/agent-events/{task_id}/complete")

    async def _send_message(self, person: Person) -> None:
        key, slot = self._new_key("message"), self._rng.choice(_SLOTS)
        text = f"What do you know of {key}, please?"
        person.said.setdefault(slot, []).append(key)
        steps = [("message", key, text), ("answer", key, ANY)]
        reply = await self._change(
            person, steps, "POST", "/messages/send", {"text": text, "slot": slot}, named=key, is_asked=True
        )
        if reply is not None:
            person.talks[slot] = reply["conversation_id"]

    async def _rename(self, person: Person) -> None:
        for _, talk_id in self._one_of(person.talks):
            title = f"Title {next(self._numbers)}"
            await self._change(
                person, [("title", talk_id, title)], "PATCH", f"/conversations/{talk_id}", {"title": title}
            )

    async def _delete_talk(self, person: Person) -> None:
        for slot, talk_id in self._one_of(person.talks):
            del person.talks[slot]
            keys = person.said[slot]
            steps = [(what, key, None) for key in keys for what in ("message", "answer")]
            path = f"/conversations/{talk_id}"
            if await self._change(person, [("title", talk_id, None), *steps], "DELETE", path, also={404}) is not None:
                person.said[slot] = []

    async def _revoke(self, person: Person) -> None:
        """End another device of the person."""
        others = {key: token for key, token in person.devices.items() if token != person.token}
        for key, token in self._one_of(others):
            del person.devices[key]
            person.revoked[key] = token
            form = {"session_token": token}
            await self._change(person, [("device", key, None)], "POST", "/account/sessions/revoke", form, also={404})

    async def _come_and_go(self, _: Person) -> None:
        """Let a new person register, keep a memory, and perhaps delete the account."""
        newcomer = self._new_person()
        if await self._register(newcomer) is None:
            return
        await self._keep_memory(newcomer)
        if self._rng.randrange(2):
            gone: list[Step] = [(what, key, None) for what, key in newcomer.things]
            form = {"current_password": _PASSWORD}
            ended = await self._change(newcomer, gone, "DELETE", "/account", form, also={401}, is_stubborn=True)
            newcomer.erasure_path = (ended or {}).get("statusPath", "")

    # --- requests

    async def _change(  # noqa: PLR0913 (of one request)
        self,
        person: Person,
        steps: Sequence[Step],
        method: str,
        path: str,
        form: dict[str, Any] | None = None,
        *,
        named: str = "",
        also: Collection[int] = (),
        is_stubborn: bool = False,
        is_asked: bool = False,
    ) -> dict[str, Any] | None:
        """Send a change until it is acknowledged; return the reply. None: it was given up, or refused.

        `named` is its idempotency key. A status in `also` says at a repetition that the change was stored before.
        """
        number = next(self._numbers)
        self._note(person, steps, number)
        for attempt in range(_TRIES):
            await self.up.wait()
            response = await self._request(person, method, path, form, named)
            if response is not None and (response.status < 300 or (attempt and response.status in also)):  # noqa: PLR2004 (HTTP's)
                reply: dict[str, Any] = msgspec.json.decode(response.body)
                self._note(person, _with_answer(steps, reply) if is_asked else steps, number, is_acknowledged=True)
                return reply
            if response is not None and response.status not in _BUSY:
                break
            if not is_stubborn and not self._is_over.is_set() and self._rng.random() < _GIVES_UP:
                return None
            if self.up.is_set():
                await asyncio.sleep(_AGAIN_S)
        self.refused.append(f"{method} {path}: {response and (response.status, response.body[:200])}")
        return None

    async def _request(
        self, person: Person, method: str, path: str, form: dict[str, Any] | None, named: str
    ) -> Response | None:
        headers = {"Content-Type": "application/json"}
        if person.token:
            headers["Authorization"] = f"Bearer {person.token}"
        if named:
            headers["Idempotency-Key"] = named
        try:
            body = b"" if form is None else msgspec.json.encode(form)
            return await self._http.request(method, path, headers=headers, body=body)
        except ConnectionFailedError:
            return None

    def _note(self, person: Person, steps: Sequence[Step], number: int, *, is_acknowledged: bool = False) -> None:
        person.things |= {(what, key): None for what, key, _ in steps}
        self._log.append(*(Deed(person.name, *step, number, is_acknowledged) for step in steps))

    def _new_key(self, what: str) -> str:
        return f"{what}-{self._run}-{next(self._numbers)}"

    def _one_of(self, things: dict[Any, str]) -> list[tuple[Any, str]]:
        """Return one of these things, or none if there is none."""
        return [self._rng.choice([*things.items()])] if things else []


def _with_answer(steps: Sequence[Step], reply: dict[str, Any]) -> list[Step]:
    """Return the steps of a message with the text of its answer, if the reply has it."""
    if reply.get("pending") or reply.get("failed"):
        return [*steps]
    return [(what, key, reply["assistant_text"] if what == "answer" else value) for what, key, value in steps]
