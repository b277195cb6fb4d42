"""Row: time from the start of the process to a ready server, on an empty directory and on an existing database.

Not here: installing (scripts/setup). Threads: one event loop.
"""

import statistics
from pathlib import Path

from omi_actors.clock import Clock
from scripts.lab.replay.server_process import build_server


async def measure_startup(starts: int, *, work_dir: Path, clock: Clock) -> dict[str, object]:
    """Start once on an empty directory and `starts` times on the existing database; return seconds."""
    server, _ = build_server(work_dir, clock=clock)
    try:
        first_s = await server.start()
        await server.stop()
        again_s = []
        for _ in range(starts):
            again_s.append(await server.start())
            await server.stop()
    finally:
        server.kill()
    return {
        "ready_s": round(statistics.median(again_s), 3),
        "ready_max_s": round(max(again_s), 3),
        "first_start_s": round(first_s, 3),
        "starts": starts,
    }
