"""`POST /context/switch`, `GET /context/status/:sessionId`: which space a session's answers are for.

Not here: what a space changes (omi_actors/domain/answers/prompt.py), whose session it is (chat/owned.py). Threads: the
event loop.
"""

from typing import Any

from omi_actors.actors.session.messages import SwitchSpace
from omi_actors.domain.answers.prompt import DEFAULT, SPACES
from omi_actors.errors import BadRequestError
from web.chat.body import read_label, read_object
from web.chat.owned import OwnedHandler

# A session's name and a space have no need of more.
_MAX_BODY_BYTES = 4_096


class SwitchHandler(OwnedHandler):
    """Switch to another space; without `space`, to the default."""

    route = "/context/switch"

    async def post(self) -> None:
        """Answer with the space before and the one now."""
        owner = self.find_owner()
        fields = read_object(self.request.body, max_bytes=_MAX_BODY_BYTES)
        if fields.get("session_id") in (None, ""):
            raise BadRequestError("session_id is required")
        space = _read_space(fields.get("space"))
        message = SwitchSpace(owner.session_key(read_label(fields)), space)
        before = await self.site.system.switch_space(message, timeout_s=self.site.times.turn_s)
        self.send_json(
            {
                "success": True,
                "previousSpace": before,
                "currentSpace": space,
                "message": f"Switched to {space} space",
            }
        )


class StatusHandler(OwnedHandler):
    """Which space a session is in. A session that never was is in the default."""

    route = "/context/status/:sessionId"

    async def get(self, label: str) -> None:
        """Answer; `pending` is null, since no command of ours waits for a choice."""
        space = await self.site.system.load_space(self.find_owner().session_key(label))
        self.send_json({"space": space or DEFAULT.name, "pending": None, "initialized": space is not None})


def _read_space(value: Any) -> str:
    """Return the name of a space.

    Raises:
        BadRequestError: there is none of that name; says which there are.
    """
    if value is None or value == "":
        return DEFAULT.name
    name = value.strip().lower() if isinstance(value, str) else None
    if name not in SPACES:
        raise BadRequestError(f"Invalid space. Allowed: {', '.join(SPACES)}")
    return name
