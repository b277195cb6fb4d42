"""Omi's notification API for tests: the same server that the kill test and the simulation use."""

from scripts.lab.replay.fake_omi import APP_ID, SECRET, FakeOmi, Mode, Push

__all__ = ["APP_ID", "SECRET", "FakeOmi", "Mode", "Push"]
