"""Row: the time of an answer by steps, measured without HTTP and with a pause between questions.

It explains the row `answers`. The session and the model record the times of their calls.
Not here: the row `answers` (answers.py). Threads: a process of its own, on one event loop:
python -m scripts.lab.bench.answer_steps --questions=N --warm_up=N --model_url=URL --folder=DIR
"""

import argparse
import asyncio
import contextlib
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
from msgspec import structs

from omi_actors.actors.queue.messages import AnswerReady
from omi_actors.actors.session.actor import SessionActor
from omi_actors.actors.session.messages import IngestSegments, ReplySent
from omi_actors.clients.completion_request import RequestOptions
from omi_actors.clients.model import ModelAnswer, OnText
from omi_actors.clients.openai_model import OpenAIModel
from omi_actors.clock import Clock, SystemClock
from omi_actors.domain.answers.prompt import Prompt
from omi_actors.kit.future import Future
from omi_actors.system import System
from scripts.lab.bench.in_process import Speech, open_system, run_row
from scripts.lab.replay.report import percentile

_TIMEOUT_S = 30.0
_USERS = 20
# Seconds between two questions: enough for all work after the last answer.
_PAUSE_S = 0.1
_COMMITS = 50

# Steps between two moments, in their order.
STEPS = (
    "to_the_session",
    "hear_and_store_the_question",
    "to_a_worker_with_its_context",
    "ask_the_model",
    "store_the_answer",
    "say_it",
)


async def measure_steps(questions: int, *, warm_up: int, model_url: str, folder: Path) -> Mapping[str, Any]:
    """Ask `questions` questions, one after another; return the median milliseconds of each step."""
    options = {"questions": questions, "warm_up": warm_up, "model_url": model_url, "folder": folder}
    return await run_row("scripts.lab.bench.answer_steps", options, within_s=60 + questions)


class _Moments:
    """Times of each step of the current question."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.noted_mono_s: list[float] = []

    def note(self) -> None:
        self.noted_mono_s.append(self._clock.mono_s())


class _NotedModel(OpenAIModel):
    moments: _Moments

    async def answer(self, prompt: Prompt, *, deadline_s: float, on_text: OnText | None = None) -> ModelAnswer:
        self.moments.note()
        answer = await super().answer(prompt, deadline_s=deadline_s, on_text=on_text)
        self.moments.note()
        return answer


def _note_sessions(moments: _Moments) -> type[SessionActor]:
    class _NotedSession(SessionActor):
        def receive(self, message: object) -> object:
            if isinstance(message, IngestSegments | AnswerReady):
                moments.note()
            return super().receive(message)

        def take_reply(self) -> Future[Any] | None:
            moments.note()  # the question is stored
            return super().take_reply()

    return _NotedSession


async def _measure(questions: int, warm_up: int, model_url: str, folder: Path, clock: Clock) -> dict[str, float]:
    moments = _Moments(clock)
    model = _NotedModel(api_key="none", base_url=model_url, name="fake", concurrency=64, options=RequestOptions())
    model.moments = moments
    asked = []
    async with open_system(folder, clock, build_session=_note_sessions(moments), model=model) as system:
        await model.load()
        speech = Speech(clock)
        for number in range(warm_up + questions):
            await asyncio.sleep(_PAUSE_S)
            asked.append(await _ask(system, speech, number, moments))
    await model.close()
    steps = zip(*asked[warm_up:], strict=True)
    shown = {f"step_{name}_ms": _median_ms(taken) for name, taken in zip(STEPS, steps, strict=True)}
    return shown | {"synced_commit_alone_ms": _median_ms(_time_commits(folder, clock))}


async def _ask(system: System, speech: Speech, number: int, moments: _Moments) -> list[float]:
    """Ask one question; return the seconds of its steps."""
    heard = speech.hear(number % _USERS, 1)
    segment = structs.replace(heard.segments[0], text=f"Hey Omi, how long is year {number} on planet {number * 7}?")
    moments.noted_mono_s.clear()
    moments.note()
    said = await system.ingest(replace(heard, segments=(segment,)), timeout_s=_TIMEOUT_S)
    moments.note()
    if said.delivery_id is not None:
        system.reply_sent(ReplySent(heard.session_key, said.delivery_id, reached=True))
    return [after - before for before, after in pairwise(moments.noted_mono_s)]


def _time_commits(folder: Path, clock: Clock) -> Iterator[float]:
    """Make synced commits of one small row, without other writers; yield the seconds of each."""
    with contextlib.closing(sqlite3.connect(folder / "commits.sqlite3", isolation_level=None)) as con:
        con.execute("PRAGMA journal_mode=WAL")
        con.execute("PRAGMA synchronous=FULL")
        con.execute("CREATE TABLE row (text TEXT)")
        for _ in range(_COMMITS):
            begin_mono_s = clock.mono_s()
            con.execute("INSERT INTO row VALUES ('a small row')")
            yield clock.mono_s() - begin_mono_s


def _median_ms(seconds: Any) -> float:
    return round(percentile(list(seconds), 50) * 1000, 2)


def main() -> None:
    """Measure and print the result."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--questions", type=int, required=True)
    parser.add_argument("--warm_up", type=int, required=True)
    parser.add_argument("--model_url", required=True)
    parser.add_argument("--folder", type=Path, required=True)
    options = parser.parse_args()
    figures = asyncio.run(
        _measure(options.questions, options.warm_up, options.model_url, options.folder, SystemClock())
    )
    print(msgspec.json.encode(figures).decode())


if __name__ == "__main__":
    main()
