"""Checks of the servers that the program calls, the model's and Redis; and of this machine's clock against theirs.

Not here: the calls (clients/, backplane/). Threads: the main one, with an event loop for a call.
"""

import asyncio
from collections.abc import Iterator

from config.settings import Settings
from omi_actors.backplane.redis_link import FIXES, LinkConfig
from omi_actors.clients.model_server import ask_model_server
from omi_actors.clients.surroundings import check_surroundings
from omi_actors.doctor.finding import Finding, Machine, as_sentence, note, ok, problem
from omi_actors.domain.answers.failures import find_fault
from omi_actors.errors import SettingsError, UpstreamError

# Seconds for the model's server to answer.
_ASK_S = 5.0
# Names of models that are shown: enough to recognise the right one, few enough for one line.
_SHOWN = 5
# Seconds. Omi's signatures are valid for 300 s, so a clock that is a minute wrong is near the limit.
_MOST_S = 60.0


def check_model(settings: Settings, machine: Machine) -> Iterator[Finding]:
    """Ask the model's server for its models, and try a question without messages. This uses no tokens.

    An unusable proxy or certificates of the environment come first: no server can be called then.
    """
    try:
        check_surroundings(settings)
    except SettingsError as exc:
        said, _, fix = str(exc).partition(". ")
        yield problem("network", said, fix)
        return
    if settings.openai_api_key is None:
        yield note("model", "OPENAI_API_KEY is not set: the demo model answers", "echo OPENAI_API_KEY=sk-… >>.env")
        return
    key = settings.openai_api_key.get_secret_value()
    where = (settings.openai_base_url or "OpenAI").partition("?")[0]
    asking = ask_model_server(
        api_key=key, base_url=settings.openai_base_url, timeout_s=_ASK_S, model=settings.openai_model
    )
    try:
        server = asyncio.run(asking)
    except UpstreamError as exc:
        yield problem("model", f"{where}: {exc}", as_sentence(_fix(exc, where)))
        return
    if server.models and settings.openai_model not in server.models:
        fix = f"Set OPENAI_MODEL to one that it has: {', '.join(sorted(server.models)[:_SHOWN])}"
        yield note("model", f"{where} does not list {settings.openai_model}", fix)
    else:
        yield ok("model", f"{settings.openai_model} at {where}")
    if server.now_s is not None:
        yield from compare_clocks(machine.clock.now_s(), server.now_s, "model's server")


def _fix(error: UpstreamError, where: str) -> str:
    fault = find_fault(error)
    is_bare = fault.cause == "wrong_address" and "/v1" not in where and where != "OpenAI"
    return f"set OPENAI_BASE_URL={where}/v1, or to where else it has /chat/completions" if is_bare else fault.fix


def check_redis(settings: Settings) -> Iterator[Finding]:
    """Check whether Redis, if REDIS_URL is set, accepts the backplane's commands."""
    if settings.redis_url is None:
        return
    from omi_actors.backplane.redis_session import probe_redis  # noqa: PLC0415 (0.3 s, only where Redis is used)

    config = LinkConfig(settings.redis_url.get_secret_value(), settings.redis_timeout_s, settings.redis_key_prefix)
    lost = asyncio.run(probe_redis(config))
    if lost is None:
        yield ok("redis", "reachable, and accepts the backplane's commands")
        return
    text = f"REDIS_URL: {lost.cause}; the server would start, without the other nodes"
    yield problem("redis", text, as_sentence(FIXES[lost.cause]))


def compare_clocks(ours_s: float, theirs_s: float, owner: str) -> Iterator[Finding]:
    """Compare two clocks (UTC seconds), taken within about a second. `owner` names the machine of the other clock."""
    off_s = ours_s - theirs_s
    if abs(off_s) < _MOST_S:
        yield ok("clock", f"within a minute of the {owner}'s")
        return
    direction = "ahead of" if off_s > 0 else "behind"
    yield problem(
        "clock",
        f"this machine's clock is {abs(off_s):,.0f} s {direction} the {owner}'s; Omi's signatures will be refused",
        "Set the clock, and keep it by NTP: timedatectl set-ntp true",
    )
