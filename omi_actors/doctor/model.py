"""The check of the model's server: reachable, key taken, model known.

Not here: asking it (clients/model_check.py). Threads: the main one, with an event loop for the question.
"""

import asyncio
from collections.abc import Iterator

from config.settings import Settings
from omi_actors.clients.model_check import ask_model_server
from omi_actors.doctor.clocks import compare_clocks
from omi_actors.doctor.finding import Finding, Machine, note, ok, problem
from omi_actors.domain.answers.failures import find_fault
from omi_actors.errors import UpstreamError

_ASK_S = 5.0
_SHOWN = 5


def check_model(settings: Settings, machine: Machine) -> Iterator[Finding]:
    """Ask the model's server for its models: proves address and key, costs no token."""
    if settings.openai_api_key is None:
        yield note("model", "OPENAI_API_KEY is not set: the demo model answers", "echo OPENAI_API_KEY=sk-… >>.env")
        return
    key = settings.openai_api_key.get_secret_value()
    where = settings.openai_base_url or "OpenAI"
    try:
        server = asyncio.run(ask_model_server(api_key=key, base_url=settings.openai_base_url, timeout_s=_ASK_S))
    except UpstreamError as exc:
        fix = find_fault(exc).fix
        yield problem("model", f"{where}: {exc}", f"{fix[0].upper()}{fix[1:]}.")
        return
    if server.models and settings.openai_model not in server.models:
        known = ", ".join(sorted(server.models)[:_SHOWN])
        yield note(
            "model", f"{where} does not list {settings.openai_model}", f"Set OPENAI_MODEL to one that it has: {known}"
        )
    else:
        yield ok("model", f"{settings.openai_model} at {where}")
    if server.now_s is not None:
        yield from compare_clocks(machine.clock.now_s(), server.now_s, "model's server")
