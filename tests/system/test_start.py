"""A start ends at once, by readiness or by one sentence: wrong addresses of the store and of Redis, failing actors.

A sentence names the variable and quotes no password (here: canary).
"""

import asyncio
import random
import socket
import threading
import time
from typing import Any

import pytest
from psycopg2.extensions import parse_dsn

from config.database_url import read_database_url
from config.settings import InvalidSettingError, load_settings
from omi_actors import tree
from omi_actors.backplane.redis_link import FIXES
from omi_actors.clients.model import DemoModel
from omi_actors.clock import SystemClock
from omi_actors.errors import OmiError, SettingsError, StartFailedError, StoreError
from omi_actors.kit.errors import RestartIntensityError
from omi_actors.parts import Parts
from omi_actors.store.actors import StoreWriter
from omi_actors.store.driver import require_driver
from omi_actors.store.durability import read_durability
from omi_actors.store.facade import Store
from omi_actors.system import System
from tests.canaries import ADMIN_TOKEN, WEBHOOK_TOKEN
from tests.fakes.raw_server import serve_raw
from tests.system.conftest import eventually

# Seconds for what fails at once, and for what waits for a silent server: PostgreSQL's connect timeout is 5.
AT_ONCE_S = 3.0
SILENT_S = 8.0

BEGINS = "must begin with postgres:// or sqlite:///"
QUOTES = "must not be in quotes"
TOO_MANY = "has an @ or / too many"
# variable, value, words of its sentence
ODD = [
    ("DATABASE_URL", "foo", BEGINS),
    ("DATABASE_URL", "canary://u:canary@h/d", BEGINS),
    ("DATABASE_URL", "Server=h;Database=d;User Id=u;Password=canary", BEGINS),
    ("DATABASE_URL", "mysql://u:canary@h/d", f"another kind of database (mysql); it {BEGINS}"),
    ("DATABASE_URL", "mysql+pymysql://u:canary@h/d", f"another kind of database (mysql); it {BEGINS}"),
    ("DATABASE_URL", "MariaDB://u:canary@h/d", f"another kind of database (mariadb); it {BEGINS}"),
    ("DATABASE_URL", "mongodb+srv://u:canary@h/d", f"another kind of database (mongodb); it {BEGINS}"),
    (
        "DATABASE_URL",
        "sqlserver://h:1433;database=d;password=canary",
        f"another kind of database (sqlserver); it {BEGINS}",
    ),
    ("DATABASE_URL", "prisma+postgres://h/?api_key=canary", f"another kind of database (prisma); it {BEGINS}"),
    ("DATABASE_URL", "redis://:canary@h", f"another kind of database (redis); it {BEGINS}"),
    ("DATABASE_URL", "https://u:canary@h/d", f"another kind of database (https); it {BEGINS}"),
    ("DATABASE_URL", "jdbc:postgresql://h/d?password=canary", f"is in JDBC's form; it {BEGINS}"),
    ("DATABASE_URL", "postgres:/u:canary@h/d", BEGINS),
    ("DATABASE_URL", "host=h", BEGINS),
    ("DATABASE_URL", 'postgres://u:canary@h/d"', QUOTES),
    ("DATABASE_URL", "postgres://u:canary@h /d", "must not hold blanks"),
    ("DATABASE_URL", "postgres://", "must name a server"),
    ("DATABASE_URL", "postgres://u:canary@", "must name a server"),
    ("DATABASE_URL", "postgres://u:can/ary@h", TOO_MANY),
    ("DATABASE_URL", "postgres://u:canary@h/d@e", TOO_MANY),
    ("DATABASE_URL", "postgres://u:canary%00@h/d", "no password and no name may hold"),
    ("DATABASE_URL", "postgres://u:canary@h/d?application_name=100%", "write % itself as %25"),
    ("DATABASE_URL", "postgres://u:canary@h/d?sslidentity=x", "has the option sslidentity, which is not understood"),
    ("DATABASE_URL", "postgres://h/d?can-ary=1", "has an option that cannot be read"),
    ("DATABASE_URL", "postgres://u:canary@h/d?schema=a;drop", "that is no schema's"),
    ("DATABASE_URL", "postgres://u:canary@h:port/d", "host or port that cannot be read"),
    ("DATABASE_URL", "postgres://u:canary@h:70000/d", "host or port that cannot be read"),
    ("DATABASE_URL", "postgres://u:canary@h/d/e", "database's name alone"),
    ("DATABASE_URL", "sqlite:///", "must name a file"),
    ("DATABASE_URL", "sqlite:///:memory:", "would forget"),
    ("DATABASE_URL", "sqlite://", "must name a file"),
    ("DATABASE_URL", "file:", "must name a file"),
    ("DATABASE_URL", "sqlite::memory:", "would forget"),
    ("DATABASE_URL", "file:x.db?mode=memory", "would forget"),
    ("DATABASE_URL", "sqlite:///x.db?mode=ro", "must not have options"),
    *(
        ("DATABASE_URL", f"sqlite:///{file}", "by the whole path")
        for file in ("~/omi.db", "$HOME/omi.db", "${DATA}/x.db")
    ),
    ("REDIS_URL", "localhost:6379", "must begin with redis://"),
    ("REDIS_URL", '"redis://:canary@h"', QUOTES),
    ("REDIS_URL", "http://canary@h", "must begin with redis://"),
    ("REDIS_URL", "redis://", "must name a host"),
    ("REDIS_URL", "redis://:canary/x@h", "cannot be read"),
    ("REDIS_URL", "redis://h:99999", "cannot be read"),
    ("REDIS_URL", "redis://h/canary", "database's number"),
    ("REDIS_URL", "redis://h?db=canary", "database's number"),
    ("REDIS_URL", "redis://h?password=canary", "option that is not taken"),
    ("REDIS_URL", "redis://my host:6379", "must not hold blanks"),
]


@pytest.mark.parametrize(("variable", "value", "says"), ODD)
def test_odd_address_is_one_sentence_that_names_its_variable(variable, value, says):
    with pytest.raises(InvalidSettingError) as refused:
        load_settings(overrides={variable: value})

    (problem,) = refused.value.problems
    assert problem.startswith(f"{variable} ")
    assert says in problem
    assert "canary" not in str(refused.value)


S = "postgresql://u:p@h/d"
# A password of all signs that have a meaning in a URL, and as %XX.
HARD, ENCODED = "p@s#s/w?o:r&d=%+", "p%40s%23s%2Fw%3Fo%3Ar%26d%3D%25%2B"
# What is given, and what the store gets.
TAKEN = [
    ("postgres://u:p@h/d", S),
    ("POSTGRES://u:p@h/d", S),
    *((f"{scheme}://u:p@h/d", S) for scheme in ("postgresql+psycopg2", "postgresql+asyncpg", "postgres+psycopg")),
    *((f"{scheme}://u:p@h/d", S) for scheme in ("pgsql", "psql", "postgis")),
    *((f"{left}{S}{right}", S) for left, right in ('""', "''", "``", "“”", "  ", "\ufeff\n", "\u200b\u200b")),
    (f"' {S} '", S),
    (f"psql '{S}?sslmode=require&channel_binding=require'", f"{S}?sslmode=require&channel_binding=require"),
    ('""', None),
    # passwords, written as %XX or not
    (f"postgres://u:{ENCODED}@h:5432/d", f"postgresql://u:{ENCODED}@h:5432/d"),
    (f"postgres://u:{HARD}@h:5432/d?sslmode=require", f"postgresql://u:{ENCODED}@h:5432/d?sslmode=require"),
    ("postgres://u:p@ss@h", "postgresql://u:p%40ss@h/"),
    ("postgres://u:12/34@h/d", "postgresql://u:12%2F34@h/d"),
    ("postgres://u:what#is?this@h/d", "postgresql://u:what%23is%3Fthis@h/d"),
    ("postgres://u:100%@h/d", "postgresql://u:100%25@h/d"),
    ("postgres://u@tenant:p@h/d", "postgresql://u%40tenant:p@h/d"),
    (f"{S}?application_name=a@b/c", f"{S}?application_name=a%40b%2Fc"),
    ("postgres://u:a/b@h/d?application_name=c@d", "postgresql://u:a%2Fb@h/d?application_name=c%40d"),
    # places
    ("postgresql://u@[::1]:5432/d", "postgresql://u@[::1]:5432/d"),
    ("postgres://one:1,two:2/d?target_session_attrs=any", "postgresql://one:1,two:2/d?target_session_attrs=any"),
    ("postgres:///d?host=/run/pg", "postgresql:///d?host=%2Frun%2Fpg"),
    ("postgres://%2Frun%2Fpg/d/", "postgresql://%2Frun%2Fpg/d"),
    # options of other programs
    (f"{S}?schema=public&connection_limit=5&pool_timeout=2&pgbouncer=true&connect_timeout=9", f"{S}?connect_timeout=9"),
    (f"{S}?sslaccept=accept_invalid_certs&sslmode=require", f"{S}?sslmode=require"),
    (f"{S}?sslaccept=strict&sslmode=require", f"{S}?sslrootcert=system&sslmode=verify-full"),
    (f"{S}?sslmode=no-verify", f"{S}?sslmode=require"),
    (f"{S}?ssl=true", f"{S}?sslmode=require"),
    (f"{S}?ssl=false", f"{S}?sslmode=disable"),
    *((f"{S}?sslmode={mode}", f"{S}?sslmode=verify-full") for mode in ("VERIFY_FULL", "Verify-Full", "verify_full")),
    *((f"{S}?sslmode={mode}", f"{S}?sslmode=require") for mode in ("REQUIRE", "REQUIRED")),
    (f"{S}?serverVersion=15&charset=utf8", S),
    (f"{S}?prepared_statement_cache_size=0&prepareThreshold=0", S),
    (f"{S}?workaround=supabase-pooler.vercel", S),
    (f"{S}?schema=mine", f"{S}?options=%20-c%20search_path%3D%22mine%22"),
    (f"{S}?options=-c%20a%3Db&currentSchema=x,y", f"{S}?options=-c%20a%3Db%20-c%20search_path%3D%22x%22%2C%22y%22"),
    # files
    *((f"{form}omi.db", "sqlite:///omi.db") for form in ("sqlite:", "sqlite://", "sqlite:///", "sqlite+aiosqlite:///")),
    *((f"{form}omi.db", "sqlite:///omi.db") for form in ("file:", "file://")),
    ("file:./dev.db?connection_limit=1", "sqlite:///./dev.db"),
    ("sqlite:////srv/my files/100%.db", "sqlite:////srv/my files/100%.db"),
    *((f"{form}/srv/omi.db", "sqlite:////srv/omi.db") for form in ("sqlite:///", "sqlite:", "file:", "file://")),
    ("file://localhost/srv/my%20files.db", "sqlite:////srv/my files.db"),
    ("sqlite:///omi.db?mode=rwc&cache=shared", "sqlite:///omi.db"),
]


@pytest.mark.parametrize(("given", "taken"), TAKEN)
def test_address_of_a_store_is_taken_as_other_programs_write_it(given, taken):
    url = load_settings(overrides={"DATABASE_URL": given}).database_url

    assert (url.get_secret_value() if url else None) == taken
    require_driver(taken or "")


def test_password_reaches_the_driver_as_it_is():
    for given in (HARD, ENCODED):
        assert parse_dsn(read_database_url(f"postgres://u:{given}@h/d?schema=public"))["password"] == HARD


@pytest.mark.parametrize("url", ["postgres://h/d?canary=1", "postgres://u:%FF@h/d?canary"])
def test_address_that_its_driver_cannot_read_is_refused_before_anything_starts(url):
    with pytest.raises(SettingsError, match="DATABASE_URL has an option or a character") as refused:
        require_driver(url)

    assert "canary" not in str(refused.value)


# --- addresses of a good form where no store is


@pytest.fixture
def place(tmp_path):
    """Things that are no database, by the names that the URLs below use."""
    (tmp_path / "file").write_text("this is no database, however long one looks at it. " * 100)
    with socket.create_server(("127.0.0.1", 0)) as silent:  # the kernel takes the connection, and nobody answers
        yield {"folder": tmp_path, "silent": silent.getsockname()[1]}


@pytest.mark.parametrize(
    ("url", "may_help"),
    [
        ("postgres://u:canary@127.0.0.1:9/d", True),
        ("postgres://u:canary@h.invalid/d", True),
        ("postgres://u:canary@/d?host={folder}", True),
        ("postgres://u:canary@127.0.0.1:9/d?sslmode=canary", False),
        ("sqlite:///{folder}", False),
        ("sqlite:///{folder}/file/omi.db", True),
        ("sqlite:///{folder}/file", False),
    ],
)
async def test_store_that_is_not_there_ends_the_start_at_once(url, may_help, place, start):
    async with asyncio.timeout(AT_ONCE_S):
        with pytest.raises(OmiError) as ended:
            await start(url.format(**place))

    assert str(ended.value).startswith("DATABASE_URL: ")
    assert "canary" not in str(ended.value)
    assert ended.value.retryable is may_help


async def test_server_that_is_no_postgres_ends_the_start_at_once(start):
    async def hang_up(reader, writer):
        await reader.read(8)
        writer.write(b"-ERR unknown command\r\n")

    async with serve_raw(hang_up) as target, asyncio.timeout(AT_ONCE_S):
        with pytest.raises(OmiError, match=r"^DATABASE_URL: "):
            await start(f"postgres://u:canary@127.0.0.1:{target.port}/d")


async def test_silent_store_ends_the_start_within_its_connect_timeout(place, start):
    async with asyncio.timeout(SILENT_S):
        with pytest.raises(OmiError, match=r"^DATABASE_URL: .*timeout expired") as ended:
            await start(f"postgres://u:canary@127.0.0.1:{place['silent']}/d")

    assert ended.value.retryable


@pytest.mark.parametrize(
    ("url", "cause"),
    [
        ("redis://:canary@127.0.0.1:9", "unreachable"),
        ("unix://{folder}/redis.sock", "unreachable"),
        ("redis://:canary@127.0.0.1:{silent}", "timeout"),
    ],
)
async def test_redis_that_is_not_there_degrades_and_is_told(url, cause, place, start):
    began_s = time.monotonic()
    program = await start(REDIS_URL=url.format(**place))

    async def is_told():
        return program.system.health()["checks"]["backplane"]["status"] == "warn"

    await eventually(is_told, AT_ONCE_S)
    assert time.monotonic() - began_s < AT_ONCE_S
    check = program.system.health()["checks"]["backplane"]
    assert program.system.ready
    assert check["hint"].casefold().startswith(FIXES[cause].casefold())


# --- actors that fail


class FailsInInit:
    def __init__(self, *_args, **_kwargs):
        raise TypeError("planted: canary")


ACTORS = [
    "StoreWriter",
    "StoreReader",
    "MetricsCollector",
    "NodeLease",
    "BackplaneRunner",
    "build_janitor",
    "JobQueue",
    "Workers",
    "DynamicSupervisor",
    "SessionRouter",
    "AnswerSweeper",
]


@pytest.mark.parametrize("name", ACTORS)
async def test_actor_that_fails_in_its_constructor_ends_the_start(name, start, monkeypatch):
    monkeypatch.setattr(tree, name, FailsInInit)

    async with asyncio.timeout(AT_ONCE_S):
        with pytest.raises(StartFailedError, match="could not start: TypeError") as ended:
            await start()

    assert "canary" not in str(ended.value)


async def test_actor_that_fails_in_its_start_hook_ends_the_start(start, monkeypatch):
    class FailsOnStart(StoreWriter):
        def on_start(self):
            raise ValueError

    monkeypatch.setattr(tree, "StoreWriter", FailsOnStart)

    async with asyncio.timeout(AT_ONCE_S):
        with pytest.raises(StartFailedError, match="store_writer could not start: ValueError"):
            await start()


async def test_tree_that_gives_up_ends_the_start(tmp_path, monkeypatch):
    opening, may_end = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    class OpensForEver(StoreWriter):
        def on_start(self):
            loop.call_soon_threadsafe(opening.set)
            may_end.wait(AT_ONCE_S)

    monkeypatch.setattr(tree, "StoreWriter", OpensForEver)
    given = {"ADMIN_TOKEN": ADMIN_TOKEN, "WEBHOOK_TOKEN": WEBHOOK_TOKEN, "DATA_DIR": str(tmp_path)}
    parts = Parts(
        settings=load_settings(overrides=given),
        model=DemoModel(),
        clock=SystemClock(),
        rng=random.Random(1),
        on_fenced=lambda: None,
    )
    system = System(parts, lambda _error: may_end.set())
    starting = asyncio.ensure_future(system.start())
    await opening.wait()

    give_up: Any = system._runtime.zombies.on_too_many
    give_up()

    async with asyncio.timeout(AT_ONCE_S):
        with pytest.raises(RestartIntensityError):
            await starting


async def test_session_that_cannot_start_does_not_end_the_start(start, monkeypatch):
    """It would otherwise keep the program down for all, start after start."""
    failed = []
    write = Store.write

    def fail_meanwhile(store, work, *args, **kwargs):
        if work is read_durability:
            failed.append(store._writer.runtime.on_start_failed("session", ValueError()))
        return write(store, work, *args, **kwargs)

    monkeypatch.setattr(Store, "write", fail_meanwhile)

    program = await start()

    assert failed
    assert program.system.ready
    assert program.gave_up == []


@pytest.mark.service
async def test_database_that_may_lose_commits_is_refused_unless_told(start, postgres_url):
    with pytest.raises(StoreError, match=r"DATABASE_URL: .*fsync off.*ALLOW_UNSYNCED_COMMITS=true"):
        await start(postgres_url, ALLOW_UNSYNCED_COMMITS="false")

    program = await start(postgres_url, ALLOW_UNSYNCED_COMMITS="true")

    health = program.system.health()
    assert "fsync off" in health["checks"]["store"]["note"]
    assert health["settings"]["commits"].startswith("not synced (fsync off")
    (table,) = [one for one in program.system.snapshot().tables if one.name == "database"]
    assert "Commits are not synced (fsync off" in table.note
