"""Checks of who may enter and listen: secrets that can be guessed, doors open wider than meant, keys sent in the clear.

Not here: what production must have (config/checks.py). Threads: the main one.
"""

from collections.abc import Iterator
from urllib.parse import urlsplit

from config.checks import MAKE_ONE
from config.settings import Settings
from config.values import is_loopback
from omi_actors.doctor.finding import Finding, note, ok, problem

# Characters: 16 random letters and digits have 95 bits, and take longer to guess than anybody has.
_SHORTEST = 16


def check_tokens(settings: Settings) -> Iterator[Finding]:
    """Look whether the tokens can be guessed, and whether one for less is the operator's."""
    named = (
        ("ADMIN_TOKEN", settings.admin_token),
        ("WEBHOOK_TOKEN", settings.webhook_token),
        ("METRICS_TOKEN", settings.metrics_token),
    )
    short = [name for name, secret in named if secret is not None and len(secret.get_secret_value()) < _SHORTEST]
    for name in short:
        said = f"{name} has fewer than {_SHORTEST} characters, and may be guessed"
        yield problem("safety", said, MAKE_ONE) if settings.is_production else note("safety", said, MAKE_ONE)
    if not short:
        yield ok("safety", "tokens are long enough")
    for name, secret in named[1:]:
        if secret is not None and secret == settings.admin_token:
            yield note("safety", f"{name} is the ADMIN_TOKEN, too: whoever has it is the operator", MAKE_ONE)


def check_upstreams(settings: Settings) -> Iterator[Finding]:
    """Look whether keys and words go over a network that others may read."""
    called = (
        ("OPENAI_BASE_URL", settings.openai_base_url, settings.openai_api_key),
        ("OMI_API_URL", settings.omi_api_url, settings.omi_app_secret),
    )
    for name, url, key in called:
        parts = urlsplit(url or "")
        if key is not None and parts.scheme == "http" and not is_loopback(parts.hostname or ""):
            said = f"{name} is http: the key, and what people say, can be read on the way to {parts.hostname}"
            yield note("safety", said, f"Give {name} an https:// address, unless that network is your own.")


def check_reach(settings: Settings) -> Iterator[Finding]:
    """Look whether a development server is in reach of others."""
    if not settings.is_production and not settings.is_loopback:
        said = f"HOST={settings.host}: a development server is in reach of others"
        yield note("safety", said, "Set APP_ENV=production to serve in earnest, or unset HOST.")
