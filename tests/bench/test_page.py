import pytest

from scripts.lab.bench.machine import read_commit, read_machine
from scripts.lab.bench.page import render_page

RESULT = {
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


def test_machine_and_commit_are_named():
    machine = read_machine()

    assert machine["cpu"]
    assert machine["cores"]
    assert read_commit()
