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
# Seeds whose first minute shows the fault, and how.
PLANTED = {
    "lost-wake-up": (4, "messages wait for omi:"),
    "fence-left-out": (3, "spoken 2 times"),
    "intent-late": (1, "spoken 2 times"),
}
TRY_PLANTS = """
import sys, msgspec
from scripts.lab.storms.run import Order, run_storm
plants = msgspec.json.decode(sys.argv[1])
storms = {plant: run_storm(Order(seed=seed, seconds=60.0, plant=plant)) for plant, (seed, _) in plants.items()}
print(msgspec.json.encode({plant: storm.wrongs for plant, storm in storms.items()}).decode())
"""


def run_python(*arguments):
    """Run Python with this seed of hashes, and return what it printed."""
    done = subprocess.run(  # noqa: S603 (our own program)
        [sys.executable, *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": "0"},
        capture_output=True,
        text=True,
        timeout=120,
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
    assert result["questions"] > 20
    assert result["lives"] > 4


def test_the_same_seeds_bring_the_same_events_in_another_process(first, tmp_path):
    _, traces = first

    _, again = run_storms(tmp_path)

    assert again == traces
    assert all(trace.count(b"\n") > 1_000 for trace in traces)
    assert len(set(traces)) == len(traces)


def test_each_planted_fault_is_found_by_its_seed():
    found = msgspec.json.decode(run_python("-c", TRY_PLANTS, msgspec.json.encode(PLANTED).decode()))

    for plant, (_, sign) in PLANTED.items():
        assert any(sign in wrong for wrong in found[plant]), plant
