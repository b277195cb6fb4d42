"""The command line: `omi-actors serve` and its other commands, as `--help` lists them.

Each command has a file, imported when the command is used; so no command waits for another command's imports: `serve`
(with `server`, `processes`, `banner`, `console_tables`, `reload`), `top` (with `top_view`), `queue`, `logs` and `user`
(with `operator_calls`), `backup`, `config`, `doctor`, `import_original`. `program` holds their common parts.
Not here: HTTP (web), the actors (system), the doctor's checks (doctor).
"""

from importlib import import_module

import click

from omi_actors.cli.program import fail, find_foreign

# Module and function of each command, by its name.
_COMMANDS = {
    "backup": ("omi_actors.cli.backup", "backup"),
    "config": ("omi_actors.cli.config", "config"),
    "doctor": ("omi_actors.cli.doctor", "doctor"),
    "import-original": ("omi_actors.cli.import_original", "import_original"),
    "logs": ("omi_actors.cli.logs", "logs"),
    "operator-link": ("omi_actors.cli.operator_calls", "operator_link"),
    "queue": ("omi_actors.cli.queue", "queue"),
    "restore": ("omi_actors.cli.backup", "restore"),
    "retention": ("omi_actors.cli.queue", "retention"),
    "serve": ("omi_actors.cli.serve", "serve"),
    "top": ("omi_actors.cli.top", "top"),
    "user": ("omi_actors.cli.user", "user"),
    "version": ("omi_actors.cli.program", "version"),
}


class _Commands(click.Group):
    """The commands in the table `_COMMANDS`."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 (the base's)
        """Return all names."""
        return sorted(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 (the base's)
        """Import and return the command of this name. If another package hides ours, end the program."""
        if cmd_name not in _COMMANDS:
            return None
        foreign = find_foreign()
        if foreign:
            fail(foreign)
        module, name = _COMMANDS[cmd_name]
        command: click.Command = getattr(import_module(module), name)
        return command

    def invoke(self, ctx: click.Context) -> object:
        """Run the command. If a package of others cannot be imported, end the program with a sentence."""
        try:
            return super().invoke(ctx)
        except ImportError as exc:
            if (exc.name or "").startswith(("omi_actors", "web", "config")):
                raise
            fail(f"a package is missing or broken: {exc}. Run scripts/setup, or: pip install omi-actors")


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Omi Actors: the backend of an Omi wearable."""
