"""`POST /followups`: a person's own words go to their wearable as a notification.

Not here: sending it (omi_actors/jobs/followup.py). Threads: the event loop.
"""

from omi_actors.domain.sessions.keys import wearable_in
from omi_actors.errors import BadRequestError, ConflictError, NotFoundError
from omi_actors.ids import new_id
from omi_actors.store.people.followups import find_wearable
from web.people.bodies import Field
from web.people.conversations import OneConversationHandler

# The longest that both versions of Omi's API take.
_MAX_CHARS = 500


class FollowupHandler(OneConversationHandler):
    """Takes a follow-up. It is sent afterwards, at most once."""

    route = "/followups"

    async def post(self) -> None:
        """Answer when the follow-up is stored. It goes to the conversation's wearable, else to the last linked one."""
        fields = self.read_fields(
            Field("message", max_chars=_MAX_CHARS), Field("conversation_id", max_chars=64, may_be_null=True)
        )
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
