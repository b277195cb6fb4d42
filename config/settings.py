"""Reading the settings: from overrides, the environment and an env file; and saying plainly what is wrong.

Not here: the settings themselves (variables.py). Threads: none; called once at start.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import AliasChoices, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from config.variables import Settings

__all__ = ["InvalidSettingError", "Settings", "as_given", "load_settings", "masked", "variables_of"]

_MAKE_ONE = "make one with: python -c 'import secrets; print(secrets.token_urlsafe(32))'"


class InvalidSettingError(ValueError):
    """Settings that the program cannot start with. Each of `problems` names a variable and the way out."""

    def __init__(self, *problems: str) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


def load_settings(env_file: Path | None = None, overrides: Mapping[str, Any] | None = None) -> Settings:
    """Return the settings. `overrides` (by variable name) win over the environment, that over `env_file`.

    Raises:
        InvalidSettingError: something is impossible, half given, or missing in production; all of it at once.
    """
    given = {name: value for name, value in (overrides or {}).items() if value not in ("", None)}
    unknown = set(given).difference(*(variables_of(field) for field in Settings.model_fields.values()))
    if unknown:
        raise InvalidSettingError(*(f"{name} is not a setting. See config/example.env." for name in sorted(unknown)))
    try:
        settings = Settings(**{"_env_file": env_file, **given})
    except ValidationError as exc:
        # Not chained: the original quotes what it was given, which may be a secret.
        raise InvalidSettingError(*_sentences(exc)) from None
    missing = (*_half_given(settings), *(_missing_in_production(settings) if settings.is_production else ()))
    if missing:
        raise InvalidSettingError(*missing)
    return settings


def variables_of(field: FieldInfo) -> tuple[str, ...]:
    """Return the names under which a setting can be given, the proper one first."""
    alias = field.validation_alias
    if isinstance(alias, AliasChoices):
        return tuple(str(choice) for choice in alias.choices)
    return (str(alias),)


def masked(settings: Settings) -> dict[str, str]:
    """Return every variable with its value as it may be shown: of a secret only whether it is set."""
    shown = {}
    for name, field in Settings.model_fields.items():
        value = getattr(settings, name)
        is_secret = "SecretStr" in str(field.annotation)
        shown[variables_of(field)[0]] = ("set" if value else "not set") if is_secret else as_given(value)
    return shown


def as_given(value: Any) -> str:
    """Return a setting's value as its variable spells it."""
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    return "" if value is None else str(value)


def _half_given(settings: Settings) -> tuple[str, ...]:
    given = {"OMI_APP_ID": settings.omi_app_id, "OMI_APP_SECRET": settings.omi_app_secret}
    missing = [name for name, value in given.items() if value is None]
    if len(missing) != 1:
        return ()
    return (f"{missing[0]} is not set, and notifications need both OMI_APP_ID and OMI_APP_SECRET. Set both, or none.",)


def _missing_in_production(settings: Settings) -> tuple[str, ...]:
    missing = []
    if settings.admin_token is None:
        missing.append(f"ADMIN_TOKEN is not set, and production needs it for the operator's pages: {_MAKE_ONE}")
    if settings.webhook_token is None and not settings.omi_signing_secrets:
        missing.append(
            "Neither WEBHOOK_TOKEN nor OMI_SIGNING_SECRETS is set, and production takes no webhook from strangers: "
            f"copy the signing secret (whsec_…) from Omi, or for WEBHOOK_TOKEN {_MAKE_ONE}"
        )
    return tuple(missing)


def _sentences(exc: ValidationError) -> list[str]:
    # HOST's default hangs on APP_ENV: when that is wrong, HOST is merely not known yet.
    errors = exc.errors(include_input=False, include_url=False)
    return [_sentence(error) for error in errors if error["type"] != "default_factory_not_called"]


def _sentence(error: ErrorDetails) -> str:
    place = str(error["loc"][0])
    field = next(field for field in Settings.model_fields.values() if place in variables_of(field))
    message = error["msg"].removeprefix("Value error, ").removeprefix("Input ").replace("String should", "should")
    return f"{place} {message}. It means: {field.description} Correct it, or leave it out."
