"""Calls to a running server on this machine as its operator, by ADMIN_TOKEN; and the command `operator-link`.

Not here: the routes that are called (web/handlers/). Threads: the main one, which waits.
"""

import http.client
import json
import os
import shutil
from pathlib import Path
from typing import Any, BinaryIO

import click

from config.secrets_file import add_made_secrets
from config.settings import InvalidSettingError, Settings, load_with_origins
from omi_actors.cli.program import env_file_option, env_file_to_load, in_sentences
from omi_actors.errors import OmiError, UpstreamRejectedError, UpstreamUnavailableError

# Seconds for a reply: the queue may count many jobs first.
_TIMEOUT_S = 30.0
_FIRST_ERROR = 400
_UNAUTHORIZED = 401

port_option = click.option(
    "--port", type=click.IntRange(1, 65535), help="Port of the running server, if it is not PORT."
)


def load_operator_settings(env_file: Path | None, port: int | None) -> Settings:
    """Return the settings, with the operator's token, that the server on this machine uses.

    Raises:
        InvalidSettingError: the settings are invalid.
    """
    return add_made_secrets(load_with_origins(env_file_to_load(env_file), {"PORT": port})).settings


def call_operator(settings: Settings, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
    """Return the JSON of the server's reply.

    Raises:
        UpstreamUnavailableError: no server answers there. UpstreamRejectedError: the server refused; the message says
        why.
    """
    address = f"{_host_of(settings)}:{settings.port}"
    status, reply = _exchange(settings, method, path, json.dumps(body) if body is not None else None)
    if status == _UNAUTHORIZED:
        raise UpstreamRejectedError(f"the server at {address} says {status}; it must run with this ADMIN_TOKEN")
    try:
        content = json.loads(reply)
    except ValueError:
        raise UpstreamRejectedError(f"another kind of server answers at {address}") from None
    if status >= _FIRST_ERROR:
        raise UpstreamRejectedError(f"the server at {address} says {status}: {content.get('error', '')}")
    return content


def fetch_file(settings: Settings, path: str, body: dict[str, Any], file: Path) -> None:
    """Write the server's reply to a new file, private to its owner. A reply that is cut leaves no file.

    Raises:
        UpstreamUnavailableError: no server answers there, or the reply was cut. UpstreamRejectedError: the server
        refused. FileExistsError: the file is there already.
    """
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as target:
        try:
            status, reply = _exchange(settings, "POST", path, json.dumps(body), target)
            if status >= _FIRST_ERROR:
                raise UpstreamRejectedError(f"the server says {status}: {json.loads(reply).get('error', '')}")
        except OmiError:
            file.unlink()
            raise


def fetch_link(settings: Settings) -> str:
    """Return a link that signs a browser in as the operator. The link works once.

    Raises:
        UpstreamUnavailableError: no server answers there. UpstreamRejectedError: another program answers there, or the
        server has another ADMIN_TOKEN.
    """
    return build_link(settings, call_operator(settings, "POST", "/operator/links")["path"])


def build_link(settings: Settings, path: str) -> str:
    """Return the address of a path on this machine's server."""
    shown = "localhost" if settings.is_loopback or _host_of(settings) == "127.0.0.1" else settings.host
    return f"http://{shown}:{settings.port}{path}"


@click.command("operator-link", short_help="Print a link that signs a browser in.")
@port_option
@env_file_option
@in_sentences(InvalidSettingError, OmiError)
def operator_link(*, port: int | None, env_file: Path | None) -> None:
    """Print a link that signs a browser in as the operator. It works once, for ten minutes."""
    click.echo(fetch_link(load_operator_settings(env_file, port)))


def _host_of(settings: Settings) -> str:
    """Return the address by which this machine reaches a server with these settings."""
    return "127.0.0.1" if settings.host in ("0.0.0.0", "localhost") else settings.host  # noqa: S104 (compared)


def _exchange(
    settings: Settings, method: str, path: str, body: str | None, target: BinaryIO | None = None
) -> tuple[int, bytes]:
    """Return the reply's status and body. With `target` the body of a success is written there, piece by piece."""
    token = settings.admin_token.get_secret_value() if settings.admin_token else ""
    host, headers = _host_of(settings), {"Authorization": f"Bearer {token}"}
    connection = http.client.HTTPConnection(host, settings.port, timeout=_TIMEOUT_S)
    try:
        connection.request(method, path, body, headers)
        reply = connection.getresponse()
        if target is not None and reply.status < _FIRST_ERROR:
            shutil.copyfileobj(reply, target)
        return reply.status, reply.read()  # nothing is left of one that was copied
    except (OSError, http.client.HTTPException) as exc:
        raise UpstreamUnavailableError(
            f"no server answers at {host}:{settings.port} ({type(exc).__name__}); start it, or name its --port"
        ) from exc
    finally:
        connection.close()
