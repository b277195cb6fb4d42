"""Traffic: people who speak until `stop` is called, even while the server fails; and a meter of the event loop.

A sender that retries (with an Idempotency-Key) sends every second person's webhooks until each is acknowledged; the
others' are sent once, as by Omi. The next webhook of a person follows the reply to the last one.
Not here: the words (replay/generator.py), the posting (replay/sender.py). Threads: one event loop.
"""

import asyncio
from dataclasses import dataclass

import msgspec

from omi_actors.clock import Clock
from scripts.lab.replay.generator import ConversationGenerator
from scripts.lab.replay.http import ConnectionFailedError, HttpClient
from scripts.lab.replay.recording import RecordedRequest
from scripts.lab.replay.sender import Outcome, Poster

# Seconds between two attempts at one webhook, and from the end of the talk until a retrier gives up.
_RETRY_S = 0.5
_GIVE_UP_S = 30.0
# One webhook in so many has a question.
_QUESTION_EVERY = 6
# Distance of two runs' seeds, so that they share no people.
_SEEDS_APART = 10_007


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt at a webhook, by a sender that retries or not."""

    outcome: Outcome
    retries: bool


class Traffic:
    """Traffic of all people. `attempts` grows; `given_up` are webhooks that a retrying sender sent in vain."""

    def __init__(self, poster: Poster, *, people: int, period_s: float, seed: int, clock: Clock) -> None:
        self.attempts: list[Attempt] = []
        self.given_up: list[RecordedRequest] = []
        self._poster = poster
        self._people = people
        self._period_s = period_s
        self._seed = seed
        self._clock = clock
        self._stopped = asyncio.Event()
        self._stopped_mono_s = float("inf")

    async def run(self) -> None:
        """Let all speak until `stop`. Then let senders retry until their webhooks are acknowledged."""
        async with asyncio.TaskGroup() as group:
            for person in range(self._people):
                group.create_task(self._speak(person))

    def stop(self) -> None:
        """Start no new webhook."""
        if not self._stopped.is_set():
            self._stopped_mono_s = self._clock.mono_s()
            self._stopped.set()

    async def _speak(self, person: int) -> None:
        seed = self._seed * _SEEDS_APART + person
        talk = ConversationGenerator(seed=seed, users=1, rate_per_s=1 / self._period_s, question_every=_QUESTION_EVERY)
        await self._wait(self._period_s * person / self._people)
        for request in talk:
            if self._stopped.is_set():
                return
            began_mono_s = self._clock.mono_s()
            if person % 2:
                await self._say_until_kept(request)
            else:
                await self._say(request, retries=False)
            await self._wait(self._period_s - (self._clock.mono_s() - began_mono_s))

    async def _say_until_kept(self, request: RecordedRequest) -> None:
        key = request.query["uid"] + f"-{request.at_s}"
        request = msgspec.structs.replace(request, headers={**request.headers, "idempotency-key": key})
        while not (await self._say(request, retries=True)).is_acknowledged:
            if self._clock.mono_s() > self._stopped_mono_s + _GIVE_UP_S:
                self.given_up.append(request)
                return
            await asyncio.sleep(_RETRY_S)

    async def _say(self, request: RecordedRequest, *, retries: bool) -> Outcome:
        outcome = await self._poster.post(request, self._clock.mono_s())
        self.attempts.append(Attempt(outcome, retries))
        return outcome

    async def _wait(self, seconds: float) -> None:
        """Wait until `stop` at most. Always let other tasks run."""
        try:
            async with asyncio.timeout(max(0.0, seconds)):
                await self._stopped.wait()
        except TimeoutError:
            return


_PERIOD_S = 0.2


class Pulse:
    """Meter of the event loop: it asks /livez five times a second; `beats_s` are the seconds of the replies."""

    def __init__(self, http: HttpClient, clock: Clock) -> None:
        self.beats_s: list[float] = []
        self._http = http
        self._clock = clock

    async def run(self) -> None:
        """Ask until cancelled; ignore failed connections."""
        while True:
            began_mono_s = self._clock.mono_s()
            try:
                await self._http.request("GET", "/livez")
            except ConnectionFailedError:
                pass
            else:
                self.beats_s.append(self._clock.mono_s() - began_mono_s)
            await asyncio.sleep(_PERIOD_S)
