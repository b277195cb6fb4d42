"""Person with an account, who keeps memories and deletes some, while wearables speak.

Not here: what is left of the memories after a cut (cut.py). Threads: one event loop.
"""

import asyncio
import itertools

import msgspec

from scripts.lab.replay.http import ConnectionFailedError, HttpClient, Response, Target

# Ids of requests, by which replies are found in the trace; a memory's text is its request's id.
KEEPS, DELETES = "power-keep-", "power-delete-"
ID_HEADER = "x-request-id"
_PAUSE_S = 0.05
# Of so many memories one is deleted again.
_DELETED = 3
_FORM = {
    "email": "power@example.com",
    "password": "correct horse battery",  # of an invented person
    "display_name": "Power",
}


class Person:
    """A person, who registers once, and keeps memories whenever `live` runs."""

    def __init__(self) -> None:
        self._numbers = itertools.count()
        self._token = ""

    async def live(self, target: Target) -> None:
        """Keep memories until the server is gone, or this is cancelled."""
        async with HttpClient(target.host, target.port) as http:
            try:
                while True:
                    await self._keep(http)
                    await asyncio.sleep(_PAUSE_S)
            except ConnectionFailedError:
                return

    async def _keep(self, http: HttpClient) -> None:
        if not self._token:
            reply = await self._send(http, "POST", "/auth/register", "power-register", _FORM)
            self._token = msgspec.json.decode(reply.body)["session_token"]
        number = next(self._numbers)
        name = f"{KEEPS}{number}"
        reply = await self._send(http, "POST", "/memories", name, {"text": name})
        memory_id = msgspec.json.decode(reply.body)["memory"]["id"]
        if number % _DELETED == 0:
            await self._send(http, "DELETE", f"/memories/{memory_id}", f"{DELETES}{number}")

    async def _send(
        self, http: HttpClient, method: str, path: str, name: str, form: dict[str, str] | None = None
    ) -> Response:
        headers = {"Content-Type": "application/json", ID_HEADER: name}
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        body = b"" if form is None else msgspec.json.encode(form)
        return await http.request(method, path, headers=headers, body=body)
