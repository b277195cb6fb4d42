"""The check of this machine's clock against others'.

Not here: asking for theirs (store.py, model.py). Threads: any, pure.
"""

from collections.abc import Iterator

from omi_actors.doctor.finding import Finding, ok, problem

# Omi's signatures are good for 300 s; a clock that is a minute off is on its way there.
_MOST_S = 60.0


def compare_clocks(ours_s: float, theirs_s: float, whose: str) -> Iterator[Finding]:
    """Compare two readings (UTC seconds) of the same moment, a second or so apart."""
    off_s = ours_s - theirs_s
    if abs(off_s) < _MOST_S:
        yield ok("clock", f"within a minute of the {whose}'s")
        return
    said = f"this machine's clock is {abs(off_s):,.0f} s {'ahead of' if off_s > 0 else 'behind'} the {whose}'s"
    yield problem(
        "clock",
        f"{said}; Omi's signatures will be refused",
        "Set the clock, and keep it by NTP: timedatectl set-ntp true",
    )
