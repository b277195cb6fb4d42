"""A pytest plugin that watches the sinks of this process: a test that lets a canary into one fails.

Watched: every log line, through the program's own pipeline at level info (at debug: tests/e2e/test_canaries.py); the
body of every error answer (http_client gives it); at the end of the session all metrics, and the documents that are
generated.
"""

import io
import sys
from pathlib import Path
from typing import TextIO, cast

import pytest
from prometheus_client import generate_latest

from omi_actors.instruments.logs import configure_logging
from omi_actors.instruments.metrics import REGISTRY
from tests import canaries

ROOT = Path(__file__).parents[1]
GENERATED = ("config/example.env", "docs/benchmarks.md", "docs/benchmarks.json", "docs/metrics.md")


class WatchedLog(io.TextIOBase):
    """A stream that keeps nothing and looks at everything."""

    def write(self, text):
        canaries.watch("the log", text)
        return len(text)


def pytest_configure(config):
    """Send all logging through the program's pipeline into the watch."""
    configure_logging("info", stream=cast("TextIO", WatchedLog()), json_lines=True)


@pytest.fixture(autouse=True)
def no_canary_reaches_a_sink():
    """Fail a test that lets one out."""
    seen = len(canaries.LEAKS)
    yield
    leaked, canaries.LEAKS[seen:] = canaries.LEAKS[seen:], []
    assert leaked == []


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session):
    """Look at what only the end of the session has."""
    canaries.watch("the metrics", generate_latest(REGISTRY).decode())
    for name in GENERATED:
        if (ROOT / name).exists():
            secrets = canaries.find_leaks(name, (ROOT / name).read_text(), canaries.SECRETS)
            canaries.LEAKS.extend(secrets)
    if canaries.LEAKS:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
        for leak in canaries.LEAKS:
            sys.stderr.write(f"\nLEAKED: {leak.what} in {leak.sink}: {leak.around}\n")
