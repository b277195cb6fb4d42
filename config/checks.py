"""Rules over several settings: what belongs together, and what production must have.

Not here: the rule of one setting alone (groups/). Threads: any, pure.
"""

from collections.abc import Iterator

from config.variables import Settings

MAKE_ONE = "Make one with: python3 -c 'import secrets; print(secrets.token_urlsafe(32))'"
# What documents write where a secret belongs.
_PLACEHOLDERS = frozenset({"your-secret-key", "your-api-key", "your-token", "change-me", "changeme", "sk-..."})


def find_problems(settings: Settings) -> tuple[str, ...]:
    """Return a sentence with the way out for every rule that is broken."""
    return (
        *_half_given(settings),
        *_placeholders(settings),
        *(_missing_in_production(settings) if settings.is_production else ()),
    )


def _half_given(settings: Settings) -> Iterator[str]:
    given = {"OMI_APP_ID": settings.omi_app_id, "OMI_APP_SECRET": settings.omi_app_secret}
    missing = [name for name, value in given.items() if value is None]
    if len(missing) == 1:
        yield f"{missing[0]} is not set, and notifications need both OMI_APP_ID and OMI_APP_SECRET. Set both, or none."


def _placeholders(settings: Settings) -> Iterator[str]:
    key = settings.openai_api_key
    if key is not None and key.get_secret_value().lower() in _PLACEHOLDERS:
        yield "OPENAI_API_KEY is still a placeholder. Put in your key, or leave it out: then the demo model answers."
    if not settings.is_production:
        return
    named = (
        ("ADMIN_TOKEN", settings.admin_token),
        ("WEBHOOK_TOKEN", settings.webhook_token),
        ("METRICS_TOKEN", settings.metrics_token),
    )
    for name, secret in named:
        if secret is not None and secret.get_secret_value().lower() in _PLACEHOLDERS:
            yield f"{name} is still a placeholder, which everybody knows. {MAKE_ONE}"


def _missing_in_production(settings: Settings) -> Iterator[str]:
    if settings.admin_token is None:
        yield f"ADMIN_TOKEN is not set, and production needs it for the operator's pages. {MAKE_ONE}"
    if settings.webhook_token is None and not settings.omi_signing_secrets:
        yield (
            "Neither WEBHOOK_TOKEN nor OMI_SIGNING_SECRETS is set, and production takes no webhook from strangers. "
            f"Copy the signing secret (whsec_…) from Omi, or for WEBHOOK_TOKEN {MAKE_ONE[0].lower()}{MAKE_ONE[1:]}"
        )
