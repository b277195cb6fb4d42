"""Figures as text for people: up to three digits and a unit.

Not here: which figures (status/). Threads: any; pure.
"""

NOTHING = "–"
_MINUTE_S = 60
_HOUR_S = 3600
_DAY_S = 86_400
_BYTE_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")
_KIBI = 1024.0


def format_seconds(seconds: float | None) -> str:
    """Format a short time: 0.4 ms, 12 ms, 1.2 s; None is a dash."""
    if seconds is None:
        return NOTHING
    if seconds < 1:
        ms = seconds * 1e3
        return f"{ms:.0f} ms" if ms >= 10 else f"{ms:.1f} ms"  # noqa: PLR2004 (two digits)
    return f"{seconds:.1f} s" if seconds < _MINUTE_S else format_age(seconds)


def format_age(seconds: float) -> str:
    """Format a long time by its two largest units: 40 s, 5 min, 3 h 20 min, 4 d 2 h."""
    if seconds < _MINUTE_S:
        return f"{seconds:.0f} s"
    if seconds < _HOUR_S:
        return f"{seconds // _MINUTE_S:.0f} min"
    if seconds < _DAY_S:
        return f"{seconds // _HOUR_S:.0f} h {seconds % _HOUR_S // _MINUTE_S:.0f} min"
    return f"{seconds // _DAY_S:.0f} d {seconds % _DAY_S // _HOUR_S:.0f} h"


def format_bytes(count: float) -> str:
    """Format a size: 512 B, 1.5 KiB, 74.2 MiB."""
    for unit in _BYTE_UNITS[:-1]:
        if count < _KIBI:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= _KIBI
    return f"{count:.1f} {_BYTE_UNITS[-1]}"


def format_count(count: float) -> str:
    """Format a whole number: 1,234."""
    return f"{count:,.0f}"


def as_sentence(words: str) -> str:
    """Return words with a capital and a full stop; "" stays."""
    return f"{words[:1].upper()}{words[1:].rstrip('.')}." if words else ""


def format_times(count: float) -> str:
    """Format how often something happened, as a sentence: Once. 1,234 times."""
    return "Once." if count == 1 else f"{format_count(count)} times."


def format_share(part: float, whole: float) -> str:
    """Format a share in per cent with two decimals: 97.24%; a dash if the whole is 0."""
    return f"{100 * part / whole:.2f}%" if whole else NOTHING
