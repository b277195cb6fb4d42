"""The command line: `omi-actors serve` and its other commands, as `--help` lists them.

One file a command; each is read only when it is wanted, so that none waits for another's imports. `failing.py` is how a
command ends that cannot do what it was asked for.
"""

from importlib import import_module

import click

# By its name, the module and the function of each command.
_COMMANDS = {
    "backup": ("omi_actors.cli.backup", "backup"),
    "config": ("omi_actors.cli.config", "config"),
    "doctor": ("omi_actors.cli.doctor", "doctor"),
    "operator-link": ("omi_actors.cli.operator_link", "operator_link"),
    "queue": ("omi_actors.cli.queue", "queue"),
    "restore": ("omi_actors.cli.backup", "restore"),
    "retention": ("omi_actors.cli.queue", "retention"),
    "serve": ("omi_actors.cli.serve", "serve"),
    "version": ("omi_actors.cli.version", "version"),
}


class _Commands(click.Group):
    """The commands of the table above."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 (the base's)
        """Return all names."""
        return sorted(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 (the base's)
        """Return a command by its name, read now."""
        if cmd_name not in _COMMANDS:
            return None
        module, name = _COMMANDS[cmd_name]
        command: click.Command = getattr(import_module(module), name)
        return command


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Omi Actors: the backend of an Omi wearable."""
