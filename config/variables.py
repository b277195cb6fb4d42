"""Every setting as a variable: its names, unit, range, default and subject.

Not here: the fields by subject (groups/), how they are loaded (settings.py), first-start secrets (secrets_file.py).
Threads: any, frozen. Variables are in milliseconds, as in Omi's documents; the program uses seconds (`…_s`).
"""

import types
import typing
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pydantic import AliasChoices, BaseModel, ConfigDict, SecretStr
from pydantic.fields import FieldInfo

from config.groups.backplane import BackplaneSettings
from config.groups.delivery import ChatSettings, DeliverySettings
from config.groups.edge import EdgeSettings
from config.groups.hearing import HearingSettings
from config.groups.model import BudgetSettings, CompletionSettings, ModelSettings
from config.groups.people import PeopleSettings
from config.groups.server import ObservingSettings, ServerSettings
from config.groups.store import RetentionSettings, StoreSettings
from config.groups.work import WorkSettings
from config.values import parse_size


class InvalidSettingError(ValueError):
    """Settings with which the program cannot start. Each of `problems` names a variable and says what to do."""

    def __init__(self, *problems: str) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


# Fields come in the order of the bases from the last to the first.
class Settings(
    WorkSettings,
    PeopleSettings,
    ChatSettings,
    DeliverySettings,
    HearingSettings,
    BudgetSettings,
    CompletionSettings,
    ModelSettings,
    RetentionSettings,
    BackplaneSettings,
    StoreSettings,
    ObservingSettings,
    EdgeSettings,
    ServerSettings,
):
    """All settings of one process. `config.settings.load_settings` builds them and explains mistakes."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)


_SUFFIX_UNITS = {
    "_ms": "ms",
    "_s": "s",
    "_bytes": "bytes",
    "_tokens": "tokens",
    "_chars": "characters",
    "_days": "days",
}


@dataclass(frozen=True, slots=True)
class Group:
    """Settings of one subject: `title` is a few words; `fields` are in order, by attribute."""

    title: str
    fields: dict[str, FieldInfo]


def variables_of(field: FieldInfo) -> tuple[str, ...]:
    """Return the names under which a setting can be given, the proper one first."""
    alias = field.validation_alias
    if isinstance(alias, AliasChoices):
        return tuple(str(choice) for choice in alias.choices)
    return (str(alias),)


def all_variables() -> tuple[str, ...]:
    """Return every name under which any setting can be given."""
    return tuple(name for field in Settings.model_fields.values() for name in variables_of(field))


def groups() -> Iterator[Group]:
    """Return the settings by subject, in the order of `Settings`. A title is the first line of a class."""
    for base in reversed(Settings.__bases__):
        fields = {name: Settings.model_fields[name] for name in base.__annotations__ if name in Settings.model_fields}
        if fields and issubclass(base, BaseModel):
            yield Group((base.__doc__ or "").partition("\n")[0].rstrip("."), fields)


def is_secret(field: FieldInfo) -> bool:
    """Return True if the value is secret, so that it is never shown."""
    return _holds(field.annotation, SecretStr)


def is_flag(field: FieldInfo) -> bool:
    """Return True if the setting is on or off."""
    return field.annotation is bool


def unit_of(name: str, field: FieldInfo) -> str:
    """Return the unit of a number by its attribute's name (`…_ms`), `on/off` for a flag, empty for words and counts."""
    if is_flag(field):
        return "on/off"
    if not (_holds(field.annotation, int) or _holds(field.annotation, float)):
        return ""
    if any(getattr(check, "func", None) is parse_size for check in field.metadata):
        return "bytes"
    return next((unit for suffix, unit in _SUFFIX_UNITS.items() if name.endswith(suffix)), "")


def as_given(value: Any) -> str:
    """Return a setting's value as its variable spells it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    return "" if value is None else str(value)


def masked(settings: Settings) -> dict[str, str]:
    """Return every variable with its value; for a secret, only whether it is set."""
    shown = {}
    for name, field in Settings.model_fields.items():
        value = getattr(settings, name)
        secret = ("set" if value else "not set") if is_secret(field) else None
        shown[variables_of(field)[0]] = as_given(value) if secret is None else secret
    return shown


def _holds(annotation: Any, wanted: type) -> bool:
    """Return True if a type is `wanted`, or a union or tuple that contains it."""
    if typing.get_origin(annotation) in (typing.Union, types.UnionType, tuple, typing.Annotated):
        return any(_holds(part, wanted) for part in typing.get_args(annotation))
    return annotation is wanted
