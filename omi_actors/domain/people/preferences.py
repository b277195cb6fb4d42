"""Preferences of a person: what was entered, what of it is valid, and the times at which the person wants silence.

A settings screen saves at each keystroke. So a text is kept as it was entered; until it is valid, it has no effect.
Not here: rows (store/people/preferences.py), their effect on hearing (actors/session/hearing.py) and on answers
(jobs/answer.py), requests (web/people/preferences.py). Threads: any; pure.
"""

import datetime as dt
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from omi_actors.domain.hearing.language import LANGUAGES
from omi_actors.domain.hearing.patterns import MAX_CHARS as MAX_PATTERN_CHARS
from omi_actors.domain.hearing.patterns import compile_pattern
from omi_actors.domain.hearing.state import HearingOptions, ListenMode, WakeBy

# Milliseconds of the follow-up window, as in the original.
_MIN_WINDOW_MS, _MAX_WINDOW_MS = 1_000, 60_000
# The largest number that is kept while it is typed.
_MAX_NUMBER = 10**9
_MAX_SENSITIVITY = 2
# Names, and characters of one. One letter would wake at half of all speech.
MAX_NAMES, _MIN_NAME_CHARS, MAX_NAME_CHARS = 8, 2, 40
_CLOCK_TIME = re.compile(r"([01]?[0-9]|2[0-3]):([0-5][0-9])")
_MAX_HOUR = 23
_LANGUAGE = re.compile(r"([a-z]{2})(?:[-_][a-z]{2,4})?", re.IGNORECASE)

# What a person has entered, by the names of FIELDS: texts, numbers, booleans. A field that is missing has the default.
Entered = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Preferences:
    """The valid preferences of a person. None, and an empty text, leave the node's settings as they are.

    `quiet` are the minutes of the day at which quiet hours begin and end, in `time_zone`; None: there are none.
    """

    listen_mode: ListenMode | None = None
    followup_s: float | None = None
    wake_names: tuple[str, ...] = ()
    wake_by: WakeBy | None = None
    pattern: str = ""
    sensitivity: int = 0
    mute: bool = False
    quiet: tuple[int, int] | None = None
    time_zone: str = "UTC"
    is_meeting: bool = False
    language: str = ""

    def wants_no_answers(self, now_s: float) -> bool:
        """Return True if speech is only stored at `now_s` (UTC seconds): in silence, and in meetings."""
        return self.is_meeting or self.wants_silence(now_s)

    def wants_silence(self, now_s: float) -> bool:
        """Return True if nothing may be said to the person at `now_s` (UTC seconds): muted, or in quiet hours."""
        if self.quiet is None or self.mute:
            return self.mute
        start, end = self.quiet
        local = dt.datetime.fromtimestamp(now_s, find_zone(self.time_zone))
        minute = local.hour * 60 + local.minute
        return start <= minute < end if start < end else not end <= minute < start


DEFAULTS = Preferences()


def build_options(defaults: HearingOptions, preferences: Preferences) -> HearingOptions:
    """Return the options of hearing for a person: the node's, with the person's in their place."""
    return replace(
        defaults,
        # Where the operator has switched hearing off, no person switches it on.
        mode=defaults.mode if defaults.mode is ListenMode.NEVER else preferences.listen_mode or defaults.mode,
        followup_s=defaults.followup_s if preferences.followup_s is None else preferences.followup_s,
        names=preferences.wake_names or defaults.names,
        wake_by=preferences.wake_by or defaults.wake_by,
        pattern=preferences.pattern,
        sensitivity=preferences.sensitivity,
    )


# --- values that are valid


class NotValidError(ValueError):
    """A kept text that is not valid yet; the message says what would be."""


def _read_mode(value: Any) -> ListenMode:
    return ListenMode(value)


def _read_window(value: Any) -> float:
    try:
        window_ms = int(value)
    except ValueError:
        raise NotValidError("must be a whole number of milliseconds") from None
    if not _MIN_WINDOW_MS <= window_ms <= _MAX_WINDOW_MS:
        raise NotValidError(f"must be from {_MIN_WINDOW_MS} to {_MAX_WINDOW_MS} milliseconds")
    return window_ms / 1_000


def _read_clock_time(value: Any) -> int:
    found = _CLOCK_TIME.fullmatch(value.strip())
    if found is None:
        raise NotValidError("must be a time such as 22:00")
    return int(found[1]) * 60 + int(found[2])


def _read_zone(value: Any) -> str:
    if find_zone(value.strip()) is None:
        raise NotValidError("must be the name of a time zone, such as Europe/Berlin")
    return str(value.strip())


def _read_names(value: Any) -> tuple[str, ...]:
    names = tuple(filter(None, (" ".join(name.split()) for name in value.split(","))))
    if len(names) > MAX_NAMES:
        raise NotValidError(f"must be at most {MAX_NAMES} names")
    for name in names:
        if not _MIN_NAME_CHARS <= len(name) <= MAX_NAME_CHARS or sum(map(str.isalnum, name)) < _MIN_NAME_CHARS:
            raise NotValidError(
                f"each name must have {_MIN_NAME_CHARS} to {MAX_NAME_CHARS} characters, two of them letters"
            )
    return names


def _read_pattern(value: Any) -> str:
    try:
        compile_pattern(value)
    except ValueError as exc:
        raise NotValidError(f"is no pattern that can be used: {exc}") from None
    return str(value)


def _read_language(value: Any) -> str:
    found = _LANGUAGE.fullmatch(value.strip())
    if found is None or found[1].lower() not in LANGUAGES:
        raise NotValidError(f"must be one of {', '.join(LANGUAGES)}")
    return found[1].lower()


# --- values as they are entered


def _take_choice(*choices: str) -> Callable[[Any], Any]:
    def take(value: Any) -> Any:
        if not isinstance(value, str) or value.strip().upper() not in choices:
            raise ValueError(f"must be one of {', '.join(choices)}")
        return value.strip().upper()

    return take


def _take_flag(value: Any) -> Any:
    flag = {"true": True, "false": False}.get(value.strip().lower()) if isinstance(value, str) else value
    if not isinstance(flag, bool):
        raise ValueError("must be true or false")  # noqa: TRY004 (the one error of all wrong values)
    return flag


def _take_text(max_chars: int) -> Callable[[Any], Any]:
    def take(value: Any) -> Any:
        if not isinstance(value, str):
            raise ValueError("must be a string")  # noqa: TRY004 (the same)
        if len(value) > max_chars:
            raise ValueError(f"must have at most {max_chars} characters")
        return value

    return take


def _take_number(value: Any) -> Any:
    """Return a whole number that is not negative, or a text in which one may be typed."""
    if isinstance(value, str):
        return _take_text(20)(value.strip())
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not 0 <= value <= _MAX_NUMBER or value % 1:
        raise ValueError(f"must be a whole number from 0 to {_MAX_NUMBER}")
    return int(value)


def _take_level(value: Any) -> Any:
    try:
        level = float(value) if not isinstance(value, bool) else 0.5
    except (TypeError, ValueError, OverflowError):
        level = 0.5
    if level not in range(-_MAX_SENSITIVITY, _MAX_SENSITIVITY + 1):
        raise ValueError(f"must be a whole number from -{_MAX_SENSITIVITY} to {_MAX_SENSITIVITY}")
    return int(level)


def _take_clock_time(value: Any) -> Any:
    """Return a time as text; a number is the hour."""
    if isinstance(value, int) and not isinstance(value, bool):
        if not 0 <= value <= _MAX_HOUR:
            raise ValueError("must be an hour from 0 to 23, or a time such as 22:00")
        return f"{value:02}:00"
    return _take_text(20)(value)


def _take_names(value: Any) -> Any:
    """Return names as one text, separated by commas; a list of them must hold valid ones."""
    if isinstance(value, Sequence) and not isinstance(value, str):
        if not all(isinstance(name, str) and name.strip() and "," not in name for name in value):
            raise ValueError("must hold names: strings that are not empty, without commas")
        value = ", ".join(value)
        _read_names(value)
    return _take_text(MAX_NAMES * (MAX_NAME_CHARS + 2))(value)


def _same(value: Any) -> Any:
    return value


@dataclass(frozen=True, slots=True)
class PreferenceField:
    """A field: `take` returns an entered value as it is kept, or raises ValueError; `read` returns its valid value.

    `read` raises NotValidError for a text that is not valid yet.
    """

    take: Callable[[Any], Any]
    read: Callable[[Any], Any] = _same


# Fields whose entered values are kept; `default_conversation_id` has a column, since it refers to a row.
FIELDS: Mapping[str, PreferenceField] = {
    "listen_mode": PreferenceField(_take_choice("TRIGGER", "FOLLOWUP", "ALWAYS"), _read_mode),
    "followup_window_ms": PreferenceField(_take_number, _read_window),
    "wake_names": PreferenceField(_take_names, _read_names),
    "wake_by": PreferenceField(_take_choice("ANYONE", "OWNER"), WakeBy),
    "activation_regex": PreferenceField(_take_text(MAX_PATTERN_CHARS), _read_pattern),
    "activation_sensitivity": PreferenceField(_take_level),
    "mute": PreferenceField(_take_flag),
    "quiet_hours_enabled": PreferenceField(_take_flag),
    "quiet_hours_start": PreferenceField(_take_clock_time, _read_clock_time),
    "quiet_hours_end": PreferenceField(_take_clock_time, _read_clock_time),
    "time_zone": PreferenceField(_take_text(64), _read_zone),
    "meeting_transcribe": PreferenceField(_take_flag),
    "inject_memories": PreferenceField(_take_flag),
    "language": PreferenceField(_take_text(20), _read_language),
}


def enter(entered: Entered, changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a person has entered after these changes. Null and "" clear a field."""
    after = {**entered, **changes}
    return {name: value for name, value in after.items() if value is not None and value != ""}


def find_invalid(entered: Entered) -> dict[str, str]:
    """Return the fields that are not valid yet, each with what would be."""
    invalid = {}
    for name, value in entered.items():
        try:
            FIELDS[name].read(value)
        except NotValidError as exc:
            invalid[name] = str(exc)
    return invalid


def read_preferences(entered: Entered) -> Preferences:
    """Return the valid preferences in what a person has entered."""
    invalid = find_invalid(entered)
    valid = {name: FIELDS[name].read(value) for name, value in entered.items() if name not in invalid}
    return Preferences(
        listen_mode=valid.get("listen_mode"),
        followup_s=valid.get("followup_window_ms"),
        wake_names=valid.get("wake_names", ()),
        wake_by=valid.get("wake_by"),
        pattern=valid.get("activation_regex", ""),
        sensitivity=valid.get("activation_sensitivity", 0),
        mute=valid.get("mute", False),
        quiet=_read_quiet(valid),
        time_zone=valid.get("time_zone", "UTC"),
        is_meeting=valid.get("meeting_transcribe", False),
        language=valid.get("language", ""),
    )


def _read_quiet(valid: Entered) -> tuple[int, int] | None:
    """Return the quiet hours; None unless both times are valid, and differ."""
    if not valid.get("quiet_hours_enabled", True) or not {"quiet_hours_start", "quiet_hours_end"} <= valid.keys():
        return None
    start, end = valid["quiet_hours_start"], valid["quiet_hours_end"]
    return (start, end) if start != end else None


@lru_cache(maxsize=1_024)
def find_zone(name: str) -> ZoneInfo | None:
    """Return the time zone of this name, from the system or from tzdata; None if there is none."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        # ValueError: "../x", NUL; OSError: the name of a folder, such as "Europe".
        return None
