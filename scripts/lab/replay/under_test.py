"""A server under test: our own program with every default that matters kept, on data of its own.

Not here: starting and killing (server_process.py). Threads: none.
"""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from omi_actors.clock import Clock
from omi_actors.ids import new_secret
from scripts.lab.replay.server_process import ServerProcess, find_free_port
from scripts.lab.replay.targets import Target

SERVE = (sys.executable, "-m", "omi_actors", "serve")


def build_server(  # noqa: PLR0913 (one per part)
    work_dir: Path,
    *,
    clock: Clock,
    database_url: str = "",
    model_url: str = "",
    command: Sequence[str] = SERVE,
    extra: Mapping[str, str] | None = None,
    like: Target | None = None,
) -> tuple[ServerProcess, Target]:
    """Return a server that keeps its data and log in `work_dir`, not started, and how to reach it.

    Without `database_url` it uses SQLite, without `model_url` the demo model; `extra` settings win.
    `like` gives it another's address and secrets, to take its place.
    """
    target = like or Target("127.0.0.1", find_free_port(), token=new_secret(), admin_token=new_secret())
    settings = {
        "APP_ENV": "development",
        "LOG_LEVEL": "info",
        "DATA_DIR": str(work_dir / "data"),
        "WEBHOOK_TOKEN": target.token,
        "ADMIN_TOKEN": target.admin_token,
        # A load is few wearables that send what many would. Counting them costs the same.
        "RATE_LIMIT_MAX_WEBHOOKS": "1000000000",
    }
    if database_url:
        settings["DATABASE_URL"] = database_url
    if model_url:
        settings |= {"OPENAI_BASE_URL": model_url, "OPENAI_API_KEY": "not-a-secret", "OPENAI_MODEL": "fake"}
        # Nobody pays for it, and a load asks more in a minute than people do.
        settings |= {"MODEL_USER_REQUESTS_PER_MINUTE": "0", "MODEL_REQUESTS_PER_MINUTE": "0"}
        settings |= {"MODEL_USER_TOKENS_PER_DAY": "0", "MODEL_TOKENS_PER_DAY": "0"}
    settings |= extra or {}
    server = ServerProcess(command, settings=settings, port=target.port, log_file=work_dir / "server.log", clock=clock)
    return server, target
