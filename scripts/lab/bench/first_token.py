"""Row: how long a streamed answer's first token takes through us, from the model's sending to the reader's hands.

Not here: the model: its address is given, and its first token is the moment at which it was sent (fake_openai.py, mode
`timed`): the monotonic clock is the same for all processes of a machine. Threads: one event loop.
"""

import asyncio
from pathlib import Path

import msgspec

from omi_actors.clock import Clock
from scripts.lab.replay.report import percentile
from scripts.lab.replay.targets import Target
from scripts.lab.replay.under_test import build_server

# The first answers import the model's SDK and open connections.
_WARM_UP = 20


class _Delta(msgspec.Struct):
    text: str


async def measure_first_tokens(questions: int, *, timed_url: str, work_dir: Path, clock: Clock) -> dict[str, object]:
    """Ask `questions` typed questions, one after another; return milliseconds."""
    # nobody types so many questions in a minute
    extra = {"ENABLE_RATE_LIMIT": "false"}
    server, target = build_server(work_dir, clock=clock, model_url=timed_url, extra=extra)
    try:
        await server.start()
        taken_s = [await _ask(target, number, clock) for number in range(_WARM_UP + questions)]
    finally:
        server.kill()
    taken_ms = [seconds * 1000 for seconds in taken_s[_WARM_UP:]]
    return {
        "first_token_p50_ms": round(percentile(taken_ms, 50), 2),
        "first_token_p99_ms": round(percentile(taken_ms, 99), 2),
        "questions": questions,
    }


async def _ask(target: Target, number: int, clock: Clock) -> float:
    """Ask one question; return the seconds from the model's first token to ours."""
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
