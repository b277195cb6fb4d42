"""`POST /followups`: a person's own words go to their wearable as a notification.

Not here: sending it (omi_actors/jobs/followup.py). Threads: the event loop.
"""

from omi_actors.domain.sessions.keys import wearable_in
from omi_actors.errors import BadRequestError, ConflictError, NotFoundError
from omi_actors.ids import new_id
from omi_actors.store.people.followups import find_wearable
from web.declare import Id, declare, ok
from web.parameters import Field
from web.people.conversations import OneConversationHandler

# The longest that both versions of Omi's API take.
_MAX_CHARS = 500
_BODY = (
    Field("message", max_chars=_MAX_CHARS, example="water the plants", is_needed=True),
    Field("conversation_id", max_chars=64, may_be_null=True, about="Without it, the last linked wearable gets it."),
)


class FollowupHandler(OneConversationHandler):
    """Takes a follow-up. It is sent afterwards, at most once."""

    route = "/followups"

    @declare(ok(followup_id=Id, message=str), body=_BODY, errors=(409,))
    async def post(self) -> None:
        """Send the person's own words to a wearable as a notification."""
        fields = self.read_fields()
        text = fields.get("message", "").strip()
        if not text:
            raise BadRequestError("message is required", hint="`message` must not be blank.")
        session_id = None
        if fields.get("conversation_id"):
            conversation = await self.find_own(fields["conversation_id"])
            session_id = conversation.session_id if wearable_in(conversation.session_key) else None
        wearable = await self.store.read(find_wearable, self.me.account_id, session_id)
        if wearable is None:
            raise NotFoundError("No verified OMI link found", hint="Link a wearable by POST /link/omi/start.")
        followup_id = new_id()
        is_taken = await self.site.system.send_followup(
            self.me.account_id, followup_id, wearable, text, request_id=self.request_id
        )
        if not is_taken:
            raise ConflictError(
                "No notification can be sent.",
                hint="The operator must set OMI_APP_ID and OMI_APP_SECRET, and leave ENABLE_BACKGROUND_QUEUE on.",
            )
        self.send_ok({"followup_id": followup_id, "message": text})
