from typing import Any

import pytest

from scripts.lab.bench.machine import read_commit, read_machine
from scripts.lab.bench.page import render_page, renew_rows

RESULT: dict[str, Any] = {
    "date": "2030-01-01T00:00:00+00:00",
    "commit": "abc",
    "command": "scripts/bench",
    "quick": False,
    "machine": {"cpu": "Some CPU", "cores": 2},
    "versions": {"python": "3.11.7"},
    "settings": {"log_level": "info"},
    "rows": {
        "throughput": {
            "what": "durable webhook",
            "how": "Measured so.",
            "target": "≥ 0.7",
            "headline": "0.81",
            "is_reached": True,
            "figures": {"ratio": 0.81, "requests": 123456, "pinned": True},
        },
        "startup": {
            "what": "start to ready",
            "how": "Measured otherwise.",
            "target": "≤ 1.5 s",
            "headline": "1.9 s",
            "is_reached": False,
            "figures": {"ready_s": 1.9},
        },
    },
}


def test_page_sets_each_row_against_its_target():
    page = render_page(RESULT)

    assert "| durable webhook | 0.81 | ≥ 0.7 | yes |" in page
    assert "| start to ready | 1.9 s | ≤ 1.5 s | no |" in page


@pytest.mark.parametrize(
    "fact", ["123,456", "| pinned | yes |", "Some CPU", "3.11.7", "abc", "| setting log level | info |"]
)
def test_page_shows_every_figure_and_circumstance(fact):
    assert fact in render_page(RESULT)


def test_page_refuses_the_figures_of_a_quick_run():
    with pytest.raises(ValueError, match="quick"):
        render_page({**RESULT, "quick": True})


def test_rows_of_a_new_run_replace_the_older_ones_and_each_says_when_it_was_measured():
    row = {
        **RESULT["rows"]["startup"],
        "headline": "1.1 s",
        "measured": {"date": "2031", "commit": "def", "command": ""},
    }
    new = {**RESULT, "date": "2031", "commit": "def", "rows": {"startup": row}}

    page = render_page(renew_rows(RESULT, new, ("throughput", "startup")))

    assert "| durable webhook | 0.81 |" in page
    assert "| start to ready | 1.1 s |" in page
    assert "Measured 2030-01-01T00:00:00+00:00 at commit abc." in page
    assert "Measured 2031 at commit def." in page


def test_rows_of_another_machine_are_not_mixed():
    with pytest.raises(ValueError, match="machine"):
        renew_rows(RESULT, {**RESULT, "machine": {"cpu": "another"}}, ("throughput",))


def test_machine_and_commit_are_named():
    machine = read_machine()

    assert machine["cpu"]
    assert machine["cores"]
    assert read_commit()
