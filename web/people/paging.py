"""Pages of lists: `limit`, and `cursor`, which is the place of the last row of the page before.

Not here: the statements (omi_actors/store/people/). Threads: any; pure.
"""

from tornado.web import RequestHandler

from omi_actors.domain.people.conversations import NEWEST, Position
from omi_actors.errors import BadRequestError
from web.handlers.base import whole_number
from web.people.forms import parse_cursor

# Limits are cut to the address's own, as clients expect; this only keeps numbers short.
_LARGEST = 10**9


def read_limit(handler: RequestHandler, default: int, largest: int) -> int:
    """Return the page's length, at most `largest`.

    Raises:
        BadRequestError: it is not a positive whole number.
    """
    return min(largest, whole_number(handler, "limit", default, low=1, high=_LARGEST))


def read_cursor(handler: RequestHandler) -> Position:
    """Return the place before which the page begins. A time (ISO 8601) is taken, too.

    Raises:
        BadRequestError: the cursor has another form.
    """
    return find_place(handler.get_query_argument("cursor", ""))


def find_place(cursor: str) -> Position:
    """Return the place that a cursor names; "" is before all rows.

    Raises:
        BadRequestError: the cursor has another form.
    """
    if not cursor:
        return NEWEST
    position = parse_cursor(cursor)
    if position is None:
        raise BadRequestError(
            "`cursor` is none of this list.", hint="Send `nextCursor` of the page before, or begin without it."
        )
    return position
