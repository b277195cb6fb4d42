"""`POST /context/switch`, `GET /context/status/:sessionId`: a session's space: the subject of its answers.

Not here: the effect of a space (omi_actors/domain/answers/prompt.py), owners of sessions (web/auth.py).
Threads: the event loop.
"""

from typing import Any

from omi_actors.actors.session.messages import SwitchSpace
from omi_actors.domain.answers.prompt import DEFAULT, SPACES
from omi_actors.errors import BadRequestError
from web.declare import Fields, declare
from web.edge.tolerant_json import read_object
from web.handlers.base import BaseHandler
from web.handlers.caller import Access
from web.handlers.chat_body import read_label
from web.parameters import Field

# A session's name and a space are short.
_MAX_BODY_BYTES = 4_096
_BODY = (
    Field("session_id", form={"pattern": "^[A-Za-z0-9_.@:-]{1,200}$"}, example="kitchen", is_needed=True),
    Field("space", may_be_null=True, form={"enum": [*SPACES, None]}, example="todos"),
)
_SWITCHED = Fields({"success": bool, "previousSpace": str, "currentSpace": str, "message": str})
_SPACE = Fields({"space": str, "pending": None, "initialized": bool})


class SwitchHandler(BaseHandler):
    """Switches a session to another space; without `space`, to the default."""

    route = "/context/switch"
    access = Access.CHATTER

    @declare(_SWITCHED, body=_BODY, style="open")
    async def post(self) -> None:
        """Switch a session to another space."""
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


class StatusHandler(BaseHandler):
    """Shows the space of a session. An unknown session has the default space."""

    route = "/context/status/:sessionId"
    access = Access.CHATTER

    @declare(_SPACE)
    async def get(self, label: str) -> None:
        """Show the space of a session."""
        space = await self.site.system.load_space(self.find_owner().session_key(label))
        self.send_json({"space": space or DEFAULT.name, "pending": None, "initialized": space is not None})


def _read_space(value: Any) -> str:
    """Return the name of a space.

    Raises:
        BadRequestError: no space has that name; the message lists all names.
    """
    if value is None or value == "":
        return DEFAULT.name
    name = value.strip().lower() if isinstance(value, str) else None
    if name not in SPACES:
        raise BadRequestError(f"Invalid space. Allowed: {', '.join(SPACES)}")
    return name
