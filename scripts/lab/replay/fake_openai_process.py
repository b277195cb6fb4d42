"""Fake model in a thread or a process of its own.

Not here: its replies (fake_openai.py). Threads: one for each fake, with an event loop.
Run as a process: python -m scripts.lab.replay.fake_openai_process --port 8901 --mode delay --delay-s 0.05
"""

import argparse
import asyncio
import contextlib
import subprocess
import sys
import threading
from collections.abc import Iterator

from scripts.lab.replay.fake_openai import FakeOpenAI, Mode


@contextlib.contextmanager
def run_fake_openai(mode: Mode = Mode.NORMAL, *, delay_s: float = 0.0) -> Iterator[FakeOpenAI]:
    """Serve from a thread of its own until the `with` block ends."""
    fake = FakeOpenAI(mode=mode, delay_s=delay_s)
    ready = threading.Event()
    stops: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []

    async def serve() -> None:
        stop = asyncio.Event()
        stops.append((asyncio.get_running_loop(), stop))
        server = fake.listen()
        ready.set()
        await stop.wait()
        server.stop()
        await server.close_all_connections()

    thread = threading.Thread(target=lambda: asyncio.run(serve()), name="fake-openai")
    thread.start()
    try:
        if not ready.wait(timeout=10):
            raise RuntimeError("the fake model did not start")
        yield fake
    finally:
        loop, stop = stops[0]
        loop.call_soon_threadsafe(stop.set)
        thread.join(timeout=10)


@contextlib.contextmanager
def spawn_fake_openai(mode: Mode = Mode.NORMAL, *, delay_s: float = 0.0) -> Iterator[str]:
    """Serve from a process of its own until the `with` block ends; yield the address for OPENAI_BASE_URL."""
    command = [sys.executable, "-m", __name__, "--port=0", f"--mode={mode}", f"--delay-s={delay_s}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 (our own command)
        try:
            line = process.stdout.readline() if process.stdout else ""
            if not line.startswith("OPENAI_BASE_URL="):
                raise RuntimeError(f"the fake model did not start: {line!r}")
            yield line.partition("=")[2].strip()
        finally:
            process.kill()


async def _main() -> None:
    parser = argparse.ArgumentParser(description="Serve OpenAI's Chat Completions on 127.0.0.1, from nothing.")
    parser.add_argument("--port", type=int, default=8901)
    parser.add_argument("--mode", type=Mode, choices=list(Mode), default=Mode.NORMAL)
    parser.add_argument("--delay-s", type=float, default=0.0)
    options = parser.parse_args()
    fake = FakeOpenAI(mode=options.mode, delay_s=options.delay_s)
    fake.listen(options.port)
    print(f"OPENAI_BASE_URL={fake.url}", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_main())
