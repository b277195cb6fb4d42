"""The command `omi-actors config`: every setting, its value, unit and origin.

Not here: the settings (config/). Threads: the main one.
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import click

from config.secrets_file import FILE_NAME, add_made_secrets
from config.settings import InvalidSettingError, LoadedSettings, Origin, load_with_origins
from config.variables import groups, is_secret, masked, unit_of, variables_of
from omi_actors.cli.program import env_file_option, env_file_to_load, in_sentences


@click.command(short_help="Show every setting and its source.")
@env_file_option
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@in_sentences(InvalidSettingError)
def config(*, env_file: Path | None, as_json: bool) -> None:
    """Show every setting: its value, unit and source. For a secret, show only whether it is set."""
    file = env_file_to_load(env_file)
    loaded = load_with_origins(file)
    if os.path.lexists(loaded.settings.data_dir / FILE_NAME):  # this command must not make the file
        loaded = add_made_secrets(loaded)
    if as_json:
        click.echo(json.dumps(_as_json(loaded), indent=2))
        return
    where = f"{loaded.env_file.path.resolve()}" if loaded.env_file else f"none ({file.resolve()} is not there)"
    click.echo(f"Env file: {where}")
    for line in _lines(loaded):
        click.echo(line)
    for note in loaded.notes:
        click.echo(f"! {note}")


def _lines(loaded: LoadedSettings) -> Iterator[str]:
    values = masked(loaded.settings)
    for group in groups():
        rows = [(variables_of(field)[0], unit_of(name, field)) for name, field in group.fields.items()]
        yield f"\n{group.title}"
        for variable, unit in rows:
            value = f"{values[variable]} {unit if unit not in ('', 'on/off') else ''}".strip() or "-"
            origin = loaded.origins[variable]
            yield f"  {variable:<28} {value:<36} {'' if origin is Origin.DEFAULT else origin}".rstrip()


def _as_json(loaded: LoadedSettings) -> dict[str, object]:
    values = masked(loaded.settings)
    settings = {
        variables_of(field)[0]: {
            "value": values[variables_of(field)[0]],
            "unit": unit_of(name, field) or None,
            "source": str(loaded.origins[variables_of(field)[0]]),
            "secret": is_secret(field),
        }
        for group in groups()
        for name, field in group.fields.items()
    }
    file = str(loaded.env_file.path.resolve()) if loaded.env_file else None
    return {"env_file": file, "settings": settings, "notes": list(loaded.notes)}
