"""PostgreSQL's settings for our connections, in force behind a pooler (PgBouncer), too.

A server takes settings in the `options` of a new connection. A pooler refuses or ignores them, and may run each
transaction on another connection; there, every transaction begins by setting them for itself.
Not here: the settings (postgres.py). Threads: the store actors'.
"""

import re
from collections.abc import Mapping
from typing import Any

from psycopg2 import extensions

# Words by which poolers refuse `options`: PgBouncer, RDS Proxy.
_REFUSALS = ("unsupported startup parameter", "command-line options")
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
