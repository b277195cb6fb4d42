"""`omi-actors version`.

Not here: where the version stands (omi_actors/__init__.py). Threads: the main one.
"""

import click

from omi_actors import __version__


@click.command()
def version() -> None:
    """Print the version."""
    click.echo(__version__)
