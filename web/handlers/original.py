"""Small addresses that the original's clients and scripts read: `/health/db`, `/rate-limit/:id`, `/metrics/activation`.

Not here: the other state of the server (status.py), the sessions in memory (sessions.py). Threads: the event loop.
"""

from typing import Any, NotRequired, TypedDict

from omi_actors.domain.sessions.keys import wearable_key
from omi_actors.errors import BadRequestError
from omi_actors.instruments.metrics import REGISTRY
from omi_actors.instruments.readings import take_readings
from omi_actors.kit.errors import ExpectedError
from omi_actors.store.notifications import count_spent
from omi_actors.store.people.memories import load_verified_uids
from omi_actors.store.transaction import Transaction
from web.auth import UID, bearer_token, is_same
from web.declare import PAGE, Fields, declare, ok
from web.handlers.base import BaseHandler
from web.handlers.caller import Access

_UNAVAILABLE = 503


class Use(TypedDict):
    """The notifications of a wearer in this hour. `timeUntilReset` is in ms."""

    limit: int
    used: int
    remaining: int
    timeUntilReset: int
    isLimited: bool


class Counters(TypedDict):
    """Counts since the process began, by the original's names."""

    explicitTriggers: int
    suppressedDuplicates: int
    helpRequests: int
    menuOpens: int
    aiResponses: int


_DOWN = (Fields({"ok": bool, "error": str}), PAGE)
_LIMIT = Fields({"user_id": str, "disabled": bool, "message": str, "rate_limit": NotRequired[Use]})


class DatabaseHandler(BaseHandler):
    """Shows whether the database answers a query now, without a word of what it said."""

    route = "/health/db"
    access = Access.ANYBODY
    answers_without_store = True

    @declare({200: ok(), 503: _DOWN})
    async def get(self) -> None:
        """Answer `{"ok": true}`; 503 with `false` if it does not answer."""
        try:
            await self.site.system.store.read(Transaction.now_s)
        except ExpectedError:
            self.send_json({"ok": False, "error": "The database does not answer."}, _UNAVAILABLE)
        else:
            self.send_json({"ok": True})

    head = get


class RateLimitHandler(BaseHandler):
    """Shows how many notifications a wearer may get in an hour; to the wearer and the operator also what is left."""

    route = "/rate-limit/:id"
    access = Access.ANYBODY

    @declare(_LIMIT)
    async def get(self, uid: str) -> None:
        """Answer with the limit. `disabled` means that this server sends no notifications."""
        if not UID.fullmatch(uid):
            raise BadRequestError("`id` has characters that no uid of Omi has.", hint="The Omi app shows it.")
        if self.site.system.omi is None:
            self.send_json({"user_id": uid, "disabled": True, "message": "This server sends no notifications."})
            return
        limit = self.site.system.omi.per_hour
        form: dict[str, Any] = {
            "user_id": uid,
            "disabled": False,
            "message": f"A wearer gets at most {limit} notifications an hour.",
        }
        if await self._may_see(uid):
            used, reset_s = await self.site.system.store.read(count_spent, wearable_key(uid))
            form["rate_limit"] = {
                "limit": limit,
                "used": used,
                "remaining": max(0, limit - used),
                "timeUntilReset": round(reset_s * 1e3),
                "isLimited": used >= limit,
            }
        self.send_json(form)

    head = get

    async def _may_see(self, uid: str) -> bool:
        """Return True for the operator, and for the person whose verified wearable this is."""
        if self.may_observe:
            return True
        if self.person is None:
            return False
        return uid in await self.site.system.store.read_cold(load_verified_uids, self.person.account_id)


class ActivationHandler(BaseHandler):
    """Counts what became of speech since the process began, by the names that the original has."""

    route = "/metrics/activation"
    access = Access.SCRAPER
    is_paced = True

    @declare(ok(counters=Counters))
    def get(self) -> None:
        """Answer with the counts. There is no menu here, so its count stays 0.

        Raises:
            SignatureMismatchError: the request has neither METRICS_TOKEN nor the operator's rights.
        """
        if not is_same(bearer_token(self.request.headers.get("Authorization")), self.site.metrics_token):
            self.require_operator()
        now = take_readings(REGISTRY)
        counters = {
            "explicitTriggers": now.total("omi_questions_total"),
            "suppressedDuplicates": now.total("omi_questions_repeated_total")
            + now.total("omi_chats_total", outcome="duplicate"),
            "helpRequests": now.total("omi_http_requests_total", route="/help", status="2xx"),
            "menuOpens": 0,
            "aiResponses": now.total("omi_answers_total", outcome="answered"),
        }
        self.send_json({"ok": True, "counters": {name: int(value) for name, value in counters.items()}})

    head = get


ROUTES = (
    (r"/health/db/?", DatabaseHandler),
    (r"/rate-limit/([^/]+)", RateLimitHandler),
)
