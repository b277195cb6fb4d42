"""Runs all checks of the doctor, one after the other. Beside a running server it uses that server's settings, too.

Not here: the checks, one file a subject. Threads: the main one.
"""

import traceback
from collections.abc import Collection, Iterator
from pathlib import Path

from config.settings import InvalidSettingError, Settings, load_with_origins
from omi_actors.doctor.files import check_data_dir, check_log_dir, check_room
from omi_actors.doctor.finding import Finding, Machine, State, problem
from omi_actors.doctor.installation import check_loaded, check_packages, check_python, check_recall, describe_refusal
from omi_actors.doctor.port import check_port, is_serving
from omi_actors.doctor.running import adopt_settings, describe_adopted, find_running, find_unknown
from omi_actors.doctor.safety import check_reach, check_secrets, check_tokens, check_upstreams
from omi_actors.doctor.servers import check_model, check_redis
from omi_actors.doctor.store import check_sqlite, check_store
from omi_actors.store.probe import find_sqlite_version


def examine(env_file: Path, machine: Machine) -> Iterator[Finding]:
    """Return the findings of every check. Without valid settings only Python and its packages are checked."""
    yield from _guard("python", check_python(machine))
    yield from _guard("packages", check_packages())
    yield from _guard("settings", _examine_settings(env_file, machine))


def _examine_settings(env_file: Path, machine: Machine) -> Iterator[Finding]:
    try:
        loaded = load_with_origins(env_file, environment=machine.environment)
    except InvalidSettingError as exc:
        yield from describe_refusal(exc)
        return
    yield from check_loaded(loaded)
    server = find_running(loaded.settings)
    if server is None:
        settings = loaded.settings
        own = (settings.host, settings.port)
        yield from _examine_start(settings, machine, own if is_serving(*own) else None, frozenset())
        return
    yield from describe_adopted(loaded, server)
    settings = adopt_settings(loaded, server).settings
    yield from _examine_start(settings, machine, (server.host, server.port), find_unknown(loaded, server))


def _examine_start(
    settings: Settings, machine: Machine, serving: tuple[str, int] | None, unknown: Collection[str]
) -> Iterator[Finding]:
    """Check what a start needs. `serving`: a running server's address; `unknown`: its secrets that we do not have."""
    data = list(_guard("data", check_data_dir(settings)))
    yield from data
    yield from _guard("logs", check_log_dir(settings))
    yield from _guard("disk", check_room(settings, machine))
    yield from _guard("port", check_port(settings, serving))
    if "DATABASE_URL" not in unknown:
        yield from _guard("store", check_sqlite(settings, find_sqlite_version()))
        if settings.database_url is not None or all(finding.state is State.OK for finding in data):
            yield from _guard("store", check_store(settings, machine, is_running=serving is not None))
    yield from _guard("redis", check_redis(settings))
    yield from _guard("recall", check_recall(settings))
    if "OPENAI_API_KEY" not in unknown:
        yield from _guard("model", check_model(settings, machine))
    for check in (check_tokens, check_secrets, check_reach, check_upstreams):
        yield from _guard("safety", check(settings))


def _guard(check: str, findings: Iterator[Finding]) -> Iterator[Finding]:
    """Yield the findings of a check. If the check itself fails, that is its last finding."""
    try:
        yield from findings
    except Exception as exc:  # noqa: BLE001 (the doctor must get to its end; an error's text might hold a secret)
        *_, last = traceback.extract_tb(exc.__traceback__)
        reason = (exc.strerror or "") if isinstance(exc, OSError) else ""
        said = f"this check could not be made: {type(exc).__name__} {reason}".rstrip()
        place = f"{Path(last.filename).name}, line {last.lineno}"
        yield problem(check, f"{said} ({place})", "If the server starts all the same, report this line as a mistake.")
