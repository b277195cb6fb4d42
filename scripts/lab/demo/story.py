"""The demo's person: an account with a linked wearable, conversations of the last days, memories and tasks.

A past day is told to a server whose clock is that many days behind; the person's page then shows it as it was.
Not here: the server (world.py). Threads: one event loop.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from scripts.lab.replay.http import HttpClient, Target
from scripts.lab.replay.recording import build_webhook
from scripts.lab.replay.server_process import ServerFailedError

EMAIL, PASSWORD, NAME = "ada@example.org", "a demo, not a secret", "Ada"
WEARABLE = "ada-demo-wearable"
# Answers of the demo's model, by a word of the question.
ANSWERS = {
    "moon": "The moon is about 384,000 kilometres away, thirty times the width of the Earth.",
    "egg": "Seven minutes from the moment it boils, for a yolk that is just set.",
    "train": "The 10:42 from platform 3 is the last one to Leeds tonight.",
    "tomatoes": "Water them at the roots in the morning, and take out the side shoots.",
    "Eiffel": "With its antennas the Eiffel Tower is 330 metres high.",
    "kitchen": "You wanted the blue tiles, and to ask the landlord first.",
    "weather": "Cloudy in the morning, dry from noon on, with up to twelve degrees.",
    "capital": "It is Wellington, since 1865; before that it was Auckland.",
}
# What is said on a past day, by the days before today.
PAST: Mapping[int, Sequence[tuple[str, int]]] = {
    3: (
        ("The landlord wrote that the kitchen may be painted.", 1),
        ("Then let us take the blue tiles.", 0),
        ("Hey Omi, how long do I have to boil an egg?", 0),
        ("My sister arrives on Friday evening.", 1),
    ),
    1: (
        ("The tomatoes on the balcony look thirsty.", 1),
        ("Hey Omi, how do I look after tomatoes?", 0),
        ("The library closes at six on Saturdays.", 1),
        ("Hey Omi, is there a train to Leeds after ten?", 0),
        ("We should book the table for four.", 0),
    ),
}
MEMORIES = (
    "My sister Vera visits from Friday to Monday.",
    "The landlord agreed to blue tiles in the kitchen.",
    "Vera is allergic to hazelnuts.",
    "The spare key is with Mrs. Okafor on the second floor.",
)
TYPED = (
    "What is the weather like tomorrow?",
    "How high is the Eiffel Tower?",
    "What is the capital of New Zealand?",
    "What did we say about the kitchen?",
)


def answer(question: str) -> str:
    """Return the demo model's answer."""
    return next((text for word, text in ANSWERS.items() if word in question), f"You asked: {question}")


class Person:
    """The person as a client of the demo's server."""

    def __init__(self, http: HttpClient, target: Target) -> None:
        self._http = http
        self._target = target
        self._headers: dict[str, str] = {}
        self._said_s = 0.0

    async def begin(self) -> None:
        """Make the account and link the wearable; the code is in the reply, since this is a development server."""
        made = await self._post("/auth/register", {"email": EMAIL, "password": PASSWORD, "displayName": NAME})
        self._sign_in(made)
        code = (await self._post("/link/omi/start", {"omi_user_id": WEARABLE}))["dev_code"]
        await self._post("/link/omi/confirm", {"omi_user_id": WEARABLE, "code": code})
        await self._patch("/preferences", {"inject_memories": True})

    async def come_back(self) -> None:
        """Sign in again, at a server that was restarted."""
        self._sign_in(await self._post("/auth/login", {"email": EMAIL, "password": PASSWORD}))

    async def live(self, days_ago: int) -> None:
        """Say what was said on that day."""
        for text, voice in PAST[days_ago]:
            await self.speak(text, voice, f"day-{days_ago}")

    async def remember(self) -> None:
        """Keep the memories and one task."""
        for text in MEMORIES:
            await self._post("/memories", {"text": text})
        await self._post("/agent-events", {"type": "task", "payload": {"text": "Book a table for four"}})

    async def speak(self, text: str, voice: int, talk: str) -> None:
        """Say one thing near the wearable."""
        self._said_s += 10.0
        speaker = {"speaker": f"SPEAKER_{voice:02d}", "is_user": voice == 0}
        segment = {"id": f"{talk}-{self._said_s}", "text": text, "start": self._said_s, "end": self._said_s + 3.0}
        webhook = build_webhook(WEARABLE, [{**segment, **speaker}])
        path = self._target.webhook_path(webhook.path, webhook.query)
        await self._send("POST", path, webhook.payload(), {"Content-Type": "application/json"})

    async def ask(self, text: str) -> str:
        """Type a question into the first window; return its conversation's id."""
        return str((await self._post("/messages/send", {"text": text, "slot": 1}))["conversation_id"])

    async def read(self, path: str) -> Any:
        """Return what the person sees there."""
        return await self._send("GET", path, b"", self._headers)

    def _sign_in(self, reply: Mapping[str, Any]) -> None:
        self._headers = {"Authorization": f"Bearer {reply['session_token']}"}

    async def _post(self, path: str, form: Mapping[str, Any]) -> Any:
        return await self._send("POST", path, json.dumps(form).encode(), self._headers)

    async def _patch(self, path: str, form: Mapping[str, Any]) -> Any:
        return await self._send("PATCH", path, json.dumps(form).encode(), self._headers)

    async def _send(self, method: str, path: str, body: bytes, headers: Mapping[str, str]) -> Any:
        reply = await self._http.request(method, path, headers=headers, body=body)
        if reply.status >= 400:  # noqa: PLR2004 (HTTP's first error)
            raise ServerFailedError(f"{path.partition('?')[0]}: {reply.status} {reply.body.decode()[:300]}")
        return json.loads(reply.body)
