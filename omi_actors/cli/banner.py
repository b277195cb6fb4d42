"""What the server says once it serves: a table for a person at a terminal, one line of JSON for everybody else.

Not here: measuring what it says (server.py). Threads: the event loop's; writes once.
The table shows tokens, since who started the server owns it; the line, which may be kept, never does.
"""

import os
import platform
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TextIO
from urllib.parse import quote

from config.secrets_file import FILE_NAME
from config.settings import Origin, Reading
from omi_actors import __version__
from omi_actors.clients.model import Model
from omi_actors.doctor.listening import build_url, find_lan_url
from omi_actors.instruments.logs import get_logger
from omi_actors.program import own_command

_log = get_logger(__name__)

# Pages to open, as far as they are there.
_PAGES = (("Health", "/health"),)
_OF_METRICS = (("Dashboard", "/metrics-dashboard"), ("Metrics", "/metrics  (for the operator, or by METRICS_TOKEN)"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What there is to say. `ready_s`: seconds from reading the settings to the first request that could be taken.

    `operator_link` is the address that makes a browser the operator's, once; None: there is none.
    """

    reading: Reading
    model: Model
    port: int
    ready_s: float
    operator_link: str | None = None


def announce(facts: Facts, *, out: TextIO | None = None, log: TextIO | None = None) -> None:
    """Say it: in words where a person reads standard output, as a log line unless the log goes to the same person."""
    out, log = out or sys.stdout, log or sys.stderr
    if out.isatty():
        out.write(render_banner(facts))
        out.flush()
    if not (out.isatty() and log.isatty()):
        for note in facts.reading.notes:
            _log.warning("setting_without_effect", note=note)
        _log.info("server_ready", **describe(facts))


def describe(facts: Facts) -> dict[str, Any]:
    """Return the fields of the line. No secret is among them."""
    reading = facts.reading
    return {
        "url": build_url(reading.settings.host, facts.port),
        "port": facts.port,
        "version": __version__,
        "model": facts.model.name,
        "demo": facts.model.provider == "demo",
        "database": "postgres" if reading.settings.database_url else "sqlite",
        "env_file": str(reading.env_file.path.resolve()) if reading.env_file else None,
        "variables_set": _count_given(reading),
        "app_env": reading.settings.app_env,
        "ready_s": round(facts.ready_s, 3),
        "pid": os.getpid(),
    }


def render_banner(facts: Facts) -> str:
    """Return the table, each line with its end."""
    python = platform.python_version()
    head = f"Omi Actors {__version__}, Python {python}, pid {os.getpid()}, ready in {facts.ready_s:.1f} s"
    rows = [*_describe_parts(facts), None, *_list_addresses(facts)]
    width = max(len(row[0]) for row in rows if row)
    lines = [f"  {row[0]:<{width}}  {row[1]}" if row else "" for row in rows]
    notes = [f"  ! {note}" for note in facts.reading.notes]
    return "\n".join(
        [
            head,
            "",
            *lines,
            *([""] if notes else []),
            *notes,
            "",
            f"Ctrl-C stops it. Something odd? {own_command()} doctor",
            "",
        ]
    )


def _describe_parts(facts: Facts) -> Iterator[tuple[str, str]]:
    reading, settings = facts.reading, facts.reading.settings
    is_demo = facts.model.provider == "demo"
    yield "Model", "DEMO, repeats the question; set OPENAI_API_KEY for real answers" if is_demo else facts.model.name
    yield "Database", "PostgreSQL (DATABASE_URL)" if settings.database_url else f"SQLite in {settings.data_dir}"
    if settings.redis_url is not None:
        yield "Other nodes", "reached by Redis (REDIS_URL); /health says whether"
    late = "notified" if settings.omi_app_secret else "at the next contact; set OMI_APP_ID and OMI_APP_SECRET to notify"
    yield "Late answers", late
    given = f"variables set: {_count_given(reading)}"
    yield "Settings", f"{reading.env_file.path.resolve()}, {given}" if reading.env_file else f"no .env, {given}"
    made = Origin.MADE in reading.origins.values()
    yield "Tokens", f"made on first start, in {settings.data_dir / FILE_NAME}" if made else "as given"


def _list_addresses(facts: Facts) -> Iterator[tuple[str, str]]:
    settings = facts.reading.settings
    url = build_url(settings.host, facts.port)
    if facts.operator_link is not None:
        yield "Open first", f"{facts.operator_link}  (works once: this browser is the operator's then)"
    for name, path in (*(_OF_METRICS if settings.enable_metrics else ()), *_PAGES):
        yield name, f"{url}{path}"
    lan_url = find_lan_url(settings.host, facts.port)
    if lan_url is not None:
        yield "From elsewhere", lan_url
    token = settings.webhook_token.get_secret_value() if settings.webhook_token else ""
    query = "" if settings.omi_signing_secrets or not token else f"?token={quote(token)}"
    signed = "" if query else "signed; "
    yield "Omi webhook", f"{url}/omi-webhook{query}  ({signed}Omi needs a public https address)"
    if settings.allow_anonymous_chat or (settings.is_loopback and not settings.is_production):
        yield (
            "Try it",
            f"""curl -sN {url}/chat -H 'Accept: text/event-stream' -d '{{"message":"How far is the moon?"}}'""",
        )


def _count_given(reading: Reading) -> int:
    return sum(origin in (Origin.ENVIRONMENT, Origin.ENV_FILE) for origin in reading.origins.values())
