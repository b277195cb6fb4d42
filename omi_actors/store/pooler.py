"""PostgreSQL's settings for our connections, in force behind a pooler (PgBouncer), too.

A server takes settings in the `options` of a new connection. A pooler refuses or ignores them, and may run each
transaction on another connection; there, every transaction begins by setting them for itself.
Not here: the settings (postgres.py). Threads: the store actors'.
"""

import contextlib
import os
import re
import socket
import threading
from collections.abc import Mapping
from typing import Any

from psycopg2 import OperationalError, extensions

# Words by which poolers refuse `options`: PgBouncer, RDS Proxy.
_REFUSALS = ("unsupported startup parameter", "command-line options")
# As the connect timeout.
_FIRST_ANSWER_S = 5.0
_NO_ANSWER = f"no answer within {_FIRST_ANSWER_S:g} s of connecting; if this is a pooler, its server may be away"
# A setting in `options`: -c name=value or --name=value. A backslash keeps a blank.
_SETTING = re.compile(r"(?:-c\s*|--)([\w.]+)=((?:\\.|[^\s\\])*)")


def read_options(options: str) -> tuple[dict[str, str], str]:
    """Return the settings that `options` hold, and what else they hold, such as Neon's `endpoint=…`."""
    settings = {name: re.sub(r"\\(.)", r"\1", value) for name, value in _SETTING.findall(options)}
    return settings, _SETTING.sub("", options).strip()


def write_options(settings: Mapping[str, str]) -> str:
    """Return settings as `options`."""
    return " ".join(f"-c {name}={_escaped(value)}" for name, value in settings.items())


def _escaped(value: str) -> str:
    return re.sub(r"([\s\\])", r"\\\1", value)


def refuses_options(exc: BaseException) -> bool:
    """Return True if a pooler has refused the connection for its `options`."""
    return any(words in str(exc) for words in _REFUSALS)


def was_hung_up(exc: BaseException) -> bool:
    """Return True if the other end has closed the connection without a word."""
    return "closed the connection" in str(exc)


def fetch_setting(con: Any, name: str) -> str:
    """Return a setting of a new connection.

    Raises:
        OperationalError: there is no answer within 5 s. A pooler accepts connections while the server is away.
    """
    is_late = threading.Event()
    timer = threading.Timer(_FIRST_ANSWER_S, _hang_up, (con.fileno(), is_late))
    timer.start()
    try:
        with con.cursor() as cursor:
            cursor.execute("SELECT current_setting(%s)", (name,))
            found = str(cursor.fetchone()[0])
        con.rollback()
    except OperationalError as exc:
        if is_late.is_set():
            raise OperationalError(_NO_ANSWER) from exc
        raise
    finally:
        timer.cancel()
        timer.join()
    return found


def _hang_up(file: int, is_late: threading.Event) -> None:
    """Close a connection from another thread: libpq has no time limit for an answer."""
    is_late.set()
    with socket.socket(fileno=os.dup(file)) as connection, contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)


def build_cursor(settings: Mapping[str, str]) -> type[extensions.cursor]:
    """Return the class of cursors that set `settings` at the beginning of each transaction."""
    calls = (f"set_config('{name}', {_quoted(value)}, true)" for name, value in settings.items())
    set_all = f"SELECT {', '.join(calls)}"

    class PooledCursor(extensions.cursor):
        def execute(self, query: Any, parameters: Any = None) -> None:
            con = self.connection
            if not con.autocommit and con.info.transaction_status == extensions.TRANSACTION_STATUS_IDLE:
                super().execute(set_all)
            super().execute(query, parameters)

    return PooledCursor


def _quoted(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
