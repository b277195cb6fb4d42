"""Runs all checks of the doctor, one after the other.

Not here: the checks, one file a subject. Threads: the main one.
"""

from collections.abc import Iterator
from pathlib import Path

from config.settings import InvalidSettingError, Settings, load_with_origins
from omi_actors.doctor.files import check_data_dir, check_log_dir, check_room
from omi_actors.doctor.finding import Finding, Machine, State
from omi_actors.doctor.installation import check_loaded, check_packages, check_python, describe_refusal
from omi_actors.doctor.port import check_port, is_serving
from omi_actors.doctor.safety import check_reach, check_secrets, check_tokens, check_upstreams
from omi_actors.doctor.servers import check_model, check_network, check_redis
from omi_actors.doctor.store import check_sqlite, check_store
from omi_actors.store.probe import find_sqlite_version


def examine(env_file: Path, machine: Machine) -> Iterator[Finding]:
    """Return the findings of every check. Without valid settings only Python and its packages are checked."""
    yield from check_python(machine)
    yield from check_packages()
    try:
        loaded = load_with_origins(env_file, environment=machine.environment)
    except InvalidSettingError as exc:
        yield from describe_refusal(exc)
        return
    yield from check_loaded(loaded)
    yield from _examine_start(loaded.settings, machine)


def _examine_start(settings: Settings, machine: Machine) -> Iterator[Finding]:
    is_running = is_serving(settings)
    data = list(check_data_dir(settings))
    yield from data
    yield from check_log_dir(settings)
    yield from check_room(settings, machine)
    yield from check_port(settings, is_running=is_running)
    yield from check_sqlite(settings, find_sqlite_version())
    if settings.database_url is not None or all(finding.state is State.OK for finding in data):
        yield from check_store(settings, machine, is_running=is_running)
    yield from check_redis(settings)
    network = list(check_network(settings))
    yield from network
    if not network:
        yield from check_model(settings, machine)
    yield from check_tokens(settings)
    yield from check_secrets(settings)
    yield from check_reach(settings)
    yield from check_upstreams(settings)
