"""What a way to notify a wearer offers.

Not here: Omi's API (omi_api.py), when to notify (domain/answers/delivery.py). Threads: the event loop.
"""

from typing import Protocol


class Notifier(Protocol):
    """A way to notify. `per_hour` is how many notifications one wearer may get in an hour of the UTC clock."""

    @property
    def per_hour(self) -> int:
        """See the class."""
        ...

    async def notify(self, uid: str, text: str) -> None:
        """Notify one wearer.

        Raises:
            UpstreamRejectedError: refused, and not sent; `code` says why (no_budget, unauthorized, …).
            UpstreamUnavailableError: not reachable, and not sent; another attempt may succeed.
            UpstreamUnclearError: nobody knows whether it was sent.
        """
        ...

    async def close(self) -> None:
        """Give back connections."""
        ...
