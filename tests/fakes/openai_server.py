"""The fake model for tests: the same server that scripts/bench, scripts/kill_test and scripts/chaos use."""

from omi_actors.replay.fake_openai import FakeOpenAI, Mode
from omi_actors.replay.fake_openai_process import run_fake_openai, spawn_fake_openai

__all__ = ["FakeOpenAI", "Mode", "run_fake_openai", "spawn_fake_openai"]
