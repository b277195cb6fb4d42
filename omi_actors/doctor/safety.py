"""Checks of who may enter: secrets that can be guessed, and doors that are open wider than meant.

Not here: what production must have (config/checks.py). Threads: the main one.
"""

from collections.abc import Iterator

from config.checks import MAKE_ONE
from config.settings import Settings
from omi_actors.doctor.finding import Finding, note, ok, problem

# Characters: 16 random letters and digits have 95 bits, and take longer to guess than anybody has.
_SHORTEST = 16


def check_tokens(settings: Settings) -> Iterator[Finding]:
    """Look whether the tokens can be guessed."""
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


def check_reach(settings: Settings) -> Iterator[Finding]:
    """Look whether a development server is in reach of others."""
    if not settings.is_production and not settings.is_loopback:
        said = f"HOST={settings.host}: a development server is in reach of others"
        yield note("safety", said, "Set APP_ENV=production to serve in earnest, or unset HOST.")
