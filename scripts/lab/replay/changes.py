"""A person's changes, sent until they are acknowledged or given up; each is in the accept log before it is sent.

Not here: which changes (people.py). Threads: one event loop.
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

# Of the changes whose request failed, this part is never sent again.
_GIVES_UP = 0.3
# Seconds between two tries at a server that is there, and tries of a person who does not give up.
_AGAIN_S, _TRIES = 0.05, 200
# Refusals of a server that starts, stops or is busy.
_BUSY = frozenset({429, 500, 503, 504})
PASSWORD = "correct horse battery"  # noqa: S105 (of invented persons)

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
        return {"email": self.email, "password": PASSWORD}


class Changes:
    """Sends changes. Set `up` while the server runs, and `is_over` when nobody may give up any more.

    `refused` names replies that no change should get. `repeated` changes were sent again, with what they said before.
    """

    def __init__(self, target: Target, log: AcceptLog, rng: random.Random) -> None:
        self.refused: list[str] = []
        self.repeated = 0
        self.up, self.is_over = asyncio.Event(), asyncio.Event()
        self.http = HttpClient(target.host, target.port)
        self._log = log
        self._rng = rng
        self.run = f"{rng.getrandbits(24):06x}"
        self.numbers = itertools.count(1)

    async def send(  # noqa: PLR0913 (of one request)
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
    ) -> dict[str, Any] | None:
        """Send a change until it is acknowledged; return the reply. None: it was given up, or refused.

        `named` is its idempotency key. A status in `also` says at a repetition that the change was stored before.
        """
        number = next(self.numbers)
        self._note(person, steps, number)
        for attempt in range(_TRIES):
            await self.up.wait()
            self.repeated += attempt == 1
            response = await self._request(person, method, path, form, named)
            if response is not None and (response.status < 300 or (attempt and response.status in also)):  # noqa: PLR2004 (HTTP's)
                reply: dict[str, Any] = msgspec.json.decode(response.body)
                self._note(person, _with_answer(steps, reply), number, is_acknowledged=True)
                return reply
            if response is not None and response.status not in _BUSY:
                break
            if not is_stubborn and not self.is_over.is_set() and self._rng.random() < _GIVES_UP:
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
            return await self.http.request(method, path, headers=headers, body=body)
        except ConnectionFailedError:
            return None

    def note_device(self, person: Person, token: str) -> None:
        """Note that a device is signed in with this token, which is the person's present one then."""
        key = self.new_key("device")
        person.token = person.devices[key] = token
        self._note(person, [("device", key, "open")], next(self.numbers), is_acknowledged=True)

    def _note(self, person: Person, steps: Sequence[Step], number: int, *, is_acknowledged: bool = False) -> None:
        person.things |= {(what, key): None for what, key, _ in steps}
        self._log.append(*(Deed(person.name, *step, number, is_acknowledged) for step in steps))

    def new_key(self, what: str) -> str:
        """Return a key that is in no other text."""
        return f"{what}-{self.run}-{next(self.numbers)}"


def _with_answer(steps: Sequence[Step], reply: dict[str, Any]) -> list[Step]:
    """Return the steps of a message with the text of its answer, if the reply has it."""
    if "assistant_text" not in reply or reply.get("pending") or reply.get("failed"):
        return [*steps]
    return [(what, key, reply["assistant_text"] if what == "answer" else value) for what, key, value in steps]
