"""The row of open dashboards: its growth is per webhook, and the streams are really read."""

from typing import Any

import pytest

from omi_actors.clock import SystemClock
from scripts.lab.bench.dashboards import measure_dashboards, summarise_growth
from scripts.lab.bench.load import Slice
from scripts.lab.bench.sizes import QUICK


def _slice(cpu_s, *, requests=1000):
    return Slice(requests=requests, refused=0, cpu_s=cpu_s, wall_s=1.0)


def test_growth_is_the_median_of_the_pairs_and_per_webhook():
    pairs = [(_slice(0.1), _slice(0.11)), (_slice(0.1), _slice(0.102)), (_slice(0.1), _slice(0.052, requests=500))]

    found = summarise_growth(pairs)

    assert (found["growth"], found["growth_min"], found["growth_max"], found["pairs"]) == (0.04, 0.02, 0.1, 3)


@pytest.mark.e2e
async def test_pages_get_documents_while_webhooks_are_acknowledged(tmp_path):
    found: dict[str, Any] = await measure_dashboards(QUICK.dashboards, work_dir=tmp_path, clock=SystemClock())

    assert found["kb_per_page_and_s"] > 1
    assert found["cpu_us_per_request"] > 0
