"""Rows: the server's share of an answer's time, and of a streamed answer's first token.

One question is asked at a time, so that no question waits. Connections are on loopback and stay open, as in Omi's
client. The model's address is given; its own time is measured and subtracted.
Not here: the steps of an answer (answer_steps.py). Threads: one event loop.
"""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from omi_actors.clock import Clock
from scripts.lab.replay.generator import ConversationGenerator
from scripts.lab.replay.http import HttpClient, Target
from scripts.lab.replay.report import percentile
from scripts.lab.replay.sender import Poster
from scripts.lab.replay.server_process import build_server

_USERS = 20


class NotAnsweredError(RuntimeError):
    """A question has no answer in its own reply, so there is nothing to measure."""


async def measure_answers(
    questions: int, *, warm_up: int, model_url: str, work_dir: Path, clock: Clock
) -> dict[str, object]:
    """Ask `questions` questions, one after another, and `warm_up` before them; return milliseconds."""
    server, target = build_server(work_dir, clock=clock, model_url=model_url)
    webhooks = ConversationGenerator(seed=1, users=_USERS, question_every=1).take(warm_up + questions)
    answers_s = []
    try:
        await server.start()
        async with HttpClient(target.host, target.port) as http:
            poster = Poster(target, http, clock=clock)
            for webhook in webhooks:
                outcome = await poster.post(webhook, clock.mono_s())
                if not outcome.message:
                    raise NotAnsweredError(f"a question got status {outcome.status} and no answer")
                answers_s.append(outcome.latency_s)
    finally:
        server.kill()
    model_s = await _measure_model(model_url, questions, clock)
    answers_ms = [seconds * 1000 for seconds in answers_s[warm_up:]]
    model_ms = percentile(model_s, 50) * 1000
    return {
        "share_p50_ms": round(percentile(answers_ms, 50) - model_ms, 2),
        "share_p99_ms": round(percentile(answers_ms, 99) - model_ms, 2),
        "answer_p50_ms": round(percentile(answers_ms, 50), 2),
        "answer_p99_ms": round(percentile(answers_ms, 99), 2),
        "model_p50_ms": round(model_ms, 2),
        "questions": questions,
    }


async def _measure_model(model_url: str, calls: int, clock: Clock) -> list[float]:
    """Return the seconds of direct calls to the model, with streaming, as the server calls it."""
    parts = urlsplit(model_url)
    content = {"model": "bench", "stream": True, "messages": [{"role": "user", "content": "How far is the moon?"}]}
    body, headers = msgspec.json.encode(content), {"Content-Type": "application/json"}
    async with HttpClient(parts.hostname or "", parts.port or 80) as http:

        async def call() -> None:
            await http.request("POST", f"{parts.path}/chat/completions", headers=headers, body=body)

        return [await _time(call, clock) for _ in range(calls)]


async def _time(call: Callable[[], Awaitable[None]], clock: Clock) -> float:
    begin_mono_s = clock.mono_s()
    await call()
    return clock.mono_s() - begin_mono_s


class _Delta(msgspec.Struct):
    text: str


async def measure_first_tokens(
    questions: int, *, warm_up: int, timed_url: str, work_dir: Path, clock: Clock
) -> dict[str, object]:
    """Ask `questions` typed questions, one after another, and `warm_up` before them; return milliseconds.

    The model's first token holds the monotonic time of its sending (fake_openai.py, mode `timed`): all processes of a
    machine have the same clock.
    """
    # The rate limit is below the bench's pace.
    extra = {"ENABLE_RATE_LIMIT": "false"}
    server, target = build_server(work_dir, clock=clock, model_url=timed_url, extra=extra)
    try:
        await server.start()
        taken_s = [await _ask(target, number, clock) for number in range(warm_up + questions)]
    finally:
        server.kill()
    taken_ms = [seconds * 1000 for seconds in taken_s[warm_up:]]
    return {
        "first_token_p50_ms": round(percentile(taken_ms, 50), 2),
        "first_token_p99_ms": round(percentile(taken_ms, 99), 2),
        "questions": questions,
    }


async def _ask(target: Target, number: int, clock: Clock) -> float:
    """Ask one question; return the seconds from the model's first token to the server's."""
    body = msgspec.json.encode({"message": f"How far is star {number}?", "session_id": f"reader-{number % 20}"})
    head = (
        f"POST /chat HTTP/1.1\r\nHost: {target.host}\r\nAuthorization: Bearer {target.admin_token}\r\n"
        f"Accept: text/event-stream\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        "Connection: close\r\n\r\n"
    )
    reader, writer = await asyncio.open_connection(target.host, target.port)
    try:
        writer.write(head.encode() + body)
        await reader.readuntil(b"event: delta\n")
        line = await reader.readline()
        arrived_mono_s = clock.mono_s()
        await reader.read()
    finally:
        writer.close()
    return arrived_mono_s - float(msgspec.json.decode(line.removeprefix(b"data:"), type=_Delta).text)
