from omi_actors.clock import SystemClock
from scripts.lab.bench.queue import measure_queue


def test_every_backlog_has_its_share_of_the_speed_of_an_empty_queue(tmp_path):
    found = measure_queue(50, 1, folder=tmp_path, clock=SystemClock(), new_postgres=None)

    shares = [value for name, value in found.items() if name.endswith("_share")]
    assert len(shares) == 5
    assert found["least_share"] == min(shares) > 0
    assert found["sqlite_enqueue_per_s"] > 0
