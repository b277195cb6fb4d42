"""Proof: a large database of the original moves into ours, is killed on the way, goes on, and nothing is missing.

Not here: the move (omi_actors/store/original/). Threads: the main one.
"""

import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import closing, nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import click
import psycopg2

from omi_actors.clock import SystemClock
from omi_actors.store.engine import Engine, StoreConfig
from omi_actors.store.transaction import NodeIdentity, Transaction
from scripts.lab.moving.original import OriginalPlan, make_original
from scripts.lab.replay.postgres_server import fresh_postgres_database

_SAMPLES = 1_000
_ROOT = Path(__file__).parents[3]
# Table of the original, ours, and in each the columns that must be equal; times as seconds.
_PAIRS: Sequence[tuple[str, str, str, str]] = (
    ("Message", "message", "id, text, created_at", _seconds := '"id"::text, "text", EXTRACT(EPOCH FROM "createdAt")'),
    ("Memory", "memory", "id, text, created_at", _seconds),
    (
        "TranscriptSegment",
        "transcript_segment",
        "key, text, created_at",
        '"omiSegmentId", "text", EXTRACT(EPOCH FROM "createdAt")',
    ),
    ("User", "account", "id, email, created_at", '"id"::text, "email", EXTRACT(EPOCH FROM "createdAt")'),
)


class NotMovedError(RuntimeError):
    """A row is missing, or differs."""


@click.command()
@click.option("--texts", default=330_000, help="Texts of each of three kinds.")
@click.option("--users", default=1_000, help="Persons.")
@click.option("--kill-after-s", default=15.0, help="Seconds after which the move is killed, once.")
@click.option("--database", type=click.Choice(["sqlite", "postgres"]), help="Only this one.")
def main(texts: int, users: int, kill_after_s: float, database: str | None) -> None:
    """Move a made-up database of the original into ours, kill the move once, and compare all counts and some rows."""
    clock = SystemClock()
    with fresh_postgres_database() as source:
        make_original(source, OriginalPlan(users=users, texts=texts))
        click.echo(f"made: {users} persons, {texts} messages, segments and memories each")
        for kind in ("sqlite", "postgres"):
            if database not in (None, kind):
                continue
            folder = Path(tempfile.mkdtemp(prefix="omi-move-"))
            try:
                with fresh_postgres_database() if kind == "postgres" else nullcontext("") as url:
                    began_s = clock.mono_s()
                    killed = _run(source, url, folder, kill_after_s)
                    if killed:
                        _run(source, url, folder, None)
                    seconds = clock.mono_s() - began_s
                    _compare(source, url, folder)
            finally:
                shutil.rmtree(folder)
            how = "killed once" if killed else "not killed: it was done before"
            click.echo(f"{kind}: moved in {seconds:.0f} s ({how}); counts equal, {_SAMPLES} rows of each kind equal")


def _run(source: str, url: str, folder: Path, kill_after_s: float | None) -> bool:
    """Run the command; return True if it was killed."""
    command = [sys.executable, "-m", "omi_actors", "import-original"]
    names = {"ORIGINAL_DATABASE_URL": source, "DATA_DIR": str(folder), "DATABASE_URL": url, "NODE_NAME": "moving"}
    env = {**os.environ, **names, "PYTHONPATH": str(_ROOT)}
    moving = subprocess.Popen(command, env=env, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)  # noqa: S603
    try:
        _, told = moving.communicate(timeout=kill_after_s)
    except subprocess.TimeoutExpired:
        moving.send_signal(signal.SIGKILL)
        moving.communicate()
        return True
    if moving.returncode:
        raise NotMovedError(told.decode())
    return False


def _compare(source: str, url: str, folder: Path) -> None:
    """Compare the counts of all rows, and samples.

    Raises:
        NotMovedError: something is missing, or differs.
    """
    engine = Engine(StoreConfig(url=url, data_dir=folder), NodeIdentity("moving"))
    with closing(engine), closing(psycopg2.connect(source)) as con, con.cursor() as cursor:
        engine.open()
        for theirs, ours, columns, expressions in _PAIRS:
            cursor.execute(f'SELECT {expressions} FROM "{theirs}"')  # noqa: S608 (names of ours)
            rows = cursor.fetchall()
            ((count,),) = engine.read(_asking(f"SELECT count(*) FROM {ours}"))  # noqa: S608 (the same)
            if count != len(rows):
                raise NotMovedError(f"{ours} has {count} rows, {theirs} has {len(rows)}")
            for key, *values in random.Random(1).sample(rows, min(_SAMPLES, len(rows))):  # noqa: S311 (a sample)
                ask = f"SELECT {columns} FROM {ours} WHERE {columns.partition(',')[0]} = ?"  # noqa: S608 (the same)
                found = [tuple(row) for row in engine.read(_asking(ask, key))]
                if found != [(key, values[0], float(values[1]))]:
                    raise NotMovedError(f"{ours}: {key} differs")


def _asking(sql: str, *params: Any) -> Callable[[Transaction], Any]:
    return partial(Transaction.fetch, sql=sql, params=params)


if __name__ == "__main__":
    main()
