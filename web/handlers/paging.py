"""Numbers in queries: the size of a page and where it begins.

Not here: pages. Threads: the event loop.
"""

from tornado.web import RequestHandler

from omi_actors.errors import BadRequestError


def whole_number(handler: RequestHandler, name: str, default: int, *, low: int, high: int) -> int:
    """Return a number of the query.

    Raises:
        BadRequestError: it is none, or out of its range.
    """
    text = handler.get_query_argument(name, "")
    if not text:
        return default
    number = int(text) if text.isascii() and text.isdigit() and len(text) <= len(str(high)) else -1
    if not low <= number <= high:
        raise BadRequestError(f"`{name}` must be a whole number from {low} to {high}.")
    return number
