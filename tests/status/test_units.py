"""Figures in words."""

import pytest

from omi_actors.status.units import format_age, format_bytes, format_count, format_seconds, format_share


@pytest.mark.parametrize(
    ("say", "given", "said"),
    [
        (format_seconds, (None,), "–"),
        (format_seconds, (0.0004,), "0.4 ms"),
        (format_seconds, (0.0123,), "12 ms"),
        (format_seconds, (1.25,), "1.2 s"),
        (format_seconds, (90.0,), "1 min"),
        (format_age, (40.0,), "40 s"),
        (format_age, (12_000.0,), "3 h 20 min"),
        (format_age, (360_000.0,), "4 d 4 h"),
        (format_bytes, (512,), "512 B"),
        (format_bytes, (1536,), "1.5 KiB"),
        (format_bytes, (77_594_624,), "74.0 MiB"),
        (format_bytes, (5 * 1024**5,), "5120.0 TiB"),
        (format_count, (1234567.0,), "1,234,567"),
        (format_share, (1200, 1234), "97.24%"),
        (format_share, (0, 0), "–"),
    ],
)
def test_figure_is_said_as_people_read_it(say, given, said):
    assert say(*given) == said
