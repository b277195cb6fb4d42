"""The file by which the doctor finds a running server: its address, its process, and its settings without secrets.

A server keeps DATA_DIR/server-NODE_NAME.json (mode 0600) while it listens. A crash leaves the file behind, so the
doctor also asks the address.
Not here: the checks. Threads: any.
"""

import contextlib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from pydantic import ValidationError

from config.settings import LoadedSettings, Origin, Settings, as_given, variables_of
from config.variables import is_secret
from omi_actors.doctor.finding import Finding, note, ok
from omi_actors.doctor.port import is_serving

_MAX_PORT = 65_535
_NOT_OURS = (Origin.DEFAULT, Origin.MADE)
# Signs of a password or a key within an address.
_MAY_HIDE_SECRETS = ("@", "?")


@dataclass(frozen=True, slots=True)
class RunningServer:
    """A server at `host`:`port`. `given`: its settings that are no defaults; `secrets`: names of its given secrets."""

    pid: int
    host: str
    port: int
    given: Mapping[str, str]
    secrets: tuple[str, ...]


@contextlib.contextmanager
def recorded(loaded: LoadedSettings, port: int) -> Iterator[None]:
    """Keep the file while the `with` block runs. A folder that cannot be written to has none."""
    file = _file(loaded.settings)
    server = _describe(loaded, port)
    with contextlib.suppress(OSError):
        _write(file, json.dumps(asdict(server), indent=1))
    try:
        yield
    finally:
        if (left := _read(file)) is not None and left.pid == server.pid:  # a second server's file stays
            file.unlink(missing_ok=True)


def find_running(settings: Settings) -> RunningServer | None:
    """Return a server that answers and whose DATA_DIR is ours; first the one of our NODE_NAME."""
    own = _file(settings)
    folder = settings.data_dir
    files = sorted(folder.glob("server-*.json"), key=lambda file: file != own) if os.access(folder, os.R_OK) else []
    found = (_read(file) for file in files)
    return next((server for server in found if server and is_serving(server.host, server.port)), None)


def adopt_settings(loaded: LoadedSettings, server: RunningServer) -> LoadedSettings:
    """Return our settings, with the server's where we have none."""
    wanted = {name: value for name, value in server.given.items() if loaded.origins.get(name) is Origin.DEFAULT}
    try:
        theirs = Settings(**wanted)  # type: ignore[arg-type]  # by their variables' names, as text
    except ValidationError:  # of another version of this program
        return loaded
    fields = [name for name, field in Settings.model_fields.items() if variables_of(field)[0] in wanted]
    update = {name: getattr(theirs, name) for name in fields}
    return replace(loaded, settings=loaded.settings.model_copy(update=update))


def find_unknown(loaded: LoadedSettings, server: RunningServer) -> frozenset[str]:
    """Return the names of the server's secrets that we do not have."""
    return frozenset(name for name in server.secrets if loaded.origins.get(name) is Origin.DEFAULT)


def describe_adopted(loaded: LoadedSettings, server: RunningServer) -> Iterator[Finding]:
    """Name the settings that only the running server has."""
    adopted = [f"{name}={value}" for name, value in server.given.items() if loaded.origins.get(name) is Origin.DEFAULT]
    if adopted:
        yield ok("settings", f"and of the running server (process {server.pid}): {', '.join(adopted)}")
    if unknown := sorted(find_unknown(loaded, server)):
        yield note(
            "settings",
            f"the running server has {', '.join(unknown)}, and this command has not: what needs them is not checked",
            "Run the doctor with the server's variables, or put them into .env for both.",
        )


def _file(settings: Settings) -> Path:
    return settings.data_dir / f"server-{settings.node_name}.json"


def _describe(loaded: LoadedSettings, port: int) -> RunningServer:
    given: dict[str, str] = {}
    secrets: list[str] = []
    for name, field in Settings.model_fields.items():
        variable, value = variables_of(field)[0], as_given(getattr(loaded.settings, name))
        if loaded.origins[variable] in _NOT_OURS:
            continue
        if is_secret(field) or any(sign in value for sign in _MAY_HIDE_SECRETS):
            secrets.append(variable)
        else:
            given[variable] = value
    if "PORT" in given:
        given["PORT"] = str(port)
    return RunningServer(os.getpid(), loaded.settings.host, port, given, tuple(secrets))


def _write(file: Path, text: str) -> None:
    temporary = file.with_suffix(".tmp")
    temporary.unlink(missing_ok=True)
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as opened:
        opened.write(text)
    temporary.replace(file)


def _read(file: Path) -> RunningServer | None:
    """Return the server that a file describes; None if it cannot be read."""
    try:
        read = json.loads(file.read_text(encoding="utf-8"))
        given = {str(name): str(value) for name, value in read["given"].items()}
        secrets = tuple(map(str, read["secrets"]))
        server = RunningServer(int(read["pid"]), str(read["host"]), int(read["port"]), given, secrets)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return server if 0 < server.port <= _MAX_PORT else None
