"""The announcement of a started server: a table for a person at a terminal, one line of JSON for programs.

The table shows tokens, since the person at the terminal owns the server. The line may be stored, so it has none.
Not here: measuring its facts (server.py). Threads: the event loop's; writes once.
"""

import os
import platform
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TextIO
from urllib.parse import quote

from config.groups.store import name_process
from config.secrets_file import FILE_NAME
from config.settings import LoadedSettings, Origin, Settings
from omi_actors import __version__
from omi_actors.cli.program import own_command
from omi_actors.clients.model_chain import ModelFailure
from omi_actors.doctor.port import build_url, find_lan_url
from omi_actors.instruments.logs import get_logger

_log = get_logger(__name__)

# Pages to open; those of metrics only when they are served.
_PAGES = (("Health", "/health"),)
_OF_METRICS = (("Dashboard", "/metrics-dashboard"), ("Metrics", "/metrics  (for the operator, or by METRICS_TOKEN)"))

# Who may make an account, by REGISTRATION.
_ACCOUNTS = {
    "open": "everybody may make one (REGISTRATION=open)",
    "link": "by a link from `omi-actors user invite`",
    "closed": "by `omi-actors user create` only",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Facts about the started server. `ready_s` is the seconds from loading the settings to accepting requests.

    `event_loop` is the library of its loop: uvloop or asyncio.
    `operator_link` is an address that signs a browser in as the operator, once. It is None if there is no such link.
    """

    loaded: LoadedSettings
    model: str
    is_demo: bool
    port: int
    ready_s: float
    event_loop: str
    operator_link: str | None = None


def announce(facts: Facts, *, out: TextIO | None = None, log: TextIO | None = None) -> None:
    """Print the table if standard output is a terminal; log the line unless both go to the same terminal."""
    out, log = out or sys.stdout, log or sys.stderr
    if out.isatty():
        out.write(render_banner(facts))
        out.flush()
    if not (out.isatty() and log.isatty()):
        for note in facts.loaded.notes:
            _log.warning("setting_without_effect", note=note)
        _log.info("server_ready", **describe(facts))


def announce_failure(failure: ModelFailure, *, out: TextIO | None = None) -> None:
    """Print why the model cannot answer, if standard output is a terminal. The log has its line already."""
    out = out or sys.stdout
    if out.isatty():
        out.write(f"  ! Model: {failure.fault.cause.replace('_', ' ')}: {failure.fault.fix}\n")
        out.flush()


def describe(facts: Facts) -> dict[str, Any]:
    """Return the fields of the line, without secrets."""
    loaded = facts.loaded
    return {
        "url": build_url(loaded.settings.host, facts.port),
        "port": facts.port,
        "version": __version__,
        "model": facts.model,
        "demo": facts.is_demo,
        "database": "postgres" if loaded.settings.is_postgres else "sqlite",
        "env_file": str(loaded.env_file.path.resolve()) if loaded.env_file else None,
        "variables_set": _count_given(loaded),
        "app_env": loaded.settings.app_env,
        "event_loop": facts.event_loop,
        "ready_s": round(facts.ready_s, 3),
        "pid": os.getpid(),
        "processes": loaded.settings.processes,
    }


def render_banner(facts: Facts) -> str:
    """Return the announcement for a terminal (version, parts, addresses, notes) as one text.

    Its last line ends with a line break, too.
    """
    python = platform.python_version()
    head = f"Omi Actors {__version__}, Python {python}, pid {os.getpid()}, ready in {facts.ready_s:.1f} s"
    rows = [*_describe_parts(facts), None, *_list_addresses(facts)]
    width = max(len(row[0]) for row in rows if row)
    lines = [f"  {row[0]:<{width}}  {row[1]}" if row else "" for row in rows]
    notes = [f"  ! {note}" for note in facts.loaded.notes]
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
    loaded, settings = facts.loaded, facts.loaded.settings
    demo = "DEMO, repeats the question; set OPENAI_API_KEY for real answers"
    yield "Model", demo if facts.is_demo else facts.model
    sqlite = f"SQLite {'(DATABASE_URL)' if settings.database_url else f'in {settings.data_dir}'}"
    yield "Database", "PostgreSQL (DATABASE_URL)" if settings.is_postgres else sqlite
    if settings.processes > 1:
        names = f"{name_process(settings.node_name, 1)} to {name_process(settings.node_name, settings.processes)}"
        yield "Processes", f"{settings.processes} at this address, as the nodes {names}"
    if settings.redis_url is not None:
        yield "Other nodes", "reached by Redis (REDIS_URL); /health says whether"
    if not settings.enable_context_activation:
        yield "Speech", "kept, and never answered: ENABLE_CONTEXT_ACTIVATION is off"
    yield "Late answers", _describe_late_answers(settings)
    yield (
        "Accounts",
        _ACCOUNTS[settings.registration] if settings.enable_user_system else "none: ENABLE_USER_SYSTEM is off",
    )
    given = f"variables set: {_count_given(loaded)}"
    yield "Settings", f"{loaded.env_file.path.resolve()}, {given}" if loaded.env_file else f"no .env, {given}"
    made = Origin.MADE in loaded.origins.values()
    yield "Tokens", f"made on first start, in {settings.data_dir / FILE_NAME}" if made else "as given"


def _describe_late_answers(settings: Settings) -> str:
    if not settings.enable_background_queue:
        return "at the next contact: ENABLE_BACKGROUND_QUEUE is off"
    return "notified" if settings.omi_app_secret else "at the next contact; set OMI_APP_ID and OMI_APP_SECRET to notify"


def _list_addresses(facts: Facts) -> Iterator[tuple[str, str]]:
    settings = facts.loaded.settings
    url = build_url(settings.host, facts.port)
    if facts.operator_link is not None:
        yield "Open first", f"{facts.operator_link}  (works once: it signs this browser in as the operator)"
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


def _count_given(loaded: LoadedSettings) -> int:
    return sum(origin in (Origin.ENVIRONMENT, Origin.ENV_FILE) for origin in loaded.origins.values())
