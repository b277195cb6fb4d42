"""Reading the settings: from options, the environment and an env file; and saying plainly what is wrong.

Not here: the settings themselves (variables.py), what they say of themselves (describing.py), rules over several of
them (checks.py). Threads: none; called once at start.
"""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from config.checks import find_problems
from config.describing import all_variables, as_given, masked, variables_of
from config.env_file import EnvFile, read_env_file
from config.errors import InvalidSettingError
from config.not_taken import NOT_TAKEN, judge
from config.spelling import IN_ENVIRONMENT, IN_OUR_FILE, find_nearest
from config.variables import Settings

__all__ = [
    "InvalidSettingError",
    "Origin",
    "Reading",
    "Settings",
    "as_given",
    "load_settings",
    "masked",
    "read_settings",
    "variables_of",
]


class Origin(StrEnum):
    """Where a setting's value came from."""

    OPTION = "option"
    ENVIRONMENT = "environment"
    ENV_FILE = "env file"
    MADE = "made on first start"
    DEFAULT = "default"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """The settings and how they came about.

    `origins` has every variable, by its proper name; `env_file` is None when there was none; `notes` are sentences for
    the operator about names that look like ours, or that mean nothing here.
    """

    settings: Settings
    origins: Mapping[str, Origin]
    env_file: EnvFile | None
    notes: tuple[str, ...]


def load_settings(env_file: Path | None = None, overrides: Mapping[str, Any] | None = None) -> Settings:
    """Return the settings alone; see `read_settings`."""
    return read_settings(env_file, overrides).settings


def read_settings(
    env_file: Path | None = None,
    overrides: Mapping[str, Any] | None = None,
    environment: Mapping[str, str] | None = None,
) -> Reading:
    """Read the settings. `overrides` (by variable name) win over the `environment`, that over `env_file`.

    A blank value is none. The file need not exist. `environment` None means that of the process.

    Raises:
        InvalidSettingError: something is impossible, misspelt, half given, or missing in production; all of it at once.
    """
    environment = os.environ if environment is None else environment
    file = read_env_file(env_file) if env_file is not None and env_file.exists() else None
    given = {
        Origin.OPTION: overrides or {},
        Origin.ENVIRONMENT: environment,
        Origin.ENV_FILE: file.values if file else {},
    }
    verdicts = judge({**given[Origin.ENV_FILE], **environment})
    problems = [*_unknown_options(given[Origin.OPTION]), *(_misspelt(file) if file else ()), *verdicts.refusals]
    chosen, origins = _choose(given)
    settings = _validate(chosen, problems)
    notes = (*_like_ours(environment), *(_not_ours(file) if file else ()), *verdicts.notes)
    return Reading(settings=settings, origins=origins, env_file=file, notes=notes)


def _choose(given: Mapping[Origin, Mapping[str, Any]]) -> tuple[dict[str, Any], dict[str, Origin]]:
    """Return, by proper name, the strongest source's value of each setting, and that source."""
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
    """Return the settings, or raise all problems, those known so far included."""
    try:
        settings = Settings(**chosen)
    except ValidationError as exc:
        # Not chained: the original quotes what it was given, which may be a secret.
        raise InvalidSettingError(*problems, *_sentences(exc)) from None
    problems += find_problems(settings)
    if problems:
        raise InvalidSettingError(*problems)
    return settings


def _unknown_options(overrides: Mapping[str, Any]) -> Iterator[str]:
    known = all_variables()
    for name in sorted(name for name, value in overrides.items() if not _is_blank(value)):
        if name not in known:
            nearest = find_nearest(name, known, IN_OUR_FILE)
            yield f"{name} is not a setting{f'; do you mean {nearest}?' if nearest else '.'} See config/example.env."


def _misspelt(file: EnvFile) -> Iterator[str]:
    known = (*all_variables(), *NOT_TAKEN)
    for name, line in file.lines.items():
        nearest = find_nearest(name, known, IN_OUR_FILE)
        if nearest is not None:
            yield f"{file.path}, line {line}: {name} is not a setting; do you mean {nearest}? Rename or remove it."


def _not_ours(file: EnvFile) -> Iterator[str]:
    known = (*all_variables(), *NOT_TAKEN)
    for name, line in file.lines.items():
        if name not in known:
            yield f"{file.path}, line {line}: {name} is no setting and has no effect here. Remove it, or let it be."


def _like_ours(environment: Mapping[str, str]) -> Iterator[str]:
    known = (*all_variables(), *NOT_TAKEN)
    for name in sorted(environment):
        nearest = find_nearest(name, known, IN_ENVIRONMENT)
        if nearest is not None and nearest not in environment:
            yield f"{name} in the environment is not a setting; do you mean {nearest}? Rename or unset it."


def _sentences(exc: ValidationError) -> list[str]:
    # HOST's default hangs on APP_ENV: when that is wrong, HOST is merely not known yet.
    errors = exc.errors(include_input=False, include_url=False)
    return [_sentence(error) for error in errors if error["type"] != "default_factory_not_called"]


def _sentence(error: ErrorDetails) -> str:
    place = str(error["loc"][0])
    field = next(field for field in Settings.model_fields.values() if place in variables_of(field))
    message = error["msg"].removeprefix("Value error, ").removeprefix("Input ").replace("String should", "should")
    return f"{place} {message}. It means: {field.description} Correct it, or leave it out."
