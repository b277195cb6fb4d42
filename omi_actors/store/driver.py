"""PostgreSQL's driver, an optional package: checks that it is installed and understands the URL.

Not here: using it (postgres.py), the URL's form (config/groups/store.py). Threads: any. Imports no Pony, and the driver
for a PostgreSQL URL only.
"""

import sys
from importlib.util import find_spec

from omi_actors.errors import SettingsError

# By the Python that runs, since another `pip` on the PATH would put it elsewhere.
INSTALL = f"{sys.executable} -m pip install psycopg2-binary"
UNREADABLE = "DATABASE_URL has an option or a character that PostgreSQL's driver does not understand"
MISSING = "DATABASE_URL names a PostgreSQL server, and its driver is not installed"


def has_driver(url: str) -> bool:
    """Return True if the driver that `url` needs is installed; SQLite needs none."""
    return not url.startswith("postgres") or find_spec("psycopg2") is not None


def require_driver(url: str) -> None:
    """Check the driver before the server starts.

    Raises:
        SettingsError: the driver that `url` needs is not installed, or cannot read `url`. The message has the remedy.
    """
    if not url.startswith("postgres"):
        return
    try:
        from psycopg2 import ProgrammingError  # noqa: PLC0415 (an optional extra)
        from psycopg2.extensions import parse_dsn  # noqa: PLC0415 (an optional extra)
    except ImportError as exc:
        raise SettingsError(f"{MISSING}: {INSTALL}") from exc
    try:
        parse_dsn(url)
    except (ProgrammingError, ValueError):
        # Not chained: the driver quotes what it cannot read.
        raise SettingsError(UNREADABLE) from None
