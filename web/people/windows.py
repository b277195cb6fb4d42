"""Windows and spaces: five slots with a conversation each, one of them active; the subject of the person's answers.

Not here: conversations (conversations.py), the effect of a space (omi_actors/domain/answers/prompt.py).
Threads: the event loop.
"""

from typing import Any, TypedDict

from omi_actors.actors.session.messages import OpenConversation
from omi_actors.domain.answers.prompt import SPACES
from omi_actors.domain.people.conversations import Conversation
from omi_actors.domain.sessions.keys import account_prefix
from omi_actors.errors import BadRequestError
from omi_actors.store.people import windows
from omi_actors.store.people.windows import Window
from web.declare import Id, Time, declare, ok
from web.parameters import Field
from web.people.base import PolledHandler
from web.people.conversations import OneConversationHandler
from web.problems import iso_time

SLOTS = range(1, 6)
_SLOT = Field(
    "slot",
    object,
    may_be_null=True,
    example=1,
    is_needed=True,
    form={"type": "integer", "minimum": SLOTS[0], "maximum": SLOTS[-1]},
)
_SPACE = Field("space", max_chars=100, form={"enum": list(SPACES)}, example="todos", is_needed=True)


class WindowForm(TypedDict):
    """A slot with its conversation, if there is one."""

    slot: int
    isActive: bool
    conversationId: Id | None
    title: str | None
    summary: str | None
    createdAt: Time | None


class WindowHandler(OneConversationHandler):
    """Base of handlers that reach a conversation by its window."""

    def check_slot(self, slot: object) -> int:
        """Return a slot.

        Raises:
            BadRequestError: it is missing, no whole number, or there is no such slot.
        """
        if type(slot) is not int or slot not in SLOTS:
            raise BadRequestError("slot must be 1-5", hint="`slot` is a whole number from 1 to 5.")
        return slot

    async def begin_window(self, slot: int) -> Conversation:
        """Begin a conversation in a slot that has none, make it the active one, and return the conversation.

        Each slot has a session of its own, so that two requests at once begin one conversation.
        """
        me = self.me.account_id
        begun = await self.begin_conversation(OpenConversation(f"{account_prefix(me)}:window-{slot}"))
        await self.store.write(windows.put_window, me, slot, begun.conversation_id, now_s=self.now_s)
        return begun


class WindowsHandler(PolledHandler):
    """Lists the five windows."""

    route = "/windows"

    stamp, load = staticmethod(windows.stamp_windows), staticmethod(windows.load_windows)

    @declare(ok(items=list[WindowForm]))
    async def get(self) -> None:
        """List the five windows, those without a conversation, too."""
        self.send_ok(self.show(await self.store.read(self.load, self.me.account_id)))

    @staticmethod
    def show(found: Any, limit: int = 0) -> dict[str, Any]:
        """Return the form of all slots."""
        del limit
        stored = {one.slot: one for one in found}
        return {"items": [_window_form(slot, stored.get(slot)) for slot in SLOTS]}


class ActivateHandler(WindowHandler):
    """Makes a window the active one."""

    route = "/windows/activate"

    @declare(ok(active_slot=int), body=(_SLOT,), errors=(409,))
    async def post(self) -> None:
        """Make a window the active one. A slot without a conversation gets a new one."""
        slot = self.check_slot(self.read_fields().get("slot"))
        if not await self.store.write(windows.activate_window, self.me.account_id, slot):
            await self.begin_window(slot)
        self.send_ok({"active_slot": slot})


class SpacesHandler(OneConversationHandler):
    """Lists the spaces, and shows the person's."""

    route = "/spaces"

    @declare(ok(active=str, spaces=list[str]))
    async def get(self) -> None:
        """List the spaces, and show the person's."""
        active = await self.store.read(windows.load_space, self.me.account_id)
        self.send_ok({"active": active, "spaces": list(SPACES)})


class SwitchSpaceHandler(OneConversationHandler):
    """Switches the person's space: answers in all sessions that have none of their own are for it."""

    route = "/spaces/switch"

    @declare(ok(active=str), body=(_SPACE,))
    async def post(self) -> None:
        """Switch the space of the person's answers."""
        space = self.read_fields().get("space", "").strip().lower()
        if space not in SPACES:
            raise BadRequestError("Invalid space", hint=f"`space` is one of: {', '.join(SPACES)}.")
        await self.store.write(windows.switch_space, self.me.account_id, space, now_s=self.now_s)
        self.send_ok({"active": space})


ROUTES = (
    (r"/windows/?", WindowsHandler),
    (r"/windows/activate/?", ActivateHandler),
    (r"/spaces/?", SpacesHandler),
    (r"/spaces/switch/?", SwitchSpaceHandler),
)


def _window_form(slot: int, window: Window | None) -> WindowForm:
    talk = window.conversation if window is not None else None
    return {
        "slot": slot,
        "isActive": window is not None and window.is_active,
        "conversationId": talk.conversation_id if talk else None,
        "title": talk.title if talk else None,
        "summary": talk.summary if talk else None,
        "createdAt": iso_time(talk.started_at) if talk else None,
    }
