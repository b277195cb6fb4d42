"""Checks of the store: it is reachable, has a known schema, and is not open in another process.

Not here: looking into it (store/probe.py). Threads: the main one; blocked for some seconds at most.
"""

from collections.abc import Iterator

from config.settings import Settings
from omi_actors.doctor.finding import Finding, Machine, note, ok, problem, split_fix
from omi_actors.doctor.servers import compare_clocks
from omi_actors.errors import StoreError
from omi_actors.store.driver import INSTALL, MISSING, has_driver
from omi_actors.store.durability import REMEDY, describe_unsafe
from omi_actors.store.engine import StoreConfig
from omi_actors.store.probe import StoreState, probe_store

# Our statements use RETURNING, which SQLite has since 3.35.
_OLDEST_SQLITE = (3, 35, 0)
# Connections of one process: a writer, four readers, and one that cleans up. The server keeps three for administrators.
_CONNECTIONS, _OTHERS = 6, 10
# A word of the database's refusal, and the fix.
_FIXES = (
    ("password", "Correct user and password in DATABASE_URL."),
    ("role", "Correct the user in DATABASE_URL, or make it: createuser NAME."),
    ("no such database:", "Correct the database's name in DATABASE_URL, or add it to [databases] of PgBouncer."),
    ("pool_mode", "Start PostgreSQL behind the pooler, or set pool_mode = transaction in PgBouncer."),
    ("pooler,", "Start PostgreSQL behind the pooler, or correct the server's address there."),
    ("CREATE SCHEMA", "Make the schema (CREATE SCHEMA NAME), or leave ?schema= out of DATABASE_URL."),
    ("database", "Make the database (createdb NAME), or correct its name in DATABASE_URL."),
)
_ELSE = "Start the database, correct DATABASE_URL, or unset it: then SQLite in DATA_DIR is used."
_SQLITE_FIX = "Stop what else uses the file, or restore a copy of it: omi-actors restore FILE."


def check_store(settings: Settings, machine: Machine, *, is_running: bool) -> Iterator[Finding]:
    """Check the database without changing it."""
    url = settings.database_url.get_secret_value() if settings.database_url else ""
    if not has_driver(url):
        yield problem("store", MISSING, INSTALL)
        return
    try:
        state = probe_store(StoreConfig(url=url, data_dir=settings.data_dir))
    except StoreError as exc:
        yield _describe(str(exc), url)
        return
    yield from _judge_owner(state, is_running=is_running)
    yield from _judge_schema(state)
    yield from _judge_room(settings, state)
    yield from _judge_durability(state, may_lose=settings.allow_unsynced_commits)
    if state.now_s is not None:
        yield from compare_clocks(machine.clock.now_s(), state.now_s, "database")


def _describe(refusal: str, url: str) -> Finding:
    if url.startswith("postgres"):
        return problem("store", refusal, _fix_for(refusal))
    said, fix = split_fix(refusal)
    return problem("store", said, _SQLITE_FIX if said == fix else fix)


def check_sqlite(settings: Settings, version: tuple[int, int, int]) -> Iterator[Finding]:
    """Check the version of SQLite, unless the store is PostgreSQL."""
    if settings.is_postgres:
        return
    found = ".".join(map(str, version))
    if version < _OLDEST_SQLITE:
        fix = "Use a Python with a newer SQLite, or set DATABASE_URL to a PostgreSQL server."
        yield problem("store", f"SQLite {found} is older than 3.35", fix)
    else:
        yield ok("store", f"SQLite {found}")


def _judge_owner(state: StoreState, *, is_running: bool) -> Iterator[Finding]:
    if state.owner is None:
        return
    text = f"process {state.owner} has the database open"
    if is_running:
        yield note("store", f"{text}: the server that is already running", "Nothing to do.")
    else:
        yield problem("store", text, f"Stop it (kill {state.owner}), or set another DATA_DIR.")


def _judge_schema(state: StoreState) -> Iterator[Finding]:
    if state.needs > state.newest:
        text = f"{state.place} has schema {state.version}, this program knows {state.newest}"
        fix = "Start the newer program again, or restore the copy that was made before the upgrade."
        yield problem("store", text, fix)
    elif state.version == 0:
        yield ok("store", f"{state.database}: new, will be made")
    elif state.version < state.newest:
        yield ok("store", f"{state.database}: schema {state.version}, will be upgraded to {state.newest} at start")
    elif state.version > state.newest:
        known = f"this program knows {state.newest} and can go on with it"
        yield ok("store", f"{state.database}: schema {state.version}, {known}")
    else:
        yield ok("store", f"{state.database}: schema {state.version}")


def _judge_room(settings: Settings, state: StoreState) -> Iterator[Finding]:
    """Judge the connections that the processes need. Other programs, and the server's own administrator, need some."""
    need = settings.processes * _CONNECTIONS
    if settings.processes > 1 and state.room is not None and need > state.room - _OTHERS:
        text = f"{settings.processes} processes open up to {need} connections, and the server takes {state.room}"
        yield problem("store", text, "Raise max_connections in postgresql.conf, or lower PROCESSES.")


def _judge_durability(state: StoreState, *, may_lose: bool) -> Iterator[Finding]:
    found = state.durability
    if found is None:
        return
    if not found.unsafe:
        yield ok("store", f"commits are {found}")
    elif may_lose:
        yield note("store", describe_unsafe(found), "Nothing to do while ALLOW_UNSYNCED_COMMITS is meant.")
    else:
        yield problem("store", describe_unsafe(found), REMEDY)


def _fix_for(refusal: str) -> str:
    return next(
        (fix for word, fix in _FIXES if f"{word} " in f"{refusal} " and "failed: Connection" not in refusal), _ELSE
    )
