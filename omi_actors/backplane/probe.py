"""One look at Redis: does it answer, and does it take what a server would ask of it.

Not here: what to say of it (doctor/). Threads: one event loop's. Imports redis, so import it where it is used.
"""

from omi_actors.backplane.link_state import LinkConfig, LinkLostError
from omi_actors.backplane.redis_session import RedisSession


async def probe_redis(config: LinkConfig) -> LinkLostError | None:
    """Return why Redis would not carry the backplane, None if it would. It leaves nothing behind."""
    session = RedisSession(config)
    try:
        await session.open(config.prefix)
    except LinkLostError as exc:
        return exc
    finally:
        await session.close()
    return None
