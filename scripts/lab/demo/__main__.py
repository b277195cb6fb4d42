"""scripts/demo: a server on which everything moves, to look at; --pictures takes those of the README.

Not here: the demo (world.py), the browser (pictures.py). Threads: one event loop.
"""

import asyncio
import contextlib
import signal
import sys
import tempfile
from pathlib import Path

import click

from omi_actors.clock import SystemClock
from scripts.lab.demo.world import describe, start_world
from scripts.lab.replay.server_process import ServerFailedError


@click.command(short_help="A server on which everything moves.")
@click.option("--port", default=0, type=click.IntRange(0, 65535), help="Port of the server; default: a free one.")
@click.option("--wearables", default=5, show_default=True, type=click.IntRange(0, 1_000), help="Wearables that talk.")
@click.option(
    "--every", "pause_s", default=6.0, show_default=True, type=click.FloatRange(0.1), help="Seconds between two faults."
)
@click.option("--pictures", type=click.Path(file_okay=False, path_type=Path), help="Take pictures into FOLDER and end.")
@click.option("--after", "after_s", default=60.0, show_default=True, help="Seconds before the pictures are taken.")
def demo(*, port: int, wearables: int, pause_s: float, pictures: Path | None, after_s: float) -> None:
    """Serve, with simulated wearables, a person, a slow model at times, failing jobs, crashes and refused webhooks.

    The data are in a folder that the end removes. It needs no key and asks no server but its own.
    """
    if pictures is not None:
        pictures.mkdir(parents=True, exist_ok=True)
    try:
        asyncio.run(_run(port=port, wearables=wearables, pause_s=pause_s, pictures=pictures, after_s=after_s))
    except* (KeyboardInterrupt, asyncio.CancelledError):
        click.echo("The demo has ended.", err=True)
    except* ServerFailedError as failed:
        sys.exit(f"scripts/demo: {failed.exceptions[0]}")
    for file in sorted(pictures.glob("*.png")) if pictures is not None else ():
        _say(f"{file}: {file.stat().st_size // 1000} kB")


async def _run(*, port: int, wearables: int, pause_s: float, pictures: Path | None, after_s: float) -> None:
    task = asyncio.current_task()
    assert task is not None  # noqa: S101 (asyncio.run makes one)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):  # a shell's background job ignores SIGINT otherwise
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    with tempfile.TemporaryDirectory(prefix="omi-demo-", ignore_cleanup_errors=True) as folder:
        async with start_world(
            Path(folder), SystemClock(), port=port, wearables=wearables, pause_s=pause_s, say=_say
        ) as world:
            click.echo(await describe(world))
            running = asyncio.create_task(world.run())
            try:
                await asyncio.wait([running], timeout=after_s if pictures is not None else None)
                if running.done():
                    await running
                elif pictures is not None:
                    from scripts.lab.demo.pictures import take_pictures  # noqa: PLC0415 (only here a browser is needed)

                    await take_pictures(world, pictures)
            finally:
                running.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await running


def _say(line: str) -> None:
    click.echo(f"  {line}", err=True)


if __name__ == "__main__":
    demo()
