"""`omi-actors config`.

Not here: the settings (config/). Threads: the main one.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import click

from config.describing import groups, is_secret, masked, unit_of, variables_of
from config.secrets_file import FILE_NAME, with_made_origins
from config.settings import InvalidSettingError, Origin, Reading, read_settings
from omi_actors.cli.failing import env_file_to_read, fail


@click.command(short_help="Show every setting and where it came from.")
@click.option("--env-file", type=click.Path(path_type=Path), help="File with settings; default: .env, if there is one.")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def config(*, env_file: Path | None, as_json: bool) -> None:
    """Show every setting: its value, unit, and where it came from. Of secrets only whether they are set."""
    file = env_file_to_read(env_file)
    try:
        reading = _with_tokens_of_a_first_start(read_settings(file))
    except InvalidSettingError as exc:
        fail(str(exc))
    if as_json:
        click.echo(json.dumps(_as_json(reading), indent=2))
        return
    where = f"{reading.env_file.path.resolve()}" if reading.env_file else f"none ({file.resolve()} is not there)"
    click.echo(f"Env file: {where}")
    for line in _lines(reading):
        click.echo(line)
    for note in reading.notes:
        click.echo(f"! {note}")


def _with_tokens_of_a_first_start(reading: Reading) -> Reading:
    """Add what a first start has made; a look at the settings makes nothing."""
    has_started = (reading.settings.data_dir / FILE_NAME).exists()
    return with_made_origins(reading) if has_started else reading


def _lines(reading: Reading) -> Iterator[str]:
    values = masked(reading.settings)
    for group in groups():
        rows = [(variables_of(field)[0], unit_of(name, field)) for name, field in group.fields.items()]
        yield f"\n{group.title}"
        for variable, unit in rows:
            value = f"{values[variable]} {unit if unit not in ('', 'on/off') else ''}".strip() or "-"
            origin = reading.origins[variable]
            yield f"  {variable:<28} {value:<36} {'' if origin is Origin.DEFAULT else origin}".rstrip()


def _as_json(reading: Reading) -> dict[str, object]:
    values = masked(reading.settings)
    settings = {
        variables_of(field)[0]: {
            "value": values[variables_of(field)[0]],
            "unit": unit_of(name, field) or None,
            "source": str(reading.origins[variables_of(field)[0]]),
            "secret": is_secret(field),
        }
        for group in groups()
        for name, field in group.fields.items()
    }
    file = str(reading.env_file.path.resolve()) if reading.env_file else None
    return {"env_file": file, "settings": settings, "notes": list(reading.notes)}
