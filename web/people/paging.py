"""Pages of lists: `limit`, and `cursor`, which is the place of the last row of the page before.

Not here: the statements (omi_actors/store/people/). Threads: any; pure.
"""

from dataclasses import dataclass

from tornado.web import RequestHandler

from omi_actors.domain.people.conversations import NEWEST, Position
from omi_actors.errors import BadRequestError
from web.parameters import Number, Parameter
from web.people.forms import parse_cursor


def page_limit(default: int, largest: int) -> Number:
    """Return the parameter for the page's length. Larger ones are cut, as clients expect."""
    return Number("limit", "Rows of the page; larger numbers are cut.", default, low=1, high=largest, is_cut=True)


@dataclass(frozen=True, slots=True)
class Cursor(Parameter):
    """The place before which the page begins."""

    def read(self, handler: RequestHandler) -> Position:
        """Return the place. A time (ISO 8601) is taken, too.

        Raises:
            BadRequestError: the cursor has another form.
        """
        return self.parse(self.find(handler))

    @staticmethod
    def parse(text: str) -> Position:
        """Return the place that a cursor names; "" is before all rows.

        Raises:
            BadRequestError: the cursor has another form.
        """
        if not text:
            return NEWEST
        position = parse_cursor(text)
        if position is None:
            raise BadRequestError(
                "`cursor` is none of this list.", hint="Send `nextCursor` of the page before, or begin without it."
            )
        return position


CURSOR = Cursor("cursor", "`nextCursor` of the page before, or a time; without it the page begins with the newest.")
