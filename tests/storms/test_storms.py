"""Storms in processes of their own: the promises hold, a seed repeats itself, planted faults are found."""

import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

ROOT = Path(__file__).parents[2]
# Virtual seconds of the short form; the calm after them comes on top.
SECONDS = "60"
# The sign of each planted fault.
PLANTED = {
    "lost-wake-up": "messages wait for omi:",
    "fence-left-out": "spoken 2 times",
    "intent-late": "spoken 2 times",
}
# Plants each fault until a seed finds it, and repeats that seed. A minute of a storm takes half a second.
TRY_PLANTS = """
import sys, msgspec
from scripts.lab.storms.run import Order, run_storm
for plant, sign in msgspec.json.decode(sys.argv[1]).items():
    for seed in range(1, 31):
        storm = run_storm(Order(seed=seed, seconds=60.0, plant=plant))
        if any(sign in wrong for wrong in storm.wrongs):
            again = run_storm(Order(seed=seed, seconds=60.0, plant=plant))
            print(plant, "found again" if again.wrongs == storm.wrongs else "found once")
            break
"""


def run_python(*arguments):
    """Run Python with this seed of hashes, and return what it printed."""
    done = subprocess.run(  # noqa: S603 (our own program)
        [sys.executable, *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": "0"},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def run_storms(folder):
    """Run two storms; return their figures and their traces."""
    storms = ("-m", "scripts.lab.storms", "--workers", "1", "--first", "5", "--seeds", "2", "--seconds", SECONDS)
    run_python(*storms, "--json", folder / "result.json", "--traces", folder)
    traces = [(folder / f"{seed}.trace").read_bytes() for seed in (5, 6)]
    return msgspec.json.decode((folder / "result.json").read_bytes()), traces


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    """Two storms."""
    return run_storms(tmp_path_factory.mktemp("first"))


def test_no_promise_is_broken_in_a_few_storms(first):
    result, _ = first

    assert result["storms_with_a_wrong"] == 0
    assert result["questions"] > 5
    assert result["lives"] > 4


def test_the_same_seeds_bring_the_same_events_in_another_process(first, tmp_path):
    _, traces = first

    _, again = run_storms(tmp_path)

    assert again == traces
    assert all(trace.count(b"\n") > 1_000 for trace in traces)
    assert len(set(traces)) == len(traces)


def test_each_planted_fault_is_found_and_its_seed_finds_it_again():
    found = run_python("-c", TRY_PLANTS, msgspec.json.encode(PLANTED).decode())

    assert found.splitlines() == [f"{plant} found again" for plant in PLANTED]
