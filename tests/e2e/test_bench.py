"""scripts/bench with tiny sizes: that it runs, and what its JSON holds."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from scripts.lab.bench.rows import ROWS

ROOT = Path(__file__).parents[2]


def _bench(*arguments):
    return subprocess.run(  # noqa: S603 (our own program)
        [sys.executable, "-m", "scripts.lab.bench", *arguments],
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )


@pytest.mark.e2e
def test_bench_writes_every_row_with_its_circumstances(tmp_path):
    done = _bench("--quick", "--json", tmp_path / "result.json")

    assert done.returncode == 0, done.stderr
    result = json.loads((tmp_path / "result.json").read_bytes())
    assert set(result) == {"date", "commit", "command", "quick", "machine", "versions", "settings", "rows"}
    assert list(result["rows"]) == list(ROWS)
    assert all(row["figures"] and row["headline"] and row["target"] for row in result["rows"].values())
    assert (result["settings"]["log_level"], result["settings"]["webhook_auth"]) == ("info", "token")
    assert result["rows"]["throughput"]["figures"]["ratio"] > 0
    assert result["rows"]["sessions"]["figures"]["sessions"] == 200


@pytest.mark.e2e
def test_bench_measures_only_the_named_row(tmp_path):
    done = _bench("--quick", "--only", "crashes", "--json", tmp_path / "result.json")

    assert done.returncode == 0, done.stderr
    assert list(json.loads((tmp_path / "result.json").read_bytes())["rows"]) == ["crashes"]


@pytest.mark.e2e
def test_bench_does_not_know_other_rows():
    assert _bench("--only", "luck").returncode == 2
