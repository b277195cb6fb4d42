"""Checks of access: tokens that others can guess or read, a server that others can reach, keys sent without encryption.

Not here: the secrets that production requires (config/settings.py). Threads: the main one.
"""

import os
from collections.abc import Iterator
from urllib.parse import urlsplit

from config.secrets_file import FILE_NAME as SECRETS_FILE
from config.secrets_file import check_secrets_file
from config.settings import MAKE_ONE, InvalidSettingError, Settings
from config.values import is_loopback
from omi_actors.doctor.finding import Finding, note, ok, problem
from omi_actors.doctor.installation import describe_refusal

# Characters: 16 random letters and digits have 95 bits, too many to guess.
_SHORTEST = 16
# Bits of a file's mode that give other accounts any access.
_OTHERS = 0o077


def check_tokens(settings: Settings) -> Iterator[Finding]:
    """Check whether tokens are easy to guess, and whether a token with fewer rights equals the operator's token."""
    named = (
        ("ADMIN_TOKEN", settings.admin_token),
        ("WEBHOOK_TOKEN", settings.webhook_token),
        ("METRICS_TOKEN", settings.metrics_token),
    )
    short = [name for name, secret in named if secret is not None and len(secret.get_secret_value()) < _SHORTEST]
    for name in short:
        text = f"{name} has fewer than {_SHORTEST} characters, and may be guessed"
        yield problem("safety", text, MAKE_ONE) if settings.is_production else note("safety", text, MAKE_ONE)
    if not short:
        yield ok("safety", "tokens are long enough")
    for name, secret in named[1:]:
        if secret is not None and secret == settings.admin_token:
            yield note("safety", f"{name} is the ADMIN_TOKEN, too: its holder has the operator's rights", MAKE_ONE)


def check_upstreams(settings: Settings) -> Iterator[Finding]:
    """Check whether keys and questions are sent without encryption to another machine."""
    called = (
        ("OPENAI_BASE_URL", settings.openai_base_url, settings.openai_api_key),
        ("OMI_API_URL", settings.omi_api_url, settings.omi_app_secret),
    )
    for name, url, key in called:
        parts = urlsplit(url or "")
        if key is not None and parts.scheme == "http" and not is_loopback(parts.hostname or ""):
            text = f"{name} is http: the key and people's words can be read on the way to {parts.hostname}"
            yield note("safety", text, f"Give {name} an https:// address, unless that network is your own.")


def check_reach(settings: Settings) -> Iterator[Finding]:
    """Check whether other machines can reach a development server."""
    if not settings.is_production and not settings.is_loopback:
        text = f"HOST={settings.host}: a development server is in reach of others"
        yield note("safety", text, "Set APP_ENV=production to serve others, or unset HOST.")


def check_secrets(settings: Settings) -> Iterator[Finding]:
    """Check whether a start can load the tokens' file, and whether other accounts of the machine can read it."""
    try:
        check_secrets_file(settings)
    except InvalidSettingError as exc:
        yield from describe_refusal(exc)
    file = settings.data_dir / SECRETS_FILE
    if os.access(file, os.F_OK) and file.stat().st_mode & _OTHERS:
        yield note("safety", f"{file} can be read by other accounts of this machine", f"chmod 600 {file}")
