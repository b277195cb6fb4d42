"""A person's preferences: shown and saved as they are entered, half-typed texts included.

The original's settings screen saves at each keystroke and shows what comes back.
Not here: valid values (omi_actors/domain/people/preferences.py), rows (omi_actors/store/people/preferences.py).
Threads: the event loop.
"""

from collections.abc import Mapping
from typing import Any, TypedDict
from uuid import UUID

from omi_actors.domain.people.preferences import FIELDS, Entered, find_invalid
from omi_actors.errors import BadRequestError, NotFoundError
from omi_actors.store.people import preferences
from omi_actors.store.people.preferences import StoredPreferences
from web.declare import Fields, Id, build_type, declare, ok
from web.parameters import Field
from web.people.base import PersonHandler
from web.site import People

# Other names of the same fields: the original's first version, and its app, have them.
_ALIASES = {"dnd_quiet_hours_start": "quiet_hours_start", "dnd_quiet_hours_end": "quiet_hours_end"}
_CONVERSATION = "default_conversation_id"
# Errors that clients of the original know.
_ERRORS = {
    "listen_mode": "Invalid listen mode",
    "quiet_hours_start": "Quiet hours start must be 0-23",
    "quiet_hours_end": "Quiet hours end must be 0-23",
}
# Types of what is shown; all others are texts. A number may be a text while it is typed.
_TYPES: Mapping[str, Any] = {
    **dict.fromkeys(("mute", "quiet_hours_enabled", "meeting_transcribe", "inject_memories"), bool),
    "followup_window_ms": int | str,
    "activation_sensitivity": int,
}
_EXAMPLES = {"listen_mode": "FOLLOWUP", "wake_names": "Omi, Nora", "quiet_hours_start": "22:00", "language": "en"}
_BODY = tuple(
    Field(name, kind=object, may_be_null=True, about="Null takes the default.", example=_EXAMPLES.get(name))
    for name in (*FIELDS, *_ALIASES, _CONVERSATION)
)
_CAMEL = {field.name: field.camel_name for field in _BODY}


class InvalidForm(TypedDict):
    """A field that has no effect yet, and what would be valid."""

    field: str
    reason: str


# The form of the preferences as a type.
PREFERENCES = build_type(
    Fields(
        {camel: _TYPES.get(_ALIASES.get(name, name), str) for name, camel in _CAMEL.items()}
        | {_CAMEL[_CONVERSATION]: Id | None, "invalid": list[InvalidForm]}
    ),
    "Preferences",
)


class PreferencesHandler(PersonHandler):
    """Shows the preferences, or changes those that the body names. PUT and PATCH are the same."""

    route = "/preferences"
    # A screen that saves at each keystroke must not use up the limit of the other screens.
    limit_kind = "preferences"

    @declare(ok(preferences=PREFERENCES))
    async def get(self) -> None:
        """Show all preferences."""
        self._send(await self.store.read(preferences.load_preferences, self.me.account_id))

    @declare(ok(preferences=PREFERENCES), body=_BODY, errors=(404,))
    async def put(self) -> None:
        """Change the preferences that the body names, and show all."""
        changes, default_conversation = self._read()
        changed = await self.store.write(
            preferences.change_preferences, self.me.account_id, changes, default_conversation=default_conversation
        )
        if changed is None:
            raise NotFoundError("Conversation not found", hint="`default_conversation_id` is none of yours.")
        self.site.system.preferences_changed(changed.session_keys)
        self._send(changed)

    patch = put

    def _read(self) -> tuple[dict[str, Any], tuple[str | None] | None]:
        """Return the changed fields as they are kept, and the new default conversation, if the body has one."""
        fields = self.read_fields()
        if not fields:
            raise BadRequestError("No changes provided", hint=f"The fields are: {', '.join(_CAMEL)}.")
        conversation = (_read_id(fields.pop(_CONVERSATION)),) if _CONVERSATION in fields else None
        changes: dict[str, Any] = {}
        for given, value in fields.items():
            name = _ALIASES.get(given, given)
            if name in changes:
                raise BadRequestError(f"`{name}` is given twice.", hint=f"`{given}` is another name of it.")
            changes[name] = _take(name, value)
        return changes, conversation

    def _send(self, stored: StoredPreferences) -> None:
        self.send_ok({"preferences": preferences_form(stored, self.site.people)})


def preferences_form(stored: StoredPreferences, rules: People) -> dict[str, Any]:
    """Return preferences as clients know them, always with the same keys; texts as they were entered."""
    entered = stored.entered
    shown = {_CAMEL[name]: entered.get(name, default) for name, default in _defaults(rules).items()}
    shown |= {_CAMEL[alias]: shown[_CAMEL[name]] for alias, name in _ALIASES.items()}
    return {
        **shown,
        _CAMEL["followup_window_ms"]: _as_number(shown[_CAMEL["followup_window_ms"]]),
        _CAMEL[_CONVERSATION]: stored.default_conversation_id,
        "invalid": _invalid_form(entered),
    }


def _defaults(rules: People) -> Mapping[str, Any]:
    return {
        **dict.fromkeys(FIELDS, ""),
        "listen_mode": rules.listen_mode,
        "followup_window_ms": rules.followup_window_ms,
        "wake_names": ", ".join(rules.wake_names),
        "wake_by": rules.wake_by,
        "activation_sensitivity": 0,
        "quiet_hours_enabled": True,
        **dict.fromkeys(("mute", "meeting_transcribe", "inject_memories"), False),
    }


def _invalid_form(entered: Entered) -> list[dict[str, str]]:
    """Return the fields that have no effect yet, each with what would be valid."""
    return [{"field": _CAMEL[name], "reason": reason} for name, reason in find_invalid(entered).items()]


def _as_number(value: Any) -> Any:
    return int(value) if isinstance(value, str) and value.isdecimal() else value


def _take(name: str, value: Any) -> Any:
    """Return a field's value as it is kept; None clears the field, and so does an empty text."""
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    try:
        return FIELDS[name].take(value)
    except ValueError as exc:
        reason, way = f"`{name}` {exc}.", "null or an empty string takes the default."
        known = _ERRORS.get(name)
        raise BadRequestError(known or reason, hint=f"{reason} {way}" if known else way) from None


def _read_id(value: Any) -> str | None:
    if value in (None, ""):
        return None
    try:
        return str(UUID(value))
    except (ValueError, TypeError, AttributeError):
        raise BadRequestError(f"`{_CONVERSATION}` must be the id of a conversation.", hint="Or null.") from None
