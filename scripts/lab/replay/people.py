"""Persons of a kill test: accounts, some with a wearable, that change what is theirs while the server is killed.

Not here: sending a change, and what is written to the accept log (changes.py), what the server keeps (people_kept.py),
the judgement (people_judge.py). Threads: one event loop.
"""

import asyncio
import contextlib
import random
from collections.abc import Sequence
from typing import Any

from scripts.lab.replay.accept_log import AcceptLog
from scripts.lab.replay.changes import PASSWORD, Changes, Person, Step
from scripts.lab.replay.http import Target
from scripts.lab.replay.people_judge import ANY

_SLOTS = range(1, 6)
# Preferences that change nothing of what is heard, each with values as they are typed.
TYPED = {
    "timeZone": ("Euro", "Europe/Ber", "Europe/Berlin", ""),
    "quietHoursStart": ("2", "22:", "22:15", ""),
    "language": ("d", "de", "e", ""),
}


class People:
    """The persons, each with one change after another, `pause_s` apart on average. Set `changes.up` while it runs.

    `everybody` also has those who came during the test.
    """

    def __init__(
        self, target: Target, log: AcceptLog, *, seed: int, count: int, wearables: Sequence[str], pause_s: float
    ) -> None:
        self._rng = random.Random(seed)  # noqa: S311 (what invented persons do)
        self.everybody: list[Person] = []
        self.changes = Changes(target, log, self._rng)
        self._change = self.changes.send
        self._count = count
        self._wearables = wearables
        self._pause_s = pause_s

    async def live(self) -> None:
        """Let all persons live until `finish`."""
        async with self.changes.http, asyncio.TaskGroup() as group:
            for number in range(self._count):
                group.create_task(self._live(self._new_person("".join(self._wearables[number : number + 1]))))

    def finish(self) -> None:
        """Let every person end the present change, which is then sent until it is acknowledged."""
        self.changes.is_over.set()

    def _new_person(self, wearable: str = "") -> Person:
        person = Person(f"p{len(self.everybody)}-{self.changes.run}", wearable)
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
            self._delete_talk: 3,
            self._sign_in: 3,
            self._revoke: 3,
            self._come_and_go: 1,
        }
        while not self.changes.is_over.is_set():
            (act,) = self._rng.choices([*acts], [*acts.values()])
            await act(person)
            await self._wait(self._rng.expovariate(1 / self._pause_s))

    async def _wait(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.changes.is_over.wait(), seconds)

    # --- changes

    async def _register(self, person: Person) -> dict[str, Any] | None:
        form = person.sign_in | {"display_name": person.name}
        steps = [("account", person.email, person.name)]
        made = await self._change(person, steps, "POST", "/auth/register", form, also={409}, is_stubborn=True)
        if made is not None and "session_token" not in made:
            await self._sign_in(person)
        elif made is not None:
            self.changes.note_device(person, made["session_token"])
        return made

    async def _sign_in(self, person: Person) -> None:
        reply = await self._change(person, [], "POST", "/auth/login", person.sign_in, is_stubborn=True)
        if reply is not None:
            self.changes.note_device(person, reply["session_token"])

    async def _link(self, person: Person) -> None:
        """Link the wearable, which speaks meanwhile: start again where a code got lost."""
        form = {"omi_user_id": person.wearable}
        started = await self._change(person, [], "POST", "/link/omi/start", form, is_stubborn=True)
        if started is not None:
            steps = [("link", person.wearable, "verified")]
            form |= {"code": started["dev_code"]}
            await self._change(person, steps, "POST", "/link/omi/confirm", form, is_stubborn=True)

    async def _keep_memory(self, person: Person) -> None:
        key = self.changes.new_key("memory")
        text = f"{key} says: kept"
        reply = await self._change(person, [("memory", key, text)], "POST", "/memories", {"text": text})
        if reply is not None:
            person.memories[key] = reply["memory"]["id"]

    async def _edit_memory(self, person: Person) -> None:
        for key, memory_id in self._one_of(person.memories):
            text = f"{key} says: edited {next(self.changes.numbers)}"
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
        key = self.changes.new_key("task")
        form = {"type": "todo", "payload": {"key": key}}
        reply = await self._change(person, [("task", key, "to do")], "POST", "/agent-events", form, named=key)
        if reply is not None:
            person.tasks[key] = reply["event"]["id"]

    async def _complete_task(self, person: Person) -> None:
        for key, task_id in self._one_of(person.tasks):
            await self._change(person, [("task", key, "done")], "PATCH", f"/agent-events/{task_id}/complete")

    async def _send_message(self, person: Person) -> None:
        key, slot = self.changes.new_key("message"), self._rng.choice(_SLOTS)
        text = f"What do you know of {key}, please?"
        person.said.setdefault(slot, []).append(key)
        steps = [("message", key, text), ("answer", key, ANY)]
        form = {"text": text, "slot": slot}
        reply = await self._change(person, steps, "POST", "/messages/send", form, named=key)
        if reply is not None:
            person.talks[slot] = reply["conversation_id"]

    async def _rename(self, person: Person) -> None:
        for _, talk_id in self._one_of(person.talks):
            title = f"Title {next(self.changes.numbers)}"
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
            form = {"current_password": PASSWORD}
            ended = await self._change(newcomer, gone, "DELETE", "/account", form, also={401}, is_stubborn=True)
            newcomer.erasure_path = (ended or {}).get("statusPath", "")

    def _one_of(self, things: dict[Any, str]) -> list[tuple[Any, str]]:
        """Return one of these things, or none if there is none."""
        return [self._rng.choice([*things.items()])] if things else []
