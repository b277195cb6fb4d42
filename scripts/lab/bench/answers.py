"""Row: our share of an answer, from a webhook with a question to the reply that holds its answer.

Not here: the model: its address is given, and its own time is measured and taken off. Threads: one event loop.
One question at a time: this is latency without a queue, over real connections on loopback, which are kept open as
Omi's pooled client keeps its own.
"""

from collections.abc import Awaitable, Callable
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from omi_actors.clock import Clock
from scripts.lab.replay.generator import ConversationGenerator
from scripts.lab.replay.http import HttpClient
from scripts.lab.replay.report import percentile
from scripts.lab.replay.sender import Poster
from scripts.lab.replay.under_test import build_server

# The first answers import the model's SDK and open connections.
_WARM_UP = 20
_USERS = 20


class NotAnsweredError(RuntimeError):
    """A question was not answered in its own reply, so there is nothing to measure."""


async def measure_answers(questions: int, *, model_url: str, work_dir: Path, clock: Clock) -> dict[str, object]:
    """Ask `questions` questions, one after another; return milliseconds."""
    server, target = build_server(work_dir, clock=clock, model_url=model_url)
    webhooks = ConversationGenerator(seed=1, users=_USERS, question_every=1).take(_WARM_UP + questions)
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
    answers_ms = [seconds * 1000 for seconds in answers_s[_WARM_UP:]]
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
    """Return the seconds of direct calls to the model, streamed as the server asks for them."""
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
