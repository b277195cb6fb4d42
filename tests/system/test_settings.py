"""Settings reach the parts that they are for."""

import os
import random
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from config.settings import load_settings
from omi_actors import parts as made
from omi_actors.cli.server import build_model, build_notifier
from omi_actors.clients.model import DemoModel
from omi_actors.clients.omi_api import OmiApi
from omi_actors.clock import SystemClock
from omi_actors.domain.answers.prompt import Prompt, PromptMessage
from omi_actors.parts import Parts
from omi_actors.store.engine import DATABASE_FILE
from tests.fakes.openai_server import run_fake_openai
from tests.store.builders import find_process
from tests.system.conftest import ADMIN, eventually
from tests.web.fake_system import FakeSystem
from tests.web.http_client import Connection
from web.server import WebServer

# A collaborator that is not asked.
NOBODY: Any = None


class Built:
    """What a system is made of, given one setting."""

    def __init__(self, **variables):
        settings = load_settings(overrides=variables)
        parts = Parts(
            settings=settings,
            model=DemoModel(),
            clock=SystemClock(),
            rng=random.Random(1),
            on_fenced=lambda: None,
        )
        self.sessions = made.build_session_deps(parts, NOBODY, NOBODY, NOBODY)
        self.budget = made.build_budget(settings, "openai", SystemClock()).rules
        self.jobs = made.build_job_deps(parts, NOBODY, NOBODY, None, NOBODY)
        self.janitor = made.build_janitor(settings, NOBODY)
        answers, others = made.build_worker_slots(settings)
        self.pools = {"answer": answers, "notify": others}
        self.breaker = made.build_model_breaker(settings)
        self.omi_breaker = made.build_notify_breaker(settings)


SEEN = [
    ("WAKE_NAMES", "omi, jarvis", lambda built: built.sessions.hearing.names, ("omi", "jarvis")),
    ("DEFAULT_LISTEN_MODE", "always", lambda built: built.sessions.hearing.mode, "ALWAYS"),
    ("DEFAULT_FOLLOWUP_WINDOW", "7000", lambda built: built.sessions.hearing.followup_s, 7.0),
    ("QUESTION_PAUSE_MS", "900", lambda built: built.sessions.hearing.pause_s, 0.9),
    ("NOTIFY_AFTER_SILENCE_MS", "900", lambda built: built.sessions.delivery_rules.silence_s, 0.9),
    ("QUESTION_MAX_MS", "9000", lambda built: built.sessions.hearing.hard_cap_s, 9.0),
    ("QUEUE_BATCH_SIZE", "9", lambda built: built.pools["answer"].batch, 9),
    ("QUEUE_BATCH_SIZE", "9", lambda built: built.pools["notify"].batch, 9),
    ("QUEUE_MAX_RETRIES", "7", lambda built: built.sessions.job_max_attempts, 8),
    ("OPENAI_TIMEOUT", "1500", lambda built: built.jobs.answering.written.timeout_s, 1.5),
    ("OPENAI_TIMEOUT", "1500", lambda built: built.jobs.answering.spoken.timeout_s, 1.5),
    ("OPENAI_WEBHOOK_TIMEOUT", "1500", lambda built: built.jobs.answering.spoken.timeout_s, 1.5),
    ("OPENAI_MAX_TOKENS", "70", lambda built: built.jobs.answering.written.max_tokens, 70),
    ("OPENAI_WEBHOOK_MAX_TOKENS", "70", lambda built: built.jobs.answering.spoken.max_tokens, 70),
    ("OPENAI_MAX_CONTEXT_TOKENS", "700", lambda built: built.jobs.answering.context.tokens, 700),
    ("OPENAI_HISTORY_MESSAGES", "3", lambda built: built.jobs.answering.context.messages, 3),
    ("OPENAI_INCLUDE_HISTORY", "off", lambda built: built.jobs.answering.context.messages, 0),
    ("COMPLETIONS_TIMEOUT", "1500", lambda built: built.jobs.answering.completions.timeout_s, 1.5),
    ("COMPLETIONS_MAX_TOKENS", "70", lambda built: built.jobs.answering.completions.max_tokens, 70),
    ("COMPLETIONS_MAX_CONTEXT_TOKENS", "700", lambda built: built.jobs.answering.completions.context_tokens, 700),
    ("COMPLETIONS_MAX_OPEN", "3", lambda built: built.jobs.answering.completions.open, 3),
    ("MODEL_BREAKER_FAILURES", "9", lambda built: built.breaker.failures, 9),
    ("MODEL_BREAKER_WINDOW_MS", "900", lambda built: built.breaker.window_s, 0.9),
    ("MODEL_BREAKER_PAUSE_MS", "900", lambda built: built.breaker.pause_s, 0.9),
    ("MODEL_BREAKER_PAUSE_CAP_MS", "9000", lambda built: built.breaker.pause_cap_s, 9.0),
    ("OMI_BREAKER_FAILURES", "9", lambda built: built.omi_breaker.failures, 9),
    ("OMI_BREAKER_WINDOW_MS", "900", lambda built: built.omi_breaker.window_s, 0.9),
    ("OMI_BREAKER_PAUSE_MS", "900", lambda built: built.omi_breaker.pause_s, 0.9),
    ("OMI_BREAKER_PAUSE_CAP_MS", "9000", lambda built: built.omi_breaker.pause_cap_s, 9.0),
    ("MODEL_USER_REQUESTS_PER_MINUTE", "7", lambda built: built.budget.owner.requests_per_minute, 7),
    ("MODEL_USER_TOKENS_PER_DAY", "7", lambda built: built.budget.owner.tokens_per_day, 7),
    ("MODEL_REQUESTS_PER_MINUTE", "7", lambda built: built.budget.all.requests_per_minute, 7),
    ("MODEL_TOKENS_PER_DAY", "7", lambda built: built.budget.all.tokens_per_day, 7),
    ("TRANSCRIPT_RETENTION_DAYS", "5", lambda built: built.janitor._rules.transcript_days, 5),
    ("DEAD_LETTER_RETENTION_DAYS", "5", lambda built: built.janitor._rules.dead_letter_days, 5),
    ("JOB_RETENTION_DAYS", "5", lambda built: built.janitor._rules.job_days, 5),
    ("OPERATOR_EVENT_RETENTION_DAYS", "5", lambda built: built.janitor._rules.event_days, 5),
    ("RETENTION_MAX_PERCENT", "5", lambda built: built.janitor._rules.max_percent, 5),
    ("JANITOR_INTERVAL_S", "5", lambda built: built.janitor._period_s, 5),
    ("ANSWER_EXPIRES_S", "7200", lambda built: built.janitor._rules.live_s, 7200),
    ("ANSWER_EXPIRES_S", "77", lambda built: built.sessions.delivery_rules.expires_s, 77),
    ("ANSWER_EXPIRES_S", "77", lambda built: built.jobs.answer_expires_s, 77),
    ("QUEUE_MAX_CONCURRENT_JOBS", "4", lambda built: built.pools["notify"].concurrency, 4),
    ("OPENAI_MAX_CONCURRENCY", "3", lambda built: built.pools["answer"].concurrency, 3),
]


@pytest.mark.parametrize(("variable", "value", "read", "expected"), SEEN, ids=[row[0] for row in SEEN])
def test_work_has_its_settings(variable, value, read, expected):
    assert read(Built(**{variable: value})) == expected
    assert read(Built()) != expected


async def test_store_and_sessions_have_their_settings(start, tmp_path):
    program = await start(
        NODE_NAME="kitchen",
        NODE_ADDRESS="10.0.0.1:3000",
        NODE_LEASE_MS="9000",
        STORE_WRITE_TIMEOUT_MS="1234",
        STORE_READ_TIMEOUT_MS="4321",
        SESSION_IDLE_S="61",
        MAX_LIVE_SESSIONS="7",
    )
    store, router = program.system._tree.store, program.system._tree.router

    assert (store._write_timeout_s, store._read_timeout_s) == (1.234, 4.321)
    limits = router.actor._limits
    assert (limits.idle_s, limits.max_live) == (61, 7)
    with closing(sqlite3.connect(tmp_path / DATABASE_FILE)) as con:
        ((*entry, lease_s),) = con.execute(
            "SELECT name, address, round(lease_until - heartbeat_at) FROM node"
        ).fetchall()
    assert (entry, lease_s) == (["kitchen", "10.0.0.1:3000"], 9)


@pytest.mark.parametrize(("is_on", "has_processes"), [("on", True), ("off", False)])
async def test_lists_of_persons_are_read_in_processes_of_their_own_if_they_may(start, is_on, has_processes):
    store = (await start(STORE_READER_PROCESSES=is_on)).system._tree.store

    async def find_readers():
        return {await store.read_cold_apart(find_process) for _ in range(4)}

    async def is_elsewhere():
        readers = await find_readers()
        return os.getpid() not in readers and len(readers) == 2

    if has_processes:
        await eventually(is_elsewhere)
    else:
        assert await find_readers() == {os.getpid()}


async def test_model_is_the_one_that_the_settings_name():
    with run_fake_openai() as fake:
        given = {
            "OPENAI_API_KEY": "k",
            "OPENAI_BASE_URL": fake.url,
            "OPENAI_MODEL": "llama-9",
            "OPENAI_MAX_TOKENS": "77",
            "OPENAI_TEMPERATURE": "1.5",
        }
        model = build_model(load_settings(overrides=given))
        await model.answer(Prompt("How far?", (PromptMessage("user", "How far?"),)), deadline_s=10)
        await model.close()

    asked = fake.calls[0]
    assert (asked["model"], asked["max_tokens"], asked["temperature"]) == ("llama-9", 77, 1.5)
    assert build_model(load_settings()).provider == "demo"


def test_notifier_is_the_one_that_the_settings_name():
    given = {"OMI_APP_ID": "a", "OMI_APP_SECRET": "s", "OMI_NOTIFY_VERSION": "V2", "OMI_NOTIFY_TIMEOUT_MS": "700"}
    api = build_notifier(load_settings(overrides=given))

    assert isinstance(api, OmiApi)
    assert (api._version, api._timeout_s, api.per_hour) == ("v2", 0.7, 9)


async def test_server_listens_where_it_is_told(tmp_path: Path):
    settings = load_settings(overrides={"HOST": "127.0.0.2", "PORT": "0", "DATA_DIR": str(tmp_path)})
    server = WebServer(FakeSystem(), settings)
    server.listen()

    assert [socket.getsockname()[0] for socket in server._sockets] == ["127.0.0.2"]
    await server.stop(0.0)


@pytest.mark.parametrize(("switch", "status"), [("on", 200), ("off", 404)])
async def test_metrics_are_there_unless_switched_off(switch, status, start):
    program = await start(ENABLE_METRICS=switch)

    async with await Connection.open(program.port) as connection:
        assert (await connection.request("GET", "/metrics", b"", ADMIN)).status == status
