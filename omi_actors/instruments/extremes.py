"""The shortest and the longest request since the start: what a histogram cannot tell.

Not here: the histogram (metrics.py). Threads: the event loop's.
"""


class Extremes:
    """Seconds; None before the first."""

    __slots__ = ("highest", "lowest")

    def __init__(self) -> None:
        self.lowest: float | None = None
        self.highest: float | None = None

    def note(self, seconds: float) -> None:
        """Take one more into account."""
        if self.lowest is None or seconds < self.lowest:
            self.lowest = seconds
        if self.highest is None or seconds > self.highest:
            self.highest = seconds


HTTP_EXTREMES = Extremes()
