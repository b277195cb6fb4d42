"""The watch over secrets finds them: a leak on purpose fails, in the log, in an answer and in the metrics."""

import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest

from omi_actors.instruments.logs import get_logger
from scripts.lab.replay.recording import build_request, load_recording, save_recording
from tests import canaries

ROOT = Path(__file__).parents[1]
LEAKING = """
import logging
from prometheus_client import Counter
from omi_actors.instruments.metrics import REGISTRY
from tests import canaries

def test_log():
    logging.getLogger("x").warning("heard: %s", canaries.SPOKEN)

def test_metric():
    Counter("leaky", "", ["uid"], registry=REGISTRY).labels(canaries.ADMIN_TOKEN).inc()

def test_clean():
    logging.getLogger("x").warning("heard a question")
"""


@pytest.mark.parametrize("canary", canaries.ALL.values(), ids=list(canaries.ALL))
@pytest.mark.parametrize("say", [get_logger("x").warning, logging.getLogger("x").warning])
def test_canary_in_a_log_line_is_found_unless_the_pipeline_took_it_out(say, canary):
    seen = len(canaries.LEAKS)

    say(f"heard {canary}")

    found, canaries.LEAKS[seen:] = canaries.LEAKS[seen:], []
    is_taken_out = canary.startswith(("sk-", "whsec_"))
    assert [leak.sink for leak in found] == ([] if is_taken_out else ["the log"])


def test_leak_is_told_with_what_and_where():
    (leak,) = canaries.find_leaks("a page", f"<p>{canaries.MODEL_KEY}</p>")

    assert (leak.what, leak.sink) == ("the model's key", "a page")
    assert "<p>" in leak.around


@pytest.mark.e2e
def test_run_of_tests_that_leak_fails_and_names_the_sinks(tmp_path):
    (tmp_path / "test_leaks.py").write_text(LEAKING)

    run = subprocess.run(  # noqa: S603 (our own tests)
        [sys.executable, "-m", "pytest", "-q", "-p", "tests.canary_watch", "--rootdir", tmp_path, tmp_path],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert run.returncode == 1
    assert "3 passed, 1 error" in run.stdout
    assert "LEAKED: the operator's token in the metrics" in run.stderr


def test_recording_keeps_no_secret_of_a_request(tmp_path):
    query = {"uid": "u", "token": canaries.WEBHOOK_TOKEN, "key": canaries.MODEL_KEY}
    headers = {"Authorization": f"Bearer {canaries.ADMIN_TOKEN}", "X-Signature": canaries.SIGNING_SECRET}

    save_recording(tmp_path / "r", [build_request(0.0, "/omi-webhook", query, headers, b"{}")])

    assert canaries.find_leaks("the recording", (tmp_path / "r").read_text()) == []
    assert load_recording(tmp_path / "r")[0].query == {"uid": "u"}
