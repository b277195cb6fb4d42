"""Loads the settings from options, the environment and an env file, and explains every mistake.

Not here: the fields (groups/), their names and units (variables.py), parsing the file (env_file.py).
Threads: none; called once at start.
"""

import difflib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from config.env_file import EnvFile, load_env_file
from config.groups.store import MAX_NODE_NAME, name_process
from config.not_taken import NOT_TAKEN, judge
from config.variables import InvalidSettingError, Settings, all_variables, as_given, masked, variables_of

__all__ = [
    "InvalidSettingError",
    "LoadedSettings",
    "Origin",
    "Settings",
    "as_given",
    "load_settings",
    "load_with_origins",
    "masked",
    "variables_of",
]

MAKE_ONE = "Make one with: python3 -c 'import secrets; print(secrets.token_urlsafe(32))'"
# Example values that documents show instead of a secret.
_PLACEHOLDERS = frozenset({"your-secret-key", "your-api-key", "your-token", "change-me", "changeme", "sk-..."})
# Fewest characters of a token in production: 24 of 64 random ones are 144 bits.
_TOKEN_CHARS = 24

# Likeness of two names, 0 to 1 (difflib's ratio). An env file is meant for us, so a moderate likeness is a misspelling.
# The environment holds names of other programs (XDG_DATA_DIRS, HOSTNAME), so only a close likeness is one.
_LIKENESS_IN_FILE = 0.8
_LIKENESS_IN_ENVIRONMENT = 0.87


class Origin(StrEnum):
    """Source of a setting's value."""

    OPTION = "option"
    ENVIRONMENT = "environment"
    ENV_FILE = "env file"
    MADE = "made on first start"
    DEFAULT = "default"


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedSettings:
    """The settings, with the origin of each value.

    `origins` has every variable by its proper name. `env_file` is None if no file was found. `notes` tell the operator
    about names without effect, and about names that resemble a setting's name.

        loaded = load_with_origins(Path(".env"), {"PORT": 3001})
        loaded.settings.port          # 3001
        loaded.origins["PORT"]        # Origin.OPTION
    """

    settings: Settings
    origins: Mapping[str, Origin]
    env_file: EnvFile | None
    notes: tuple[str, ...]


def load_settings(env_file: Path | None = None, overrides: Mapping[str, Any] | None = None) -> Settings:
    """Return the settings alone; see `load_with_origins`."""
    return load_with_origins(env_file, overrides).settings


def load_with_origins(
    env_file: Path | None = None,
    overrides: Mapping[str, Any] | None = None,
    environment: Mapping[str, str] | None = None,
) -> LoadedSettings:
    """Load the settings.

    `overrides` (by variable name) win over the `environment`. The environment wins over `env_file`.

    A blank value counts as not given. The file need not exist. If `environment` is None, the process's own is used.

    Raises:
        InvalidSettingError: a value is invalid, misspelt, incomplete, or missing in production. Names all problems.
    """
    environment = os.environ if environment is None else environment
    file = load_env_file(env_file) if env_file is not None and os.path.lexists(env_file) else None
    given = {
        Origin.OPTION: overrides or {},
        Origin.ENVIRONMENT: environment,
        Origin.ENV_FILE: file.values if file else {},
    }
    verdicts = judge({**given[Origin.ENV_FILE], **environment})
    problems = [*_unknown_options(given[Origin.OPTION]), *(_misspelt(file) if file else ()), *verdicts.refusals]
    chosen, origins = _choose(given)
    settings = _validate(chosen, problems)
    notes = (*_misspelt_outside(environment), *(_without_effect(file) if file else ()), *verdicts.notes)
    return LoadedSettings(settings=settings, origins=origins, env_file=file, notes=notes)


def _choose(given: Mapping[Origin, Mapping[str, Any]]) -> tuple[dict[str, Any], dict[str, Origin]]:
    """Return each setting's value and its origin, by proper name. The strongest source wins."""
    chosen, origins = {}, {}
    for field in Settings.model_fields.values():
        proper, *_ = names = variables_of(field)
        found = ((origin, values[name]) for origin, values in given.items() for name in names if name in values)
        origin, value = next((pair for pair in found if not _is_blank(pair[1])), (Origin.DEFAULT, None))
        origins[proper] = origin
        if origin is not Origin.DEFAULT:
            chosen[proper] = value
    return chosen, origins


def _is_blank(value: Any) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


def _validate(chosen: dict[str, Any], problems: list[str]) -> Settings:
    """Return the settings. If there are problems, raise one error with all of them, `problems` included."""
    try:
        settings = Settings(**chosen)
    except ValidationError as exc:
        # Not chained: the original quotes the value given, which may be a secret.
        raise InvalidSettingError(*problems, *_sentences(exc)) from None
    problems += [
        *_half_given(settings),
        *_placeholders(settings),
        *_alone(settings),
        *(_short_tokens(settings) if settings.is_production else ()),
        *(_missing_in_production(settings) if settings.is_production else ()),
    ]
    if problems:
        raise InvalidSettingError(*problems)
    return settings


def _sentences(exc: ValidationError) -> list[str]:
    # HOST's default depends on APP_ENV. If APP_ENV is wrong, HOST is unknown but not wrong.
    errors = exc.errors(include_input=False, include_url=False)
    return [_sentence(error) for error in errors if error["type"] != "default_factory_not_called"]


def _sentence(error: ErrorDetails) -> str:
    variable = str(error["loc"][0])
    field = next(field for field in Settings.model_fields.values() if variable in variables_of(field))
    message = error["msg"].removeprefix("Value error, ").removeprefix("Input ").replace("String should", "should")
    return f"{variable} {message}. It means: {field.description} Correct it, or leave it out."


# The environment's names are the same at each load, and comparing them takes 10 ms.
@lru_cache(maxsize=1_024)
def _find_nearest(name: str, known: tuple[str, ...], likeness: float) -> str | None:
    """Return the known name that `name` probably misspells; None if `name` is known or resembles no known name."""
    if name in known:
        return None
    folded = name.upper().replace("-", "_")
    if folded in known:
        return folded
    swapped = next((right for right in known if sorted(right) == sorted(folded)), None)
    close = difflib.get_close_matches(folded, known, n=1, cutoff=likeness)
    return swapped or (close[0] if close else None)


def _unknown_options(overrides: Mapping[str, Any]) -> Iterator[str]:
    known = all_variables()
    for name in sorted(name for name, value in overrides.items() if not _is_blank(value)):
        if name not in known:
            nearest = _find_nearest(name, known, _LIKENESS_IN_FILE)
            yield f"{name} is not a setting{f'; do you mean {nearest}?' if nearest else '.'} See config/example.env."


def _misspelt(file: EnvFile) -> Iterator[str]:
    known = (*all_variables(), *NOT_TAKEN)
    for name, line in file.lines.items():
        nearest = _find_nearest(name, known, _LIKENESS_IN_FILE)
        if nearest is not None:
            yield f"{file.path}, line {line}: {name} is not a setting; do you mean {nearest}? Rename or remove it."


def _without_effect(file: EnvFile) -> Iterator[str]:
    known = (*all_variables(), *NOT_TAKEN)
    for name, line in file.lines.items():
        if name not in known:
            yield f"{file.path}, line {line}: {name} is not a setting and has no effect. You may remove it."


def _misspelt_outside(environment: Mapping[str, str]) -> Iterator[str]:
    known = (*all_variables(), *NOT_TAKEN)
    for name in sorted(environment):
        nearest = _find_nearest(name, known, _LIKENESS_IN_ENVIRONMENT)
        if nearest is not None and nearest not in environment:
            yield f"{name} in the environment is not a setting; do you mean {nearest}? Rename or unset it."


def _half_given(settings: Settings) -> Iterator[str]:
    given = {"OMI_APP_ID": settings.omi_app_id, "OMI_APP_SECRET": settings.omi_app_secret}
    missing = [name for name, value in given.items() if value is None]
    if len(missing) == 1:
        yield f"{missing[0]} is not set, and notifications need both OMI_APP_ID and OMI_APP_SECRET. Set both, or none."


def _alone(settings: Settings) -> Iterator[str]:
    """Yield what several processes lack: they are nodes on one database, and hand sessions to each other by Redis."""
    if settings.processes == 1:
        return
    given = f"PROCESSES is {settings.processes}"
    if not settings.is_postgres:
        yield f"{given}, and one process has an SQLite file. Set DATABASE_URL to a PostgreSQL database, or PROCESSES=1."
    if settings.redis_url is None:
        yield f"{given}, and they reach each other by Redis. Set REDIS_URL (redis://127.0.0.1:6379), or PROCESSES=1."
    if settings.node_address:
        yield f"{given}, and NODE_ADDRESS names one process. Leave it out: the processes share an address."
    if len(name := name_process(settings.node_name, settings.processes)) > MAX_NODE_NAME:
        yield f"NODE_NAME is too long: {name}, for the last of the processes, has more than {MAX_NODE_NAME} characters."


def _placeholders(settings: Settings) -> Iterator[str]:
    key = settings.openai_api_key
    if key is not None and key.get_secret_value().lower() in _PLACEHOLDERS:
        yield "OPENAI_API_KEY is still a placeholder. Set your key, or leave it out: then the demo model answers."
    for name, token in _tokens(settings) if settings.is_production else ():
        if token.lower() in _PLACEHOLDERS:
            yield f"{name} is still a placeholder, which is public. {MAKE_ONE}"


def _short_tokens(settings: Settings) -> Iterator[str]:
    for name, token in _tokens(settings):
        if len(token) < _TOKEN_CHARS and token.lower() not in _PLACEHOLDERS:
            yield (
                f"{name} has {len(token)} characters, and production needs at least {_TOKEN_CHARS}, so that it cannot "
                f"be guessed. {MAKE_ONE}"
            )


def _tokens(settings: Settings) -> Iterator[tuple[str, str]]:
    """Yield the given secrets that the operator chooses, by variable. Omi makes its signing secrets."""
    for name in ("ADMIN_TOKEN", "WEBHOOK_TOKEN", "METRICS_TOKEN", "SESSION_SECRET"):
        secret = getattr(settings, name.lower())
        if secret is not None:
            yield name, secret.get_secret_value()


def _missing_in_production(settings: Settings) -> Iterator[str]:
    if settings.admin_token is None:
        yield f"ADMIN_TOKEN is not set, and production needs it for the operator's pages. {MAKE_ONE}"
    if settings.webhook_token is None and not settings.omi_signing_secrets:
        yield (
            "Neither WEBHOOK_TOKEN nor OMI_SIGNING_SECRETS is set, and production takes no webhook without either. "
            f"Copy the signing secret (whsec_…) from Omi, or for WEBHOOK_TOKEN {MAKE_ONE[0].lower()}{MAKE_ONE[1:]}"
        )
