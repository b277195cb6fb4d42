"""Figures in words."""

import pytest

from omi_actors.instruments.units import say_age, say_bytes, say_count, say_seconds, say_share


@pytest.mark.parametrize(
    ("say", "given", "said"),
    [
        (say_seconds, (None,), "–"),
        (say_seconds, (0.0004,), "0.4 ms"),
        (say_seconds, (0.0123,), "12 ms"),
        (say_seconds, (1.25,), "1.2 s"),
        (say_seconds, (90.0,), "1 min"),
        (say_age, (40.0,), "40 s"),
        (say_age, (12_000.0,), "3 h 20 min"),
        (say_age, (360_000.0,), "4 d 4 h"),
        (say_bytes, (512,), "512 B"),
        (say_bytes, (1536,), "1.5 KiB"),
        (say_bytes, (77_594_624,), "74.0 MiB"),
        (say_bytes, (5 * 1024**5,), "5120.0 TiB"),
        (say_count, (1234567.0,), "1,234,567"),
        (say_share, (1200, 1234), "97.24%"),
        (say_share, (0, 0), "–"),
    ],
)
def test_figure_is_said_as_people_read_it(say, given, said):
    assert say(*given) == said
