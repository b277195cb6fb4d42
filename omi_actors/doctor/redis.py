"""The check of Redis, where one is set.

Not here: looking (backplane/redis_session.py). Threads: the main one, with an event loop for the question.
"""

import asyncio
from collections.abc import Iterator

from config.settings import Settings
from omi_actors.backplane.link_state import FIXES, LinkConfig
from omi_actors.doctor.finding import Finding, ok, problem


def check_redis(settings: Settings) -> Iterator[Finding]:
    """Look whether it would carry the backplane."""
    if settings.redis_url is None:
        return
    from omi_actors.backplane.redis_session import probe_redis  # noqa: PLC0415 (0.3 s, only where Redis is used)

    config = LinkConfig(settings.redis_url.get_secret_value(), settings.redis_timeout_s, settings.redis_key_prefix)
    lost = asyncio.run(probe_redis(config))
    if lost is None:
        yield ok("redis", "reachable, and takes what will be asked of it")
        return
    fix = FIXES[lost.cause]
    said = f"REDIS_URL: {lost.cause}; the server would start, and be alone"
    yield problem("redis", said, f"{fix[0].upper()}{fix[1:]}.")
