"""`omi-actors operator-link`.

Not here: asking the running server for it (omi_actors/operator_link.py). Threads: the main one.
"""

from pathlib import Path

import click

from config.secrets_file import with_made_origins
from config.settings import InvalidSettingError, read_settings
from omi_actors.cli.failing import env_file_to_read, fail
from omi_actors.errors import OmiError
from omi_actors.operator_link import fetch_link


@click.command("operator-link", short_help="Print a link that signs a browser in.")
@click.option("--port", type=click.IntRange(1, 65535), help="Port of the running server, if it is not PORT.")
@click.option("--env-file", type=click.Path(path_type=Path), help="File with settings; default: .env, if there is one.")
def operator_link(*, port: int | None, env_file: Path | None) -> None:
    """Print a link that makes a browser the operator's, once, within ten minutes."""
    try:
        reading = with_made_origins(read_settings(env_file_to_read(env_file), {"PORT": port}))
        click.echo(fetch_link(reading.settings))
    except (InvalidSettingError, OmiError) as exc:
        fail(str(exc))
