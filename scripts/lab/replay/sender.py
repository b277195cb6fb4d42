"""Sender: send webhooks at their scheduled times, even if the server is too slow (open-loop load).

Latency counts from the scheduled time, so a stall of the server shows in every webhook that it delays. As Omi does, it
sends a user's next webhook only after the reply to the last one. Not here: the webhooks (generator.py, recording.py),
the check (verify.py). Threads: one event loop.
"""

import asyncio
import hashlib
import hmac
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import msgspec

from omi_actors.clock import Clock
from scripts.lab.replay.accept_log import AcceptLog, build_promise
from scripts.lab.replay.http import ConnectionFailedError, HttpClient, Target
from scripts.lab.replay.recording import RecordedRequest

DROPPED_HEADER = "x-omi-actors-dropped"
# Longer than the server holds a reply (12 s), and than Omi waits (30 s).
_TIMEOUT_S = 30.0


# Builds the headers that sign a webhook, from its uid and body, at the time of sending.
Signer = Callable[[str, bytes], Mapping[str, str]]


class _Reply(msgspec.Struct):
    message: str = ""


_REPLY_DECODER = msgspec.json.Decoder(_Reply)


@dataclass(frozen=True, slots=True)
class Outcome:
    """Result of one webhook. `status` is 0 without a whole response; `dropped` is the server's reason, or "".

    `latency_s` counts from the due time to the arrival of the reply at `replied_mono_s`.
    """

    request: RecordedRequest
    status: int
    dropped: str
    latency_s: float
    message: str
    replied_mono_s: float = 0.0

    @property
    def is_acknowledged(self) -> bool:
        """Return True if the server promised to store the webhook."""
        return self.status == 200 and not self.dropped  # noqa: PLR2004 (HTTP's OK)


class Poster:
    """Posts webhooks, and writes the acknowledged ones to `accept_log`."""

    def __init__(
        self,
        target: Target,
        http: HttpClient,
        *,
        clock: Clock,
        accept_log: AcceptLog | None = None,
        sign: Signer | None = None,
    ) -> None:
        self._target = target
        self._http = http
        self._clock = clock
        self._accept_log = accept_log
        self._sign = sign

    async def post(self, request: RecordedRequest, due_mono_s: float) -> Outcome:
        """Post one webhook, which was due at the given time, and return the outcome."""
        status, dropped, message = await self._post(request)
        replied_mono_s = self._clock.mono_s()
        outcome = Outcome(request, status, dropped, replied_mono_s - due_mono_s, message, replied_mono_s)
        if outcome.is_acknowledged and self._accept_log is not None:
            self._accept_log.append(build_promise(request))
        return outcome

    async def _post(self, request: RecordedRequest) -> tuple[int, str, str]:
        path, body = self._target.webhook_path(request.path, request.query), request.payload()
        proof = self._sign(request.query.get("uid", ""), body) if self._sign else {}
        try:
            response = await self._http.request("POST", path, headers={**request.headers, **proof}, body=body)
        except ConnectionFailedError:
            return 0, "", ""
        return response.status, response.headers.get(DROPPED_HEADER, ""), _parse_message(response.body)


class Sender:
    """Sends one run of webhooks. `outcomes` grows while it sends, and stays valid if it is cancelled."""

    def __init__(
        self,
        target: Target,
        *,
        clock: Clock,
        accept_log: AcceptLog | None = None,
        timeout_s: float = _TIMEOUT_S,
        sign: Signer | None = None,
    ) -> None:
        self.outcomes: list[Outcome] = []
        self._sign = sign
        self._target = target
        self._clock = clock
        self._accept_log = accept_log
        self._timeout_s = timeout_s
        self._sent: dict[int, RecordedRequest] = {}
        self._turns: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def send(self, requests: Iterable[RecordedRequest], *, speed: float = 1.0) -> None:
        """Send every request at its time, divided by `speed`; return when all are answered or failed."""
        begin_mono_s = self._clock.mono_s()
        async with (
            HttpClient(self._target.host, self._target.port, timeout_s=self._timeout_s) as http,
            asyncio.TaskGroup() as group,
        ):
            poster = Poster(self._target, http, clock=self._clock, accept_log=self._accept_log, sign=self._sign)
            for number, request in enumerate(requests):
                due_mono_s = begin_mono_s + request.at_s / speed
                # Also when late, since the loop must run to receive replies, even with endless requests.
                await asyncio.sleep(max(0.0, due_mono_s - self._clock.mono_s()))
                self._sent[number] = request
                group.create_task(self._send_one(poster, number, due_mono_s))

    def unacknowledged(self) -> list[RecordedRequest]:
        """Return the requests sent and not acknowledged, in the order of sending."""
        return list(self._sent.values())

    async def _send_one(self, poster: Poster, number: int, due_mono_s: float) -> None:
        request = self._sent[number]
        async with self._turns[request.query.get("uid", "")]:
            outcome = await poster.post(request, due_mono_s)
        if outcome.is_acknowledged:
            del self._sent[number]
        self.outcomes.append(outcome)


def _parse_message(body: bytes) -> str:
    try:
        return _REPLY_DECODER.decode(body).message
    except (msgspec.DecodeError, msgspec.ValidationError):
        return ""


def build_signer(secrets: Sequence[str], clock: Clock) -> Signer:
    """Return a signer that signs with all `secrets`: usually one, but two while Omi rotates a secret.

    Source: Omi's webhook signature v1: hex HMAC-SHA256(secret, "<t>.<uid>." + raw body), one for each secret in use.
    """

    def sign(uid: str, body: bytes) -> Mapping[str, str]:
        signed_at = int(clock.now_s())
        content = f"{signed_at}.{uid}.".encode() + body
        digests = [hmac.new(secret.encode(), content, hashlib.sha256).hexdigest() for secret in secrets]
        signature = ",".join([f"t={signed_at}", *(f"v1={digest}" for digest in digests)])
        return {"X-Omi-Signature": signature, "X-Omi-Event": "realtime_transcript"}

    return sign
