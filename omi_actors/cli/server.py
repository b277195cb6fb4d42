"""The server process: builds everything from the settings, serves, and stops on a signal.

Not here: the command (serve.py), the actors (system.py), HTTP (web/). Threads: the main one, which runs the event loop.
"""

import asyncio
import contextlib
import gc
import logging
import os
import random
import signal
import sys
import time
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

from config.settings import LoadedSettings, Settings
from omi_actors.cli.banner import Facts, announce, announce_failure
from omi_actors.cli.console_tables import ConsoleTables
from omi_actors.cli.processes import Member, Place
from omi_actors.cli.program import (
    EXIT_CONFIG,
    EXIT_SOFTWARE,
    EXIT_UNAVAILABLE,
    listen_to_signal,
    listen_to_signals,
)
from omi_actors.clients.completion_request import RequestOptions
from omi_actors.clients.model import DemoModel, Model
from omi_actors.clients.omi_api import Notifier, OmiApi
from omi_actors.clients.openai_model import OpenAIModel
from omi_actors.clients.surroundings import check_surroundings
from omi_actors.clock import SystemClock
from omi_actors.doctor.port import build_url, explain_bind_error
from omi_actors.doctor.running import recorded
from omi_actors.errors import SettingsError
from omi_actors.instruments.log_file import FILE_NAME, log_file
from omi_actors.instruments.logs import get_logger, log_fatal_only
from omi_actors.instruments.traces import traces
from omi_actors.kit.errors import ExpectedError
from omi_actors.parts import Parts
from omi_actors.status.requests import build_sections
from omi_actors.store.driver import require_driver
from omi_actors.system import System
from web.edge.sharing import Loads
from web.server import WebServer

if TYPE_CHECKING:
    from collections.abc import Callable

_log = get_logger(__name__)

# Seconds after which a thread that waits for Python's lock gets it from a busy event loop; the default is 0.005.
# A reader of SQLite waits for it after each row. Figures: docs/decisions.md, "The event loop".
_SWITCH_S = 0.0001
# New objects between two collections of the youngest, which take 0.1 ms. A webhook makes a hundred; with
# Python's 700 a twentieth of its time went into looking for garbage.
_YOUNG_OBJECTS = 10_000
# Seconds. The import takes a second on a slow machine; a start must not hang for it.
_LOAD_S = 10.0


def run(loaded: LoadedSettings, place: str | None = None, *, has_last_tables: bool = True) -> int:
    """Serve until the process must stop; return the exit code (docs/operating.md lists all).

    With `has_last_tables` the console tables are printed at the end, unless ENABLE_METRICS is off. `place` is the
    process's place among several at the address.

    Raises:
        ExpectedError: the address, the store or the log file cannot be opened; the message says why.
    """
    tune_python()
    url = loaded.settings.database_url
    require_driver(url.get_secret_value() if url else "")
    settings, member = loaded.settings, Member(Place.parse(place)) if place else None
    with _log_file(settings, member), traces(settings.otel_endpoint, settings.node_name, SystemClock()):
        try:
            with asyncio.Runner(loop_factory=find_loop_factory(settings)) as runner:
                return runner.run(_serve(loaded, member, has_last_tables=has_last_tables))
        except ExpectedError as exc:
            if loaded.settings.enable_file_logging:  # on standard error its sentence alone is enough
                _log.critical("start_failed", error=type(exc).__name__, reason=str(exc))
            raise
        except Exception as exc:  # noqa: BLE001 (the last place that can log it, without a traceback's values)
            _log.critical("crashed", error=type(exc).__name__, exc_info=exc)
            return EXIT_SOFTWARE


def tune_python() -> None:
    """Set Python's own times of waiting: for its lock, and between two looks for garbage."""
    sys.setswitchinterval(_SWITCH_S)
    gc.set_threshold(_YOUNG_OBJECTS)


def find_loop_factory(settings: Settings) -> "Callable[[], asyncio.AbstractEventLoop] | None":
    """Return what makes the event loop; None for asyncio's own: the settings want it, or uvloop is not installed."""
    if not settings.enable_uvloop:
        return None
    try:
        import uvloop  # noqa: PLC0415 (Windows and PyPy have none)
    except ImportError:
        return None
    return uvloop.new_event_loop


def _log_file(settings: Settings, member: Member | None) -> AbstractContextManager[None]:
    if not settings.enable_file_logging:
        return contextlib.nullcontext()
    name = FILE_NAME if member is None else FILE_NAME.replace(".", f"-{member.place.number}.")
    size, files = settings.log_max_file_size, settings.log_max_files
    return log_file(settings.log_dir, max_bytes=size, max_files=files, name=name)


class _End:
    """The stop of the server: an event to wait for, and the exit code, which the last cause sets."""

    def __init__(self) -> None:
        self._came = asyncio.Event()
        self.code = 0
        # Returns counts of the work under way; known once there is a server.
        self.count_work: Callable[[], dict[str, int]] = dict

    def come(self, code: int, event: str = "", **details: str) -> None:
        """Stop the server; log `event`, if there is one, as the cause."""
        if event:
            _log.critical(event, **details)
        self.code = code
        self._came.set()

    def interrupt(self) -> None:
        """Stop gracefully at the first signal, at once at the second."""
        if self._came.is_set():
            note = "the requests get no reply; the jobs run again at the next start"
            _log.warning("stopped_at_once", **self.count_work(), note=note)
            logging.shutdown()  # writes the last lines of the log file
            os._exit(130)
        self._came.set()

    def hang_up(self) -> None:
        """Stop gracefully. The terminal has closed, which may send this signal twice, so that it never hurries."""
        self._came.set()

    async def wait(self) -> None:
        """Wait until the server must stop."""
        await self._came.wait()


async def _serve(loaded: LoadedSettings, member: Member | None, *, has_last_tables: bool) -> int:
    began_mono_s, settings, end = time.monotonic(), loaded.settings, _End()
    listen_to_signals(end.interrupt, end.hang_up)
    check_surroundings(settings)  # one sentence now, in place of a failure of each answer
    parts = _build_parts(settings, end)
    system = System(parts, lambda _error: end.come(EXIT_SOFTWARE))
    server = WebServer(system, settings, parts.clock)
    end.count_work = lambda: {"requests": server.requests_under_way, **system.count_jobs_under_way()}
    tables = ConsoleTables(
        lambda: (system.figures(), build_sections(settings.slow_request_threshold_s)["active"]),
        node=settings.node_name if member else "",
    )
    listen_to_signal(signal.SIGUSR1, tables.print_soon)
    # The address comes first: a second start by mistake must not touch the store of the first.
    port = _bind(server, settings, member)
    await system.start()
    await _load_model(parts.model)
    server.listen()
    with recorded(loaded, port):
        facts = _describe(loaded, parts.model, port, server.operator_path(), time.monotonic() - began_mono_s)
        if member is None:
            announce(facts)
        else:
            member.report_ready(facts, end.hang_up)
        # Objects that exist now exist until the end, so the garbage collector can skip them. Imports leave no garbage
        # to collect first, which would hold the first requests for 0.1 s.
        gc.freeze()
        tasks = [asyncio.create_task(_check_model(system, shows_failure=not member or member.place.number == 1))]
        if settings.log_level == "debug":
            tasks.append(asyncio.create_task(tables.print_each_minute()))
        await end.wait()
        for task in tasks:
            task.cancel()
        _log.info("stopping", **end.count_work(), waits_s=settings.shutdown_grace_s, hint="Ctrl-C again stops at once")
        await _stop(system, server, parts)
    if has_last_tables and settings.enable_metrics:
        tables.print_last()
    return end.code


def _describe(loaded: LoadedSettings, model: Model, port: int, operator_path: str, ready_s: float) -> Facts:
    link = f"{build_url(loaded.settings.host, port)}{operator_path}"
    is_demo = model.provider == "demo"
    return Facts(
        loaded=loaded,
        model=model.name,
        is_demo=is_demo,
        port=port,
        ready_s=ready_s,
        event_loop=type(asyncio.get_running_loop()).__module__.partition(".")[0],
        operator_link=link,
    )


async def _load_model(model: Model) -> None:
    """Wait until the model's library is imported, which the workers began: the first question must not pay for it."""
    with contextlib.suppress(Exception):  # the workers record it, and each question meets it again
        async with asyncio.timeout(_LOAD_S):
            await model.load()


async def _check_model(system: System, *, shows_failure: bool) -> None:
    """Ask the model's server for its models, and tell the operator if it cannot answer."""
    try:
        failure = await system.check_model()
    except Exception as exc:  # noqa: BLE001 (a check must not end the program; the first question meets it again)
        _log.error("model_not_checked", error=type(exc).__name__, exc_info=exc)
        return
    if failure is not None and shows_failure:
        announce_failure(failure)


def _build_parts(settings: Settings, end: _End) -> Parts:
    hint = "another process runs under this NODE_NAME"
    return Parts(
        settings=settings,
        model=build_model(settings),
        fallbacks=build_fallbacks(settings),
        clock=SystemClock(),
        rng=random.Random(),  # noqa: S311 (jitter, not secrets)
        on_fenced=lambda: end.come(EXIT_CONFIG, "node_fenced", node=settings.node_name, hint=hint),
        on_store_unopened=log_fatal_only,
        on_clock_refused=lambda reason: end.come(EXIT_UNAVAILABLE, "clock_refused", reason=reason),
        notifier=build_notifier(settings),
    )


def _bind(server: WebServer, settings: Settings, member: Member | None) -> int:
    """Bind the server's address and return its port. A `member` has it from its parent.

    Raises:
        SettingsError: the address cannot be used; the message says what to do.
    """
    if member is not None:
        loads = Loads(member.place.loads, member.place.number, SystemClock())
        return server.adopt(member.open_sockets(), loads, Path(member.place.folder))
    try:
        return server.bind()
    except OSError as exc:
        raise SettingsError(explain_bind_error(exc, settings.host, settings.port)) from exc


def build_model(settings: Settings) -> Model:
    """Return the model that the settings name; without a key, the demo model."""
    if settings.openai_api_key is None:
        return DemoModel()
    return _build_openai(settings, settings.openai_model)


def build_fallbacks(settings: Settings) -> tuple[Model, ...]:
    """Return the fallback models, in the order in which they are asked."""
    if settings.openai_api_key is None:
        return ()
    return tuple(_build_openai(settings, name) for name in settings.openai_fallback_models)


def _build_openai(settings: Settings, name: str) -> OpenAIModel:
    assert settings.openai_api_key is not None  # noqa: S101 (callers check it)
    return OpenAIModel(
        api_key=settings.openai_api_key.get_secret_value(),
        base_url=settings.openai_base_url,
        name=name,
        concurrency=settings.openai_max_concurrency,
        options=RequestOptions(
            max_tokens=settings.openai_max_tokens,
            temperature=settings.openai_temperature,
            reasoning_effort=settings.openai_reasoning_effort,
            has_store=settings.openai_store_responses,
        ),
    )


def build_notifier(settings: Settings) -> Notifier | None:
    """Return the client of Omi's API if the settings have its key, else None."""
    if settings.omi_app_id is None or settings.omi_app_secret is None:
        return None
    return OmiApi(
        app_id=settings.omi_app_id,
        secret=settings.omi_app_secret.get_secret_value(),
        url=settings.omi_api_url,
        version=settings.omi_notify_version,
        timeout_s=settings.omi_notify_timeout_s,
    )


async def _stop(system: System, server: WebServer, parts: Parts) -> None:
    """Report not ready, stop listening, finish running requests, then stop the actors in reverse order."""
    system.begin_draining()
    grace_s = parts.settings.shutdown_grace_s
    started_mono_s = time.monotonic()
    drained = await server.stop(grace_s)
    stopped = await system.stop(grace_s=max(0.0, grace_s - (time.monotonic() - started_mono_s)))
    for model in (parts.model, *parts.fallbacks):
        await model.close()
    _log.info("stopped", requests_finished=drained, actors_stopped=stopped)
    if parts.notifier is not None:
        await parts.notifier.close()
