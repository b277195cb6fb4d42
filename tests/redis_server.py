"""Redis for the tests: a server for whoever asks. Never skipped."""

from collections.abc import Iterator
from contextlib import contextmanager

from scripts.lab.replay.redis_server import RedisServer

__all__ = ["RedisServer", "running_redis"]


@contextmanager
def running_redis(*options: str) -> Iterator[RedisServer]:
    """Start a server; end it afterwards."""
    server = RedisServer(*options)
    server.start()
    try:
        yield server
    finally:
        server.discard()
