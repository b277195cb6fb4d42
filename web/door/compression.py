"""Gzip for answers, by Tornado, except where it would hold back what is to be seen at once.

Not here: which answers there are (handlers/). Threads: the event loop: 1 MB of JSON takes it 10 ms at this level.
"""

from tornado.web import GZipContentEncoding


class Gzip(GZipContentEncoding):
    """Compresses text and JSON from 1 kB on; never an event stream, whose lines must leave one by one."""

    GZIP_LEVEL = 1

    def _compressible_type(self, ctype: str) -> bool:
        return ctype != "text/event-stream" and super()._compressible_type(ctype)
