"""Send what the server's own description allows, and what it does not, and find replies that it does not describe.

Run as scripts/fuzz. Further arguments go to Schemathesis, such as `--max-examples 200` or `--include-path /memories`.
Not here: the server, the callers, what counts as a fault (run.py). Threads: one.
"""

import asyncio
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import click

from scripts.lab.fuzz.client import try_client
from scripts.lab.fuzz.run import run_all, with_server
from scripts.lab.replay.http import Target


@click.command(context_settings={"ignore_unknown_options": True})
@click.option("--database-url", default="", help="PostgreSQL instead of a SQLite file.")
@click.option("--client", is_flag=True, help="Instead, generate a Python client, compile it, and let it talk.")
@click.argument("options", nargs=-1, type=click.UNPROCESSED)
def main(*, database_url: str, client: bool, options: Sequence[str]) -> None:
    """Run all phases as a person and as the operator; exit with 1 if a fault was found."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)

        async def work(target: Target) -> list[str]:
            if not client:
                return await run_all(target, folder, options)
            await asyncio.to_thread(try_client, target, folder)
            return []

        faulty = asyncio.run(with_server(folder, work, database_url=database_url))
    sys.exit(f"faults as: {', '.join(faulty)}" if faulty else 0)


if __name__ == "__main__":
    main()
