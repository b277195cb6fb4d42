"""The command `omi-actors user`: list, make, export and delete accounts, and print one-time links, on a running server.

Not here: calling the server (operator_calls.py), the addresses that it calls (web/people/admin.py).
Threads: the main one.
"""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import click

from config.settings import InvalidSettingError, Settings
from omi_actors.cli.operator_calls import build_link, call_operator, fetch_file, load_operator_settings, port_option
from omi_actors.cli.program import env_file_option, in_sentences
from omi_actors.errors import BadRequestError, OmiError

_in_sentences = in_sentences(OmiError)
_ADMIN = click.option("--admin", "role", flag_value="ADMIN", help="With all rights of the operator.")
_OBSERVER = click.option("--observer", "role", flag_value="OBSERVER", help="May read what the operator reads.")
_DAYS_S, _MINUTES_S = 86_400, 60


@dataclass(frozen=True)
class Server:
    """The running server, called as its operator."""

    settings: Settings

    def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """Return the JSON of the server's reply."""
        return call_operator(self.settings, method, path, body)

    def link(self, path: str) -> str:
        """Return the address of a path."""
        return build_link(self.settings, path)


@click.group(short_help="Show, make, export and delete accounts.")
@port_option
@env_file_option
@click.pass_context
@in_sentences(InvalidSettingError)
def user(context: click.Context, *, port: int | None, env_file: Path | None) -> None:
    """Show, make, export and delete accounts, and print links for their persons."""
    context.obj = Server(load_operator_settings(env_file, port))


@user.command("list")
@click.option("--limit", type=click.IntRange(1, 500), default=100, help="At most so many; default: 100.")
@click.option("--after", default="", help="Only emails after this one: the next page.")
@click.pass_obj
@_in_sentences
def list_users(server: Server, /, *, limit: int, after: str) -> None:
    """List accounts by email."""
    page = server.call("GET", f"/operator/accounts?{urlencode({'limit': limit, 'after': after})}")
    for account in page["items"]:
        name = "(is being erased)" if account["isErasing"] else account["displayName"] or ""
        click.echo(
            f"{account['email']:<32} {account['role']:<8} {account['createdAt']}  {account['id']}  {name}".rstrip()
        )
    if page["nextAfter"] is not None:
        click.echo(f"More: --after {page['nextAfter']}")


@user.command()
@click.argument("email")
@click.option("--name", help="Name to show.")
@_ADMIN
@_OBSERVER
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input, up to its first line end.")
@click.pass_obj
@_in_sentences
def create(
    server: Server,
    /,
    *,
    email: str,
    name: str | None,
    role: str | None,
    password_stdin: bool,
) -> None:
    """Make an account for EMAIL, and print a link by which its person sets the password."""
    given = {"email": email, "display_name": name, "role": role or "USER"}
    if password_stdin:
        given["password"] = sys.stdin.readline().rstrip("\r\n")
    made = server.call("POST", "/operator/accounts", given)
    click.echo(f"{made['user']['email']}: account {made['user']['id']}, role {made['user']['role']}")
    if made["path"] is not None:
        click.echo(f"{server.link(made['path'])}\nThe link sets the password, once, within 7 days.")


@user.command()
@_ADMIN
@_OBSERVER
@click.pass_obj
@_in_sentences
def invite(server: Server, /, *, role: str | None) -> None:
    """Print a link by which somebody makes an account, once."""
    made = server.call("POST", "/operator/accounts/invite", {"role": role or "USER"})
    click.echo(f"{server.link(made['path'])}\nThe link makes one account, within {made['expiresInS'] // _DAYS_S} days.")


@user.command("reset-password")
@click.argument("email")
@click.pass_obj
@_in_sentences
def reset_password(server: Server, /, *, email: str) -> None:
    """Print a link by which the person of EMAIL sets a new password. It ends all sessions of the account."""
    made = server.call("POST", "/operator/accounts/reset", {"email": email})
    minutes = made["expiresInS"] // _MINUTES_S
    click.echo(f"{server.link(made['path'])}\nThe link sets the password, once, within {minutes} minutes.")


@user.command()
@click.argument("email")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
@_in_sentences
def delete(server: Server, /, *, email: str, yes: bool) -> None:
    """Delete the account of EMAIL with all that is stored of its person. It cannot be undone."""
    if not yes:
        click.confirm(f"Delete {email} and all that is stored of its person?", abort=True)
    made = server.call("POST", "/operator/accounts/delete", {"email": email})
    click.echo(f"{email} is being erased. It is done when this address says so:\n{server.link(made['statusPath'])}")


@user.command()
@click.argument("email")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.pass_obj
@_in_sentences
def export(server: Server, /, *, email: str, file: Path) -> None:
    """Write everything that is stored of the person of EMAIL to FILE, a zip of JSON and Markdown."""
    if file.exists():
        raise BadRequestError(f"{file} is there already; name a new file")
    fetch_file(server.settings, "/operator/accounts/export", {"email": email}, file)
    click.echo(f"{file}: {file.stat().st_size} bytes. Only its owner can read it.")
