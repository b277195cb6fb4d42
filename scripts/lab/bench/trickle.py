"""Row: a model that sends one byte a second: the time of answers, and the latency of other sessions.

Each answer fails at its deadline. The server stores a failure text, which must be delivered once.
Not here: that model; its address is given. Threads: one event loop; the server is a process of its own.
"""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count
from pathlib import Path
from urllib.parse import quote

import msgspec

from omi_actors.clock import Clock
from scripts.lab.replay.http import HttpClient, Target
from scripts.lab.replay.report import percentile
from scripts.lab.replay.server_process import build_server

# Seconds between two remarks of an asking session, and of another one.
_WAITING_PERIOD_S = 0.5
_OTHER_PERIOD_S = 0.2
# Longest wait (s) after the deadline, and remarks after the answer, to see a second delivery.
_LATE_S = 30.0
_AFTERTHOUGHTS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class TricklePlan:
    """Plan: for `seconds`, `asking` sessions ask questions, and `others` only speak. `deadline_s` is OPENAI_TIMEOUT.

    No session asks during `warm_up_s`, while the server imports the model's library. The first questions are spread
    over `spread_s`.
    """

    seconds: float = 60.0
    warm_up_s: float = 5.0
    spread_s: float = 5.0
    deadline_s: float = 20.0
    asking: int = 50
    others: int = 50


@dataclass(slots=True)
class _Heard:
    """Received replies: messages by user, latencies of the `others`, and the count of refused webhooks."""

    messages: dict[str, list[str]] = field(default_factory=dict)
    others_s: list[float] = field(default_factory=list)
    refused: int = 0


class _Message(msgspec.Struct, rename="camel"):
    role: str
    job_id: str
    created_at: datetime


class _Page(msgspec.Struct):
    messages: list[_Message]


class _Reply(msgspec.Struct):
    message: str = ""


async def measure_trickle(plan: TricklePlan, *, model_url: str, work_dir: Path, clock: Clock) -> dict[str, object]:
    """Start a server and run the plan against it; return seconds, milliseconds and counts."""
    extra = {"OPENAI_TIMEOUT": str(round(plan.deadline_s * 1000))}
    server, target = build_server(work_dir, clock=clock, model_url=model_url, extra=extra)
    try:
        await server.start()
        await asyncio.sleep(plan.warm_up_s)
        async with HttpClient(target.host, target.port) as http:
            crowd = _Crowd(http, target, plan, clock)
            heard = await crowd.speak()
            turns_s = [seconds for uid in heard.messages for seconds in await _fetch_turns(http, target, uid)]
    finally:
        server.kill()
    said = sum(map(len, heard.messages.values()))
    return {
        "turns": len(turns_s),
        "turn_p50_s": round(percentile(turns_s, 50), 2),
        "turn_max_s": round(max(turns_s), 2),
        "deadline_s": plan.deadline_s,
        "said_twice": max(0, said - len(turns_s)),
        "unsaid": max(0, crowd.asked - said),
        "others_p50_ms": round(percentile(heard.others_s, 50) * 1000, 2),
        "others_p99_ms": round(percentile(heard.others_s, 99) * 1000, 2),
        "others_webhooks": len(heard.others_s),
        "refused": heard.refused,
        "asking_s": plan.seconds,
    }


class _Crowd:
    """All sessions of the plan; `asked` counts their questions."""

    def __init__(self, http: HttpClient, target: Target, plan: TricklePlan, clock: Clock) -> None:
        self.asked = 0
        self._http = http
        self._target = target
        self._plan = plan
        self._clock = clock
        self._heard = _Heard()
        self._numbers = count(1)
        self._begin_mono_s = clock.mono_s()

    async def speak(self) -> _Heard:
        """Let all sessions speak until the plan is over and the last question is answered or much too late."""
        async with asyncio.TaskGroup() as group:
            for number in range(self._plan.asking):
                group.create_task(
                    self._ask(f"trickle-asking-{number}", self._plan.spread_s * number / self._plan.asking)
                )
            for number in range(self._plan.others):
                group.create_task(self._chat(f"trickle-other-{number}", _OTHER_PERIOD_S * number / self._plan.others))
        return self._heard

    @property
    def _spoken_s(self) -> float:
        return self._clock.mono_s() - self._begin_mono_s

    async def _ask(self, uid: str, after_s: float) -> None:
        await asyncio.sleep(after_s)
        received = self._heard.messages.setdefault(uid, [])
        while self._spoken_s < self._plan.seconds + after_s:
            received_before = len(received)
            give_up_s = self._spoken_s + self._plan.deadline_s + _LATE_S
            self.asked += 1
            await self._say(uid, f"Hey Omi, how far is the moon, question {next(self._numbers)}?")
            while len(received) == received_before and self._spoken_s < give_up_s:
                await self._remark(uid)
        for _ in range(_AFTERTHOUGHTS):
            await self._remark(uid)

    async def _remark(self, uid: str) -> None:
        await asyncio.sleep(_WAITING_PERIOD_S)
        await self._say(uid, f"that is remark {next(self._numbers)}.")

    async def _chat(self, uid: str, after_s: float) -> None:
        await asyncio.sleep(after_s)
        while self._spoken_s < self._plan.seconds:
            begin_mono_s = self._clock.mono_s()
            await self._say(uid, f"we talked about the garden, note {next(self._numbers)}.")
            self._heard.others_s.append(self._clock.mono_s() - begin_mono_s)
            await asyncio.sleep(_OTHER_PERIOD_S)

    async def _say(self, uid: str, text: str) -> None:
        start_s = round(self._spoken_s, 3)
        segment = {"id": f"trickle-{next(self._numbers)}", "text": text, "speaker": "SPEAKER_00", "is_user": True}
        body = msgspec.json.encode({"session_id": uid, "segments": [segment | {"start": start_s, "end": start_s}]})
        path = self._target.webhook_path("/omi-webhook", {"uid": uid})
        response = await self._http.request("POST", path, headers={"Content-Type": "application/json"}, body=body)
        if response.status != 200 or "x-omi-actors-dropped" in response.headers:  # noqa: PLR2004 (HTTP's OK)
            self._heard.refused += 1
        elif message := msgspec.json.decode(response.body, type=_Reply).message:
            self._heard.messages.setdefault(uid, []).append(message)


async def _fetch_turns(http: HttpClient, target: Target, uid: str) -> Iterable[float]:
    """Return the seconds from each of a user's questions to its stored answer."""
    response = await http.request("GET", f"/transcript/{quote(uid)}?limit=1", headers=target.operator_headers)
    messages = msgspec.json.decode(response.body, type=_Page).messages
    asked_at = {one.job_id: one.created_at for one in messages if one.role == "user"}
    return [(one.created_at - asked_at[one.job_id]).total_seconds() for one in messages if one.role == "assistant"]
