"""The command `omi-actors import-original SOURCE`: moves the original server's database into ours.

Not here: the rows (store/original/). Threads: the main one.
"""

from contextlib import closing
from pathlib import Path

import click

from config.settings import InvalidSettingError, load_settings
from omi_actors.cli.program import env_file_option, env_file_to_load, in_sentences
from omi_actors.clock import SystemClock
from omi_actors.errors import OmiError
from omi_actors.store.engine import Engine, StoreConfig
from omi_actors.store.transaction import NodeIdentity

# Seconds between two lines of progress.
_SHOW_S = 2.0


@click.command("import-original", short_help="Move the original server's PostgreSQL database into ours.")
@click.argument("source", envvar="ORIGINAL_DATABASE_URL")
@click.option(
    "--record",
    type=click.Path(path_type=Path, dir_okay=False),
    help="File in which the move is recorded, and after which it goes on; default: DATA_DIR/original-import.json.",
)
@env_file_option
@in_sentences(OmiError, InvalidSettingError)
def import_original(source: str, record: Path | None, env_file: Path | None) -> None:
    """Move the database SOURCE (postgresql://…) of the original server into ours. Stop our server first.

    SOURCE is only read. It may also stand in ORIGINAL_DATABASE_URL, where other users of this machine do not see its
    password. Started again, the command goes on where it was.
    """
    settings = load_settings(env_file_to_load(env_file))
    # Only here: the driver is an optional extra, and its absence has a sentence.
    from omi_actors.store.original.move import TableRecord, move_all  # noqa: PLC0415
    from omi_actors.store.original.source import OriginalDatabase  # noqa: PLC0415

    clock, shown_s = SystemClock(), 0.0

    def show(name: str, kept: TableRecord) -> None:
        nonlocal shown_s
        if kept.read >= kept.in_all or clock.mono_s() - shown_s >= _SHOW_S:
            shown_s = clock.mono_s()
            click.echo(f"{name}: {kept.read} of {kept.in_all}", err=True)

    url = settings.database_url.get_secret_value() if settings.database_url else ""
    file = record or settings.data_dir / "original-import.json"
    engine = Engine(StoreConfig(url=url, data_dir=settings.data_dir), NodeIdentity(settings.node_name))
    with closing(OriginalDatabase(source)) as original, closing(engine):
        engine.open()
        done = move_all(original, engine, file, show, is_shared=settings.is_postgres)
    click.echo(f"{'table':<20} {'in all':>10} {'kept':>10} {'there':>10} {'left out':>10}")
    for name, kept in done.tables.items():
        left_out = sum(kept.left_out.values())
        click.echo(f"{name:<20} {kept.in_all:>10} {kept.kept:>10} {kept.there:>10} {left_out:>10}")
        for reason, count in kept.left_out.items():
            click.echo(f"{'':<20} {count} left out: {reason}")
    click.echo(f"Recorded in {file}. What was said is searched and recalled when the server has indexed it.")
