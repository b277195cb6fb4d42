"""PostgreSQL's driver, an optional package: whether it is there, and how to get it.

Not here: using it (postgres.py). Threads: any. Imports neither the driver nor Pony.
"""

import sys
from importlib.util import find_spec

from omi_actors.errors import SettingsError

# By the Python that runs, since another `pip` on the PATH would put it elsewhere.
INSTALL = f"{sys.executable} -m pip install psycopg2-binary"
MISSING = "DATABASE_URL names a PostgreSQL server, and its driver is not installed"


def has_driver(url: str) -> bool:
    """Tell whether the driver that `url` needs is there; SQLite needs none."""
    return not url.startswith("postgres") or find_spec("psycopg2") is not None


def require_driver(url: str) -> None:
    """Refuse before anything is started.

    Raises:
        SettingsError: the driver that `url` needs is not installed; the sentence says how to.
    """
    if not has_driver(url):
        raise SettingsError(f"{MISSING}: {INSTALL}")
