"""The fake model for tests: the same server that scripts/bench, scripts/kill_test and scripts/chaos use."""

from contextlib import asynccontextmanager

from scripts.lab.replay.fake_openai import FakeOpenAI, Mode
from scripts.lab.replay.fake_openai_process import run_fake_openai, spawn_fake_openai

__all__ = ["FakeOpenAI", "Mode", "listening_fake", "run_fake_openai", "spawn_fake_openai"]


@asynccontextmanager
async def listening_fake():
    """Serve a fake model on this test's own loop."""
    fake = FakeOpenAI()
    server = fake.listen()
    yield fake
    server.stop()
    await server.close_all_connections()
